/**
 * What sending costs a program of Deno's, with no server around it: processor time of a datagram of 1464 bytes, and of a
 * write of several sizes to a TCP connection, by each way that there is. Nothing that sends is cheaper than these: a server
 * whose share is near is as cheap as Deno lets it be.
 *
 *     deno run -A bench/transport/system_calls.ts [RECEIVERS] [ROUNDS]
 *
 * All receivers, which are another process, are sent to at once, 30 times a second, as players are for each picture; datagrams
 * ten for each. Ways take turns; figures are medians of the rounds.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { bindDeno } from "../../src/transport/datagram.ts";
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { median } from "../fanout/run_clients.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

const { rest } = programArguments(import.meta, { rest: "[RECEIVERS] [ROUNDS]" });
const [receivers = 200, rounds = 7] = rest.map(Number);
const DATAGRAM_BYTES = 1464;
const RUN = 10;
const PICTURES = 3;
const PICTURE_MS = 33;

/** Receives on so many UDP ports, which it prints, and from so many connections to a port, which it prints too. */
const SINK = `
const count = Number(Deno.args[0]);
const LOCAL = { hostname: "127.0.0.1", port: 0 };
const sockets = Array.from({ length: count }, () => Deno.listenDatagram({ ...LOCAL, transport: "udp" }));
const listener = Deno.listen(LOCAL);
console.log(JSON.stringify([listener.addr.port, ...sockets.map((socket) => socket.addr.port)]));
for (const socket of sockets) (async () => { const room = new Uint8Array(2048); for (;;) await socket.receive(room); })();
for await (const conn of listener) (async () => { const room = new Uint8Array(65536); while (await conn.read(room) !== null); })().catch(() => {});`;

/** One way to send: `turn` sends to all receivers once and resolves when all has left. */
interface Way {
  readonly title: string;
  readonly sends: number;
  turn(): Promise<unknown> | void;
}

const file = await Deno.makeTempFile({ suffix: ".js" });
await Deno.writeTextFile(file, SINK);
await using sink = new Deno.Command(Deno.execPath(), {
  args: ["run", "--allow-net", "--unstable-net", "--no-lock", file, String(receivers)],
  stdout: "piped",
}).spawn();
const { value: told } = await sink.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
const [tcpPort, ...udpPorts]: [number, ...number[]] = JSON.parse(told!);

const log = new Uint8Array(1024 * 1024);
const run = Array.from(
  { length: RUN },
  (_, at) => log.subarray(at * DATAGRAM_BYTES, (at + 1) * DATAGRAM_BYTES),
);
const peers = udpPorts.map((port) => ({ hostname: "127.0.0.1", port, transport: "udp" as const }));
const conn = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
const socket = bindDeno({ hostname: "127.0.0.1", port: 0 });
const nodeSocket = createSocket("udp4");
const nothing = (): void => {};

function datagrams(title: string, send: (peer: typeof peers[0]) => unknown): Way {
  return { title, sends: receivers * RUN, turn: () => Promise.all(peers.map(send)) };
}

const ways: Way[] = [
  datagrams("Deno, one awaited after the other", async (peer) => {
    for (const bytes of run) await conn.send(bytes, peer);
  }),
  {
    title: "Deno, one receiver after the other",
    sends: receivers * RUN,
    async turn() {
      for (const peer of peers) {
        for (const bytes of run) await conn.send(bytes, peer);
      }
    },
  },
  datagrams(
    "Deno, all of a run under way",
    (peer) => Promise.all(run.map((bytes) => conn.send(bytes, peer))),
  ),
  datagrams("node:dgram", (peer) => {
    for (const bytes of run) nodeSocket.send(bytes, peer.port, peer.hostname);
  }),
];
if (Deno.build.os === "linux") {
  ways.push(datagrams("--allow-ffi, a run by one call", (peer) => socket.sendRun(run, peer)));
}

const conns = await Promise.all(
  Array.from({ length: receivers }, () => Deno.connect({ hostname: "127.0.0.1", port: tcpPort })),
);
const writers = conns.map(({ writable }) => writable.getWriter());
const nodeConns = await Promise.all(
  Array.from({ length: receivers }, () =>
    new Promise<Socket>((resolve) => {
      const socket = connect(tcpPort, "127.0.0.1", () => resolve(socket));
    })),
);
for (const size of [1500, 4000, 13_300, 40_000]) {
  const bytes = log.subarray(0, size);
  ways.push({
    title: `TCP, ${size} bytes, conn.write`,
    sends: receivers,
    turn: () => Promise.all(conns.map((conn) => conn.write(bytes))),
  }, {
    title: `TCP, ${size} bytes, conn.writable`,
    sends: receivers,
    turn: () => Promise.all(writers.map((writer) => writer.write(bytes))),
  }, {
    title: `TCP, ${size} bytes, node:net`,
    sends: receivers,
    turn() {
      for (const conn of nodeConns) conn.write(bytes, nothing);
    },
  });
}

const costs = new Map<Way, number[]>(ways.map((way) => [way, []]));
for (let round = -1; round < rounds; round++) {
  for (const [way, found] of costs) {
    const before = await readCpuSeconds();
    for (let picture = 0; picture < PICTURES; picture++) {
      await way.turn();
      await new Promise((resolve) => setTimeout(resolve, PICTURE_MS));
    }
    const seconds = await readCpuSeconds() - before;
    if (round >= 0) found.push(seconds * 1e6 / (PICTURES * way.sends));
  }
}
for (const [{ title }, found] of costs) {
  console.log(`${title.padEnd(36)} ${median(found).toFixed(2).padStart(6)} µs`);
}
for (const each of [...conns, conn]) each.close();
for (const each of nodeConns) each.destroy();
socket.close();
nodeSocket.close();
sink.kill();
await Deno.remove(file);
