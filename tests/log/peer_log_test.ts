import { assert, assertEquals } from "@std/assert";
import { PeerLog } from "../../src/log/peer_log.ts";
import { TurnedClock } from "../support/turned_clock.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { LogBook, TestServer, until } from "../support/test_server.ts";

function peerLog(): {
  readonly peers: PeerLog;
  readonly book: LogBook;
  readonly clock: TurnedClock;
} {
  const book = new LogBook();
  const clock = new TurnedClock();
  return { peers: new PeerLog(book, clock), book, clock };
}

Deno.test("of a peer that fails on and on, the first lines are written and the others counted (threats: log flooding)", () => {
  const { peers, book, clock } = peerLog();
  const bad = peers.of("192.0.2.1");
  const good = peers.of("192.0.2.2");
  for (let number = 0; number < 1000; number++) bad.warn("bad", { number });
  good.warn("good");
  const shown = (): string[] => book.lines.map(({ message }) => message);
  assertEquals(shown(), [...Array.from({ length: 20 }, () => "bad"), "good"]);
  clock.turn(9999);
  peers.tick();
  assertEquals(book.lines.length, 21);
  clock.turn(1);
  peers.tick();
  assertEquals(book.lines.at(-1), {
    level: "warn",
    message: "log lines were left out",
    fields: { lines: 980, addresses: 2, most: "192.0.2.1" },
  });
  bad.warn("again");
  assertEquals(shown().at(-1), "again");
  clock.turn(10_000);
  peers.tick();
  assertEquals(shown().at(-1), "again", "nothing was left out");
  assertEquals(peers.linesLeftOut, 980);
});

Deno.test("addresses that count as one may cause the lines of one, and no more", () => {
  const book = new LogBook();
  const peers = new PeerLog(book, new TurnedClock(), {
    countedAs: (address) => address.slice(0, 1),
  });
  for (let number = 0; number < 30; number++) peers.of(`a${number}`).warn("bad");
  peers.of("b1").warn("good");
  assertEquals(book.lines.length, 21);
  peers.flush();
  assertEquals(book.lines.at(-1)?.fields, { lines: 10, addresses: 2, most: "a" });
});

Deno.test("many peers together are bounded too, and what they leave out is told in the end (threats: log flooding)", () => {
  const { peers, book } = peerLog();
  for (let peer = 0; peer < 5000; peer++) {
    const log = peers.of(`2001:db8::${peer.toString(16)}`);
    log.warn("failed");
    log.info("came");
    log.error("broken");
  }
  const count = (level: string): number => book.lines.filter((line) => line.level === level).length;
  assertEquals([count("warn") + count("error"), count("info")], [200, 1000]);
  peers.flush();
  assertEquals(book.lines.slice(-2).map(({ fields }) => fields.lines), [9800, 4000]);
});

Deno.test("connections that break and requests that are refused do not fill the log, whatever they speak (threats: log flooding)", async () => {
  await using weir = await TestServer.start({
    rtsp: { hostname: "127.0.0.1", port: 0 },
    hooks: { onPublish: () => ({ refuse: "No" }) },
    timing: { closeMs: 100 },
  });
  const ports = weir.server.addresses.map(({ port }) => port);
  const visit = async (port: number): Promise<void> => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode("\x06no protocol\r\n\r\n"));
    await conn.read(new Uint8Array(100)).catch(() => {});
  };
  for (const port of ports) {
    for (let round = 0; round < 50; round++) await visit(port);
  }
  using client = await RtmpClient.open(weir.port);
  const streamId = await client.createStream();
  for (let round = 0; round < 50; round++) {
    await client.command("publish", { args: ["cam"], streamId });
    await client.status("NetStream.Publish.Denied");
  }
  client.close();
  await until(() => weir.server.connectionCount === 0);
  const warnings = (): readonly string[] =>
    weir.log.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
  assert(warnings().length <= 20, `${warnings().length} lines`);
  await weir.server.stop();
  const last = weir.log.lines.filter(({ message }) => message === "log lines were left out");
  assertEquals(last.map(({ fields }) => fields), [
    { lines: 150 - 20, addresses: 1, most: "127.0.0.1" },
  ]);
});
