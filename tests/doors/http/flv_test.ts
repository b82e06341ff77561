import { assert, assertEquals, assertLess } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { ServerOptions } from "../../../mod.ts";
import { publishFlv } from "../../../src/doors/http/flv_input.ts";
import { HttpExchange } from "../../../src/doors/http/http_exchange.ts";
import type { StreamVisit } from "../../../src/doors/http/http_visit.ts";
import { encodeFlvHeader, encodeFlvTag, FlvTagType } from "../../../src/flv/mod.ts";
import { GateBench, granted } from "../../gate/gate_bench.ts";
import { patiently } from "../../support/patience.ts";
import { BODIES, numberOf, RtmpClient } from "../../support/rtmp_client.ts";
import { TestServer, until } from "../../support/test_server.ts";
import { settled } from "../../support/turned_clock.ts";
import type { Shell } from "../../../src/doors/mod.ts";
import { FlvPlayer } from "./flv_player.ts";

/** A server with a port of RTMP and one of HTTP. */
async function start(options: ServerOptions = {}) {
  const weir = await TestServer.start({ http: { hostname: "127.0.0.1", port: 0 }, ...options });
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  return { weir, port, url: `http://127.0.0.1:${port}` };
}

/** Resolves when the stream has had so many units. */
async function arrived(weir: TestServer, units: number): Promise<void> {
  await until(() => (weir.server.stream("live/cam").statistics?.publisher?.units ?? 0) >= units);
}

Deno.test("HTTP-FLV starts at the key frame, with a header that says what there is", async () => {
  const { weir, url } = await start();
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 14);
  await publisher.media("audio", 600, BODIES.audio(1));
  await arrived(weir, 17);
  const answer = await fetch(`${url}/live/cam.flv`);
  assertEquals(answer.headers.get("content-type"), "video/x-flv");
  assertEquals(answer.headers.get("access-control-allow-origin"), "*");
  const player = FlvPlayer.ofAnswer(answer);
  assertEquals(await player.frameNumbers(13), [10, 11, 12, 13]);
  assertEquals(player.decoder.header, { hasAudio: true, hasVideo: true });
  await publisher.frames(14, 2);
  assertEquals(await player.frameNumbers(15), [14, 15]);
  const [ticket] = weir.server.snapshot().tickets.filter(({ action }) => action === "play");
  assertEquals([ticket?.protocol, ticket?.remoteAddress], ["http-flv", "127.0.0.1"]);
  await player.leave();
  await publisher.frames(16, 1);
  await until(() => weir.server.tickets.size === 1);
  await until(() => weir.server.connectionCount === 1);
});

Deno.test("HTTP-FLV leaves audio or video out where the player wants", async () => {
  const { weir, url } = await start();
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 3);
  await publisher.media("audio", 100, BODIES.audio(7));
  await arrived(weir, 6);
  const typesOf = async (query: string) => {
    const player = FlvPlayer.ofAnswer(await fetch(`${url}/live/cam.flv${query}`));
    const types = new Set<number>();
    // What one player has of the other's kind would stand before the last of its own.
    const last = query === "?audio=0" ? 2 : 7;
    for (;;) {
      const { type, body } = (await player.tag())!;
      types.add(type);
      if (body[1] === 1 && numberOf(body) === last) break;
    }
    await player.leave();
    return { types, header: player.decoder.header };
  };
  assertEquals(await typesOf("?audio=0"), {
    types: new Set<number>([FlvTagType.Video]),
    header: { hasAudio: false, hasVideo: true },
  });
  assertEquals(await typesOf("?video=0"), {
    types: new Set<number>([FlvTagType.Audio]),
    header: { hasAudio: true, hasVideo: false },
  });
});

Deno.test("a player may come first, waits, and has all from the first key frame on", async () => {
  const { weir, url } = await start();
  await using _ = weir;
  const answering = fetch(`${url}/live/cam.flv`);
  await until(() => weir.server.snapshot().tickets[0]?.state === "waiting");
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 5);
  const player = FlvPlayer.ofAnswer(await answering);
  assertEquals(await player.frameNumbers(4), [0, 1, 2, 3, 4]);
  await player.leave();
});

Deno.test("a player that is kicked, and one whose stream has ended, come to the end of the body", async () => {
  const { weir, url } = await start({ hub: { lingerMs: 50 } });
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 2);
  await arrived(weir, 4);
  const kicked = FlvPlayer.ofAnswer(await fetch(`${url}/live/cam.flv`));
  await kicked.frameNumbers(1);
  const [ticket] = [...weir.server.tickets.values()].filter(({ info }) => info.action === "play");
  ticket!.kick("Enough");
  assertEquals(await kicked.rest(), []);
  await until(() => weir.server.tickets.size === 1);

  const other = FlvPlayer.ofAnswer(await fetch(`${url}/live/cam.flv`));
  publisher.close();
  assertEquals((await other.rest()).map(({ type }) => type).includes(FlvTagType.Video), true);
  await until(() => weir.server.connectionCount === 0);
});

Deno.test("an HTTP player that reads slowly skips to a key frame, and makes the server hold no more", async () => {
  const { weir } = await start({ hub: { maxLagBytes: 100_000, maxGopBytes: 200_000 } });
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1, { bytes: 2000 });
  await arrived(weir, 3);
  // Nothing between the server and this body buffers, so what is not read is not taken.
  const answer = await weir.server.fetch(new Request("http://weir.test/live/cam.flv"));
  const player = FlvPlayer.ofAnswer(answer);
  assertEquals(await player.frameNumbers(0), [0]);
  for (let from = 1; from < 1000; from += 100) {
    await publisher.frames(from, 100, { bytes: 2000 });
    await arrived(weir, from + 102);
  }
  assertLess(weir.server.snapshot().heldBytes.streams, 2_000_000);
  const numbers = await player.frameNumbers(1000);
  assert(numbers.length < 110, `${numbers.length} pictures of a thousand`);
  const resumed = numbers.find((number, at) => number !== (numbers[at - 1] ?? 0) + 1);
  assertEquals(resumed! % 10, 0, "it goes on at a key frame");
  assertEquals(weir.server.stream("live/cam").statistics?.readers[0]?.skips, 1);
  await player.leave();
});

Deno.test("a player that takes nothing is left after a while", async () => {
  const { weir } = await start({ timing: { writeStallMs: 300 } });
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 3);
  await arrived(weir, 5);
  const answer = await weir.server.fetch(new Request("http://weir.test/live/cam.flv"));
  await until(() => weir.server.tickets.size === 1);
  await answer.body?.cancel();
});

Deno.test("WebSocket-FLV plays the same bytes at the same URL, and is told why it ends", async () => {
  const { weir, url } = await start();
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 12);
  await arrived(weir, 14);
  const { socket, player } = FlvPlayer.ofWebSocket(`${url}/live/cam.flv`.replace("http", "ws"));
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
  assertEquals(await player.frameNumbers(11), [10, 11]);
  await publisher.frames(12, 2);
  assertEquals(await player.frameNumbers(13), [12, 13]);
  const play = [...weir.server.tickets.values()].find(({ info }) => info.action === "play")!;
  assertEquals(play.info.protocol, "ws-flv");
  play.kick("Enough of it");
  const { code, reason } = await patiently(closed);
  assertEquals([code, reason], [1008, "Enough of it"]);
  await until(() => weir.server.connectionCount === 1);
});

Deno.test("a WebSocket player whose stream ends is told so, and one that talks too much is sent away", async () => {
  const { weir, url } = await start({ hub: { lingerMs: 50 } });
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 2);
  await arrived(weir, 4);
  const open = async () => {
    const { socket, player } = FlvPlayer.ofWebSocket(`${url}/live/cam.flv`.replace("http", "ws"));
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
    await player.frameNumbers(1);
    return { socket, closed };
  };
  const talker = await open();
  talker.socket.send("x".repeat(70_000));
  assertEquals((await patiently(talker.closed)).code, 1009);
  const listener = await open();
  publisher.close();
  assertEquals((await patiently(listener.closed)).code, 1000);
  await until(() => weir.server.connectionCount === 0);
});

/** FLV of some frames, in pieces. */
function* flvPieces(frames: number): Generator<Uint8Array> {
  yield encodeFlvHeader({ hasAudio: false, hasVideo: true });
  yield encodeFlvTag({ type: FlvTagType.Video, timestampMs: 0, body: BODIES.videoConfig });
  for (let number = 0; number < frames; number++) {
    const body = number % 10 === 0 ? BODIES.key(number) : BODIES.inter(number);
    yield encodeFlvTag({ type: FlvTagType.Video, timestampMs: number * 40, body });
  }
}

/** Starts to publish, and gives what ends it. */
function put(url: string, method: string, pieces: Iterable<Uint8Array>) {
  const ended = Promise.withResolvers<void>();
  const body = ReadableStream.from((async function* () {
    yield* pieces;
    await ended.promise;
  })());
  return { end: ended.resolve, answering: fetch(url, { method, body }) };
}

Deno.test("FLV that is PUT or POSTed is published, plays over RTMP, and is answered at its end", async () => {
  const { weir, url } = await start();
  await using _ = weir;
  for (const method of ["PUT", "POST"]) {
    const { end, answering } = put(`${url}/live/${method}.flv`, method, flvPieces(4));
    await until(() => weir.server.stream(`live/${method}`).statistics?.publisher?.units === 5);
    using player = await RtmpClient.player(weir.port, method);
    assertEquals(await player.frameNumbers(3), [0, 1, 2, 3]);
    end();
    const answer = await answering;
    assertEquals([answer.status, await answer.json()], [200, {
      stream: `live/${method}`,
      units: 5,
    }]);
  }
});

Deno.test("a body that is not FLV, or holds none, takes nobody's place, and is told why", async () => {
  const { weir, url } = await start({ hub: { conflict: "takeover" } });
  await using _ = weir;
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  await arrived(weir, 3);
  const header = encodeFlvHeader({ hasAudio: false, hasVideo: true });
  const tag = encodeFlvTag({ type: FlvTagType.Video, timestampMs: 0, body: BODIES.key(0) });
  const bodies: [string, Uint8Array][] = [
    ["signature", new TextEncoder().encode("<html>not a film</html>")],
    ["signature", header.subarray(0, 8)],
    ["empty", header],
    ["empty", concat([header, tag.subarray(0, 20)])],
    // A tag of 3 MiB, of which a good third has come.
    ["tag-too-large", concat([header, new Uint8Array([9, 0x30, 0, 0]), new Uint8Array(1_100_000)])],
  ];
  for (const [code, bytes] of bodies) {
    const answer = await fetch(`${url}/live/cam.flv`, { method: "POST", body: bytes.slice() });
    assertEquals([answer.status, (await answer.json()).code], [400, code]);
  }
  await publisher.frames(1, 1);
  await arrived(weir, 4);
  assertEquals(weir.log.lines.filter(({ message }) => message === "rtmp publish ended"), []);
});

Deno.test("a body that shows no media, however it drips in, is not waited for longer than 10 s", async () => {
  const bench = new GateBench();
  const guest = await bench.entered({ protocol: "http-flv", isRequest: true });
  const exchange = new HttpExchange(guest);
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const visit = {
    body: new ReadableStream({ start: (given) => void (controller = given) }),
    mayPublish: async (options: object) =>
      granted(await guest.publish({ name: "live/cam", ...options })),
    ...{ guest, exchange, name: "live/cam", shell: bench as unknown as Shell, log: bench.log },
  };
  const answering = publishFlv(visit as Partial<StreamVisit> as StreamVisit);
  const bytes = encodeFlvHeader({ hasAudio: false, hasVideo: true });
  for (let second = 0; second < 10; second++) {
    await settled();
    assertEquals(exchange.end, undefined);
    controller.enqueue(bytes.subarray(second, second + 1));
    bench.clock.turn(1000);
    exchange.tick();
  }
  const answer = await answering;
  assertEquals([answer.status, exchange.end?.reason], [408, "idle-timeout"]);
  assertEquals([bench.heard, bench.tickets], [[`disconnect ${guest.id}: idle-timeout`], []]);
});

Deno.test("a name that is taken is refused with 409 before the body is read", async () => {
  const { weir, url } = await start({ hub: { conflict: "reject" } });
  await using _ = weir;
  using _publisher = await RtmpClient.publisher(weir.port, "cam");
  await arrived(weir, 2);
  const { end, answering } = put(`${url}/live/cam.flv`, "PUT", flvPieces(1));
  const answer = await answering;
  assertEquals(answer.status, 409);
  assertEquals((await answer.json()).code, "taken");
  end();
});

Deno.test("a publisher by HTTP is told by whom it was ended: another one, a kick, the server's stop", async () => {
  const { weir, url } = await start({ hub: { conflict: "takeover" } });
  await using _ = weir;
  const publish = async () => {
    const publishing = put(`${url}/live/cam.flv`, "PUT", flvPieces(3));
    await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === 4);
    return publishing;
  };
  const first = await publish();
  const second = put(`${url}/live/cam.flv`, "PUT", flvPieces(2));
  const replaced = await first.answering;
  assertEquals([replaced.status, (await replaced.json()).code], [409, "replaced"]);
  first.end();
  await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === 3);
  [...weir.server.tickets.values()][0]!.kick("Not you");
  const kicked = await second.answering;
  assertEquals([kicked.status, await kicked.json()], [403, { code: "kicked", reason: "Not you" }]);
  second.end();
  const third = await publish();
  const stopping = weir.server.stop();
  const stopped = await third.answering;
  assertEquals([stopped.status, (await stopped.json()).code], [503, "stopped"]);
  third.end();
  await stopping;
});
