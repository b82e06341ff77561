import { assert, assertEquals, assertRejects } from "@std/assert";
import type { DatagramSocket } from "../../src/transport/mod.ts";
import { bindDeno, bindNode } from "../../src/transport/datagram.ts";
import { importMap } from "../support/import_map.ts";
import { run } from "../support/process.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** Both ways to the same interface. */
const KINDS = {
  "Deno.listenDatagram": (address: typeof LOCAL) => Promise.resolve(bindDeno(address)),
  "node:dgram": bindNode,
} as const;

/** Takes the datagrams of a socket one by one. */
function inbox(socket: DatagramSocket) {
  const received: { bytes: Uint8Array; port: number; hostname: string }[] = [];
  let wake = (): void => {};
  const ended = socket.receive((bytes, { hostname, port }) => {
    received.push({ bytes, hostname, port });
    wake();
  });
  return {
    ended,
    async next() {
      while (received.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return received.shift()!;
    },
  };
}

for (const [name, bind] of Object.entries(KINDS)) {
  Deno.test(`${name}: datagrams arrive whole, with who sent them, and are not changed after`, async () => {
    const a = await bind(LOCAL);
    const b = await bind(LOCAL);
    assert(a.port > 0 && a.port !== b.port);
    const at = inbox(a);
    const bt = inbox(b);
    const kept: Uint8Array[] = [];
    for (let number = 0; number < 100; number++) {
      const bytes = new Uint8Array(1 + number * 14).fill(number);
      await b.send(bytes, { ...LOCAL, port: a.port });
      const received = await at.next();
      assertEquals([received.hostname, received.port], ["127.0.0.1", b.port]);
      kept.push(received.bytes);
    }
    for (const [number, bytes] of kept.entries()) {
      assertEquals(bytes, new Uint8Array(1 + number * 14).fill(number));
    }
    await a.send(Uint8Array.of(7), { ...LOCAL, port: b.port });
    assertEquals((await bt.next()).bytes, Uint8Array.of(7));
    a.close();
    b.close();
    await Promise.all([at.ended, bt.ended]);
  });

  Deno.test(`${name}: a run of datagrams arrives in order, and costs nobody the socket`, async () => {
    const a = await bind(LOCAL);
    const b = await bind(LOCAL);
    const { next, ended } = inbox(a);
    const peer = { ...LOCAL, port: a.port };
    const long = new Uint8Array(65_508);
    const sizes = [1464, 1464, 700, 20, 1464];
    await b.sendRun(
      [long, ...sizes.map((size, number) => new Uint8Array(size).fill(number))],
      peer,
    );
    for (const [number, size] of sizes.entries()) {
      assertEquals((await next()).bytes, new Uint8Array(size).fill(number));
    }
    b.close();
    await b.sendRun([Uint8Array.of(1)], peer);
    a.close();
    await ended;
  });

  Deno.test(`${name}: runs for many peers that are given at once each arrive whole and in order`, async () => {
    const socket = await bind(LOCAL);
    const peers = await Promise.all(Array.from({ length: 5 }, () => bind(LOCAL)));
    const inboxes = peers.map(inbox);
    const sent = [0, 1, 2].map((round) =>
      peers.map(({ port }, to) => {
        // One that cannot be sent costs itself alone.
        const long = new Uint8Array(to === 1 ? 65_508 : 1);
        const run = [0, 1, 2, 3].map((number) => Uint8Array.of(to, round, number));
        return socket.sendRun([long, ...run], { ...LOCAL, port });
      })
    );
    await Promise.all(sent.flat());
    for (const [to, { next }] of inboxes.entries()) {
      for (const round of [0, 1, 2]) {
        if (to !== 1) assertEquals((await next()).bytes.length, 1);
        for (const number of [0, 1, 2, 3]) {
          assertEquals((await next()).bytes, Uint8Array.of(to, round, number));
        }
      }
    }
    for (const each of [socket, ...peers]) each.close();
    await Promise.all(inboxes.map(({ ended }) => ended));
  });

  Deno.test(`${name}: a socket on :: serves both families, and names IPv4 peers as such`, async () => {
    const both = await bind({ hostname: "::", port: 0 });
    assertEquals(both.hostname, "::");
    const { next, ended } = inbox(both);
    for (const hostname of ["127.0.0.1", "::1"]) {
      const client = await bind({ hostname, port: 0 });
      const answers = inbox(client);
      await client.send(Uint8Array.of(1), { hostname, port: both.port });
      const { bytes: _, ...sender } = await next();
      assertEquals(sender, { hostname, port: client.port });
      await both.send(Uint8Array.of(2), sender);
      assertEquals((await answers.next()).bytes, Uint8Array.of(2));
      client.close();
      await answers.ended;
    }
    both.close();
    await ended;
  });

  Deno.test(`${name}: a datagram of 2048 bytes or more is dropped, those around it are not (R090)`, async () => {
    const a = await bind(LOCAL);
    const b = await bind(LOCAL);
    const { next, ended } = inbox(a);
    const peer = { ...LOCAL, port: a.port };
    for (const size of [100, 2048, 2049, 60_000, 2047]) await b.send(new Uint8Array(size), peer);
    assertEquals((await next()).bytes.length, 100);
    assertEquals((await next()).bytes.length, 2047);
    a.close();
    b.close();
    await ended;
  });

  Deno.test(`${name}: a peer that is gone costs nobody the socket`, async () => {
    const a = await bind(LOCAL);
    const gone = await bind(LOCAL);
    const { port } = gone;
    gone.close();
    const { next, ended } = inbox(a);
    for (let round = 0; round < 3; round++) await a.send(Uint8Array.of(1), { ...LOCAL, port });
    await a.send(Uint8Array.of(2), { ...LOCAL, port: a.port });
    assertEquals((await next()).bytes, Uint8Array.of(2));
    a.close();
    await ended;
    // Nor is a send after the end an error.
    await a.send(Uint8Array.of(3), { ...LOCAL, port });
  });

  Deno.test(`${name}: a port that is taken is told`, async () => {
    const a = await bind(LOCAL);
    await assertRejects(
      async () => void await bind({ ...LOCAL, port: a.port }),
      Deno.errors.AddrInUse,
    );
    const { ended } = inbox(a);
    const { port } = a;
    a.close();
    await ended;
    const again = await bind({ ...LOCAL, port });
    again.close();
  });
}

Deno.test("a program that was started without --unstable-net serves RTSP over UDP all the same", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weir-test-" });
  try {
    // The project's configuration, without what makes the flag be set.
    const imports = await importMap();
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
    const script = new URL("without_unstable_net.ts", import.meta.url).href;
    const { code, stdout, stderr } = await run(Deno.execPath(), [
      ...["run", "--config", `${folder}/deno.json`, "--no-lock", "--no-check", "--allow-net"],
      script,
    ], { cwd: folder });
    assertEquals(code, 0, stderr);
    assertEquals(new TextDecoder().decode(stdout), "undefined 10\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "with --allow-ffi, runs of datagrams leave by few calls of the system, whole and in order",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const root = new URL("../../", import.meta.url);
    const script = new URL("with_ffi.ts", import.meta.url).href;
    const { code, stdout, stderr } = await run(Deno.execPath(), [
      ...["run", "--no-lock", "--no-check", "--unstable-net", "--allow-net", "--allow-ffi"],
      script,
    ], { cwd: root.pathname });
    assertEquals(code, 0, stderr);
    const lines = ["127.0.0.1", "::", "::"].flatMap((bound) => [
      `${bound}, of one size: 10 true true`,
      `${bound}, of one size and a rest: 11 true true`,
      `${bound}, of all sizes: 10 true true`,
      `${bound}, of more than a call takes: 70 true true`,
      `${bound}, of none: 0 true true`,
      `${bound}, one too long before another: 9 false`,
      `${bound}, closed: false`,
    ]);
    assertEquals(new TextDecoder().decode(stdout).trimEnd().split("\n"), lines);
  },
});

Deno.test("datagrams that have come already leave timers their turn", async () => {
  const socket = bindDeno({ hostname: "127.0.0.1", port: 0 });
  const peer = bindDeno({ hostname: "127.0.0.1", port: 0 });
  const count = 60;
  for (let at = 0; at < count; at++) await peer.send(new Uint8Array(100), socket);
  let timers = 0;
  let received = 0;
  const ticking = setInterval(() => timers++, 1);
  const closed = socket.receive(() => {
    const endMs = performance.now() + 5;
    while (performance.now() < endMs);
    if (++received === count) socket.close();
  });
  await closed;
  clearInterval(ticking);
  peer.close();
  assert(timers >= count / 2, `${timers} timers in ${count} turns`);
});
