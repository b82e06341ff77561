import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FlvDecoder } from "../../src/flv/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { Server, ServerError } from "../../src/server/mod.ts";
import { inNoTime } from "../../src/server/fallback_source.ts";
import { PathRules } from "../../src/server/path_rules.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { isRtcp, parseRtpPacket } from "../../src/rtp/mod.ts";
import { TestServer, until } from "../support/test_server.ts";
import { offerOf, WebRtcClient } from "../support/webrtc_client.ts";

const SLATE = new URL("fixtures/short.flv", import.meta.url).pathname;

/** Units of the file, as an encoder with another size of picture would send them: told apart by `mark`. */
async function unitsOf(mark = 0): Promise<MediaUnit[]> {
  const kinds = { 8: "audio", 9: "video", 18: "data" } as const;
  return new FlvDecoder().push(await Deno.readFile(SLATE)).flatMap(
    ({ type, timestampMs, body }) => {
      const kind = kinds[type as 8 | 9 | 18];
      const own = mark === 0 ? body : new Uint8Array([...body, ...new Array(mark).fill(0)]);
      return unitOfFlv({ kind, dtsUs: timestampMs * 1000, body: own }) ?? [];
    },
  );
}

/** A publisher that sends what it is told to. */
function publisher(server: Server, name: string) {
  const { readable, writable } = new TransformStream<MediaUnit, MediaUnit>();
  const writer = writable.getWriter();
  const done = server.publish(name, readable);
  return {
    send: async (units: readonly MediaUnit[]) => {
      for (const unit of units) await writer.write(unit);
    },
    end: async () => {
      await writer.close();
      await done;
    },
    done,
  };
}

/** Reads a stream as a player does. */
function player(server: Server, name: string) {
  const abort = new AbortController();
  const seen: MediaUnit[] = [];
  const done = (async () => {
    const units = server.stream(name).units({ format: "as-published", signal: abort.signal });
    for await (const unit of units) seen.push(unit);
  })();
  return {
    seen,
    pictures: () => seen.filter(({ kind, role }) => kind === "video" && role === "media"),
    leave: async () => {
      abort.abort();
      await done;
    },
  };
}

Deno.test("players of a name with a fallback get its file at once, the publisher at its key frame, and the file again", async () => {
  await using test = await TestServer.start({
    paths: [{ pattern: "live/*", fallback: SLATE }],
    workers: 1,
  });
  const { server } = test;
  const view = player(server, "live/cam");
  await until(() => view.pictures().length > 1);
  assert(view.pictures()[0]!.keyFrame);
  const [stream] = server.snapshot().streams;
  assertEquals([stream!.publisher, stream!.isLive], [undefined, true]);
  assertEquals(stream!.fallback?.via, "fallback");
  const camera = publisher(server, "live/cam");
  await camera.send((await unitsOf(3)).slice(0, 8));
  await until(() => server.snapshot().streams[0]!.fallback === undefined);
  assertEquals(server.snapshot().streams[0]!.publisher!.via, undefined);
  const before = view.seen.length;
  const atMs = performance.now();
  await camera.end();
  await until(() => server.snapshot().streams[0]!.fallback !== undefined);
  await until(() => view.seen.length > before + 3);
  assert(performance.now() - atMs < 500);
  const times = view.pictures().map(({ dtsUs }) => dtsUs);
  assertEquals(times, times.toSorted((a, b) => a - b));
  // Who sends the fallback away has it stay away until somebody publishes.
  const ticket = [...server.tickets.values()].find(({ info }) => info.protocol === "fallback")!;
  ticket.kick("Enough");
  await until(() => server.snapshot().streams[0]?.isLive === false);
  const again = publisher(server, "live/cam");
  await again.send((await unitsOf(3)).slice(0, 8));
  await again.end();
  await until(() => server.snapshot().streams[0]!.fallback !== undefined);
  await view.leave();
});

Deno.test("a fallback may be another stream, which may have one itself", async () => {
  await using test = await TestServer.start({
    paths: [
      { pattern: "live/cam", fallback: "backup/cam" },
      { pattern: "backup/*", fallback: SLATE },
    ],
    workers: 1,
  });
  const { server } = test;
  const backup = publisher(server, "backup/cam");
  const units = await unitsOf();
  await backup.send(units.slice(0, 30));
  const view = player(server, "live/cam");
  await until(() => view.pictures().length > 1);
  const streams = () =>
    Object.fromEntries(server.snapshot().streams.map((stream) => [stream.name, stream]));
  assertEquals(streams()["live/cam"]!.fallback?.via, "fallback");
  assertEquals(streams()["backup/cam"]!.fallback, undefined);
  // The backup's end, too, is nothing that players see.
  const before = view.pictures().length;
  await backup.end();
  await until(() => view.pictures().length > before + 2);
  assertEquals(streams()["backup/cam"]!.fallback?.via, "fallback");
  const times = view.pictures().map(({ dtsUs }) => dtsUs);
  assertEquals(times, times.toSorted((a, b) => a - b));
  await view.leave();
});

Deno.test("a fallback that cannot be played is told before anything listens, and when the rules are changed", async () => {
  const paths = [{ pattern: "live/*", fallback: "./missing.flv" }];
  const server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 }, paths });
  const error = await assertRejects(() => server.listen(), ServerError);
  assert(/missing\.flv/.test(error.message), error.message);
  assertEquals(server.addresses, []);
  await using other = new Server();
  await assertRejects(() => other.configure({ paths }), Error, "missing.flv");
  assertEquals(other.paths, []);
});

Deno.test("fallbacks that go in a circle, or over too many streams, are refused in words", () => {
  const rules = (...pairs: [string, string][]) =>
    new PathRules(pairs.map(([pattern, fallback]) => ({ pattern, fallback })));
  assertThrows(
    () => rules(["a/x", "b/x"], ["b/x", "a/x"]),
    TypeError,
    "in a circle: b/x → a/x → b/x",
  );
  assertThrows(() => rules(["a/*", "b/1"], ["b/*", "a/1"]), TypeError, "in a circle");
  assertThrows(
    () => rules(["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"], ["e", "f"]),
    TypeError,
    "more than 4 streams: b → c → d → e → f",
  );
  assertThrows(() => rules(["a", "b//c"]), TypeError, "'fallback' must be a stream's name");
  // A pattern may be about its own fallback, which then has none.
  const own = rules(["live/*", "live/slate"]);
  assertEquals(own.of("live/cam").settings.fallback, "live/slate");
  assertEquals(own.of("live/slate").settings.fallback, undefined);
});

Deno.test("what a rule delays is dropped by whoever sends its publisher away, or by the program", async () => {
  await using test = await TestServer.start({
    paths: [{ pattern: "live/*", delayMs: 150 }],
    workers: 1,
  });
  const { server } = test;
  const view = player(server, "live/cam");
  const units = (await unitsOf()).slice(0, 30);
  const first = publisher(server, "live/cam");
  await first.send(units);
  assertEquals(server.stream("live/cam").isLive, false);
  // Health is that of what comes, and not of what is seen.
  assertEquals(server.snapshot().health.length, 1);
  assert(server.snapshot().streams[0]!.held!.bytes > 0);
  server.stream("live/cam").unpublish("Not that");
  await first.done;
  const second = publisher(server, "live/cam");
  await second.send(units);
  assertEquals(server.dropHeld("live/cam"), true);
  assertEquals(server.dropHeld("live/cam"), false);
  const third = units.map((unit) => ({
    ...unit,
    dtsUs: unit.dtsUs + 2e6,
    ptsUs: unit.ptsUs + 2e6,
  }));
  await second.send(third);
  assertEquals(view.seen, []);
  await second.end();
  await until(() => view.pictures().length > 3);
  assert(view.pictures()[0]!.keyFrame);
  await view.leave();
});

Deno.test("what a fallback begins with takes no time, and is seen in its order", () => {
  const picture = (dtsMs: number, ptsMs: number, keyFrame = false): MediaUnit => ({
    ...{ kind: "video", role: "media", track: 0, keyFrame, discardable: false } as const,
    ...{ dtsUs: dtsMs * 1000, ptsUs: ptsMs * 1000 },
    payload: { format: "access-unit", data: new Uint8Array(4) },
  });
  // Two pictures of three are shown before the one that they are sent behind.
  const sent = [picture(0, 80, true)];
  for (let at = 1; at < 49; at += 3) {
    const ms = at * 40;
    sent.push(picture(ms, ms + 160), picture(ms + 40, ms + 80), picture(ms + 80, ms + 120));
  }
  const sound: MediaUnit = { ...picture(900, 900), kind: "audio" };
  const hurried = inNoTime([...sent, sound]);
  assertEquals(hurried.length, sent.length);
  const last = sent.at(-1)!;
  assertEquals(hurried.at(-1)!.dtsUs, last.dtsUs);
  assert(last.dtsUs - hurried[0]!.dtsUs <= 49_000);
  const order = (units: readonly MediaUnit[]) =>
    units.map((unit, at) => [unit.ptsUs, at] as const).sort(([a], [b]) => a - b).map(([, at]) =>
      at
    );
  assertEquals(order(hurried), order(sent));
  for (const [at, { dtsUs, ptsUs }] of hurried.entries()) {
    assert(ptsUs >= dtsUs);
    assert(at === 0 || dtsUs > hurried[at - 1]!.dtsUs);
    // What is to be shown later is, when it was to be.
    if (sent[at]!.ptsUs >= last.dtsUs) assertEquals(ptsUs, sent[at]!.ptsUs);
  }
  assertEquals(inNoTime([sound]), [sound]);
});

Deno.test("pictures of FLV that take no time tell in their bodies when they are shown", () => {
  const unit = (dtsMs: number, offsetMs: number): MediaUnit =>
    unitOfFlv({
      kind: "video",
      dtsUs: dtsMs * 1000,
      body: new Uint8Array([dtsMs === 0 ? 0x17 : 0x27, 1, 0, 0, offsetMs, 0, 0, 0, 1, 9]),
    })!;
  const sent = [unit(0, 80), unit(40, 160), unit(80, 80), unit(120, 40), unit(160, 160)];
  const hurried = inNoTime(sent);
  for (const { dtsUs, ptsUs, payload } of hurried) {
    assert(payload.format === "flv");
    assertEquals(payload.body[4], Math.round((ptsUs - dtsUs) / 1000));
  }
  assertEquals(hurried.map(({ ptsUs }) => Math.round(ptsUs / 1000)), [158, 200, 160, 160, 320]);
});

/** The times of the pictures that a player of WebSocket-FLV is sent. */
async function watchByWebSocket(url: string) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const decoder = new FlvDecoder();
  const times: number[] = [];
  socket.onmessage = ({ data }) => {
    for (const { type, timestampMs, body } of decoder.push(new Uint8Array(data))) {
      if (type === 9 && body[1] === 1) times.push(timestampMs);
    }
  };
  await new Promise((resolve) => socket.onopen = resolve);
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  return { times, close: () => (socket.close(), closed) };
}

/** The times of the packets of pictures that a player of WebRTC is sent, in ticks of 90 kHz. */
async function watchByWebRtc(url: string) {
  const client = await WebRtcClient.begin(url, offerOf("recvonly"));
  const times: number[] = [];
  const sources = new Set<number>();
  client.onPacket = (packet) => {
    if (isRtcp(packet)) return;
    const plain = client.receiver?.unprotect(packet);
    if (plain === undefined) return;
    const { ssrc, timestamp } = parseRtpPacket(plain);
    sources.add(ssrc);
    times.push(timestamp);
  };
  await client.connect();
  return { times, sources, close: () => client[Symbol.asyncDispose]() };
}

Deno.test("players in browsers see the fallback, who publishes, and the fallback again, in times that go on", async () => {
  const LOCAL = { hostname: "127.0.0.1", port: 0 };
  await using test = await TestServer.start({
    paths: [{ pattern: "live/*", fallback: SLATE }],
    http: LOCAL,
    webrtc: LOCAL,
    workers: 1,
  });
  const { server } = test;
  const host = `127.0.0.1:${server.addresses.find(({ protocol }) => protocol === "http")!.port}`;
  const views = await Promise.all([
    watchByWebSocket(`ws://${host}/live/cam.flv`),
    watchByWebRtc(`http://${host}/live/cam/whep`),
  ]);
  const more = async () => {
    const counts = views.map(({ times }) => times.length);
    await until(() => views.every(({ times }, at) => times.length > counts[at]! + 3));
  };
  await more();
  const camera = publisher(server, "live/cam");
  const units = await unitsOf();
  await camera.send(units.slice(0, units.length / 2));
  await until(() => server.snapshot().streams[0]!.fallback === undefined);
  await more();
  await camera.end();
  await until(() => server.snapshot().streams[0]!.fallback !== undefined);
  await more();
  for (const { times } of views) {
    const steps = times.slice(1).map((time, at) => time - times[at]! | 0);
    assert(steps.every((step) => step >= 0), `${times}`);
  }
  assertEquals(views[1].sources.size, 1);
  for (const { close } of views) await close();
});
