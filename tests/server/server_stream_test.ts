import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtspClient } from "../../src/client/mod.ts";
import { FlvDecoder } from "../../src/flv/mod.ts";
import { HubError } from "../../src/hub/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { Server, type StreamUnit } from "../../src/server/mod.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";

/**
 * The units of an FLV file that ffmpeg has written: `ffmpeg -f lavfi -i testsrc=size=64x48:rate=25
 * -f lavfi -i sine -t 2 -c:v libx264 -bf 2 -g 12 -pix_fmt yuv420p -c:a aac -b:a 24k -f flv short.flv`.
 */
async function flvUnits(): Promise<MediaUnit[]> {
  const bytes = await Deno.readFile(new URL("fixtures/short.flv", import.meta.url));
  const kinds = { 8: "audio", 9: "video", 18: "data" } as const;
  return new FlvDecoder().push(bytes).flatMap(({ type, timestampMs, body }) => {
    const kind = kinds[type as 8 | 9 | 18];
    return unitOfFlv({ kind, dtsUs: timestampMs * 1000, body }) ?? [];
  });
}

Deno.test("a program reads a stream as access units, whatever published it, until it ends", async () => {
  const units = await flvUnits();
  await using server = new Server({ hub: { lingerMs: 0 } });
  const readable = server.stream("live/cam").units({ maxLagMs: 60_000 });
  await server.publish("live/cam", ReadableStream.from(units));
  const received: StreamUnit[] = await Array.fromAsync(readable);
  const count = (list: readonly MediaUnit[], kind: string): number =>
    list.filter((unit) => unit.kind === kind && unit.role === "media").length;
  assertEquals(count(received, "video"), count(units, "video"));
  assertEquals(count(received, "audio"), count(units, "audio"));
  const first = received.find(({ kind, role }) => kind === "video" && role === "media")!;
  assert(first.keyFrame);
  assertEquals(first.codec, "h264");
  assert(first.payload.format === "access-unit");
  const { data } = first.payload;
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0);
  assert(length > 0 && length + 4 <= data.length);
});

Deno.test("a program that asks for Annex B and video alone gets just that", async () => {
  await using server = new Server({ hub: { lingerMs: 0 } });
  const readable = server.stream("live/cam").units({
    format: "annex-b",
    tracks: ["video"],
    maxLagMs: 60_000,
  });
  await server.publish("live/cam", ReadableStream.from(await flvUnits()));
  let media = 0;
  for await (const unit of readable) {
    assertEquals(unit.kind, "video");
    if (unit.role !== "media") continue;
    media++;
    assert(unit.payload.format === "access-unit");
    assertEquals([...unit.payload.data.subarray(0, 4)], [0, 0, 0, 1]);
  }
  assert(media > 0);
});

Deno.test("a slow program loses media up to the next key frame, and never more than its bound", async () => {
  const units = await flvUnits();
  const media = units.filter(({ role }) => role === "media");
  await using server = new Server({ hub: { lingerMs: 0 } });
  const readable = server.stream("live/cam").units({ maxLagMs: 100, tracks: ["video"] });
  // Nothing is read before all is published.
  await server.publish("live/cam", ReadableStream.from(units));
  const received = await Array.fromAsync(readable);
  const video = received.filter(({ role }) => role === "media");
  assert(video.length < media.filter(({ kind }) => kind === "video").length);
});

Deno.test("a program that reads nothing holds no more than a bound, whatever the publisher says of time", async () => {
  const config = new Uint8Array([0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 0, 1, 0, 0]);
  const flood = (kind: "header" | "picture", number: number): MediaUnit => {
    const body = new Uint8Array(100_000).fill(number);
    body.set(kind === "header" ? config : [number === 0 ? 0x17 : 0x27, 1, 0, 0, 0]);
    return unitOfFlv({ kind: "video", dtsUs: 0, body })!;
  };
  for (const kind of ["header", "picture"] as const) {
    await using server = new Server({ hub: { lingerMs: 0 } });
    const readable = server.stream("live/cam").units({ format: "as-published" });
    const units = Array.from({ length: 250 }, (_, number) => flood(kind, number));
    const start = [unitOfFlv({ kind: "video", dtsUs: 0, body: config })!, flood("picture", 0)];
    await server.publish("live/cam", ReadableStream.from([...start, ...units]));
    const received: StreamUnit[] = await Array.fromAsync(readable);
    assert(received.length < 100, `${received.length} units of ${kind}`);
    assert(received.length > 0);
  }
});

Deno.test("a name has one publisher, also among programs", async () => {
  await using server = new Server({ hub: { conflict: "reject" } });
  const stop = new AbortController();
  const first = server.publish("live/cam", new ReadableStream(), { signal: stop.signal });
  const error = await assertRejects(
    () => server.publish("live/cam", ReadableStream.from([])),
    HubError,
  );
  assertEquals(error.code, "name-taken");
  stop.abort();
  await first;
  assertEquals(server.streams, []);
});

Deno.test("a stream that a program publishes before the server listens is played once it does (R006)", async () => {
  const address = { hostname: "127.0.0.1", port: 0 };
  await using server = new Server({ rtmp: false, rtsp: address, rtp: false });
  const abort = new AbortController();
  const units = await flvUnits();
  const published = server.publish(
    "live/cam",
    new ReadableStream({
      start: (controller) => units.forEach((unit) => controller.enqueue(unit)),
    }),
    { signal: abort.signal },
  );
  assert(!server.stream("nobody").isLive);
  await server.listen();
  const port = server.addresses[0]!.port;
  await using client = await RtspClient.connect(`rtsp://127.0.0.1:${port}/live/cam`);
  const description = await client.describe();
  assertEquals(description.media.map(({ kind }) => kind), ["video", "audio"]);
  abort.abort();
  await published;
});
