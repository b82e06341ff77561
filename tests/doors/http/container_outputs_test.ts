import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { CodecName } from "../../../src/media/mod.ts";
import { probe } from "../../support/probe.ts";
import { load } from "../../transmux/support.ts";
import { Portless, TestPublisher, unitsOf } from "./played_stream.ts";

const PAIRS: readonly (readonly [path: string, ...codecs: CodecName[]])[] = [
  ["cam.ts", "h264", "aac"],
  ["cam.ts", "h265", "mp3"],
  ["cam.ts", "opus"],
  ["cam.mp4", "h264", "aac"],
  ["cam.mp4", "h265", "opus"],
  ["cam.mp4", "vp9", "flac"],
  ["cam.mp4", "av1"],
  ["cam.mp4", "ac3"],
];

for (const [file, ...codecs] of PAIRS) {
  Deno.test(`HTTP plays ${codecs.join(" with ")} as ${file}, frame for frame`, async () => {
    await using weir = new Portless();
    const units = unitsOf(codecs);
    const bytes = await weir.play(`/live/${file}`, units);
    const extension = file.slice(-3).replace(".", "");
    const { packets } = await probe(bytes, { extension });
    for (const codec of codecs) {
      const published = load(codec).packets;
      const kind = ["aac", "mp3", "opus", "flac", "ac3"].includes(codec) ? "audio" : "video";
      const played = packets.filter((packet) => packet.kind === kind);
      // A player begins at the newest key frame that there is when it comes.
      const originUs = extension === "ts" ? 1_000_000 : 0;
      const startUs = played[0]!.ptsMs * 1000 - originUs;
      const at = published.findIndex(({ ptsUs }) => Math.abs(ptsUs - startUs) <= 2600);
      assert(at >= 0 && published[at]!.key, `${codec} begins at frame ${at}`);
      assert(played.length >= published.length / 2 - 4, `${played.length} frames of ${codec}`);
      for (const [index, { ptsMs, size }] of played.entries()) {
        const { ptsUs, data } = published[at + index]!;
        assertAlmostEquals(ptsMs * 1000 - originUs, ptsUs, 2600);
        if (codec === "opus" || codec === "vp9") assertEquals(size, data.length);
      }
    }
  });
}

Deno.test("a file of MP4 ends where its tracks change, and the next one has the new ones", async () => {
  await using weir = new Portless();
  const publisher = new TestPublisher(weir.server, "live/cam");
  const asked = weir.ask("/live/cam.mp4");
  const first = unitsOf(["h264"]);
  const second = unitsOf(["h265"], { startUs: 5_000_000 });
  publisher.send(first);
  const response = await asked;
  assertEquals(response.headers.get("content-type"), "video/mp4");
  const body = Array.fromAsync(response.body!);
  await weir.caughtUp(first);
  publisher.send(second);
  // The stream goes on: it is the file that ends.
  const { packets, streams } = await probe(concat(await body), { extension: "mp4" });
  assertEquals(streams.map(({ codec }) => codec), ["h264"]);
  assert(packets.length > 0 && packets[0]!.key);
  const next = await weir.ask("/live/cam.mp4");
  const rest = Array.fromAsync(next.body!);
  await weir.caughtUp(first, second);
  await publisher.end();
  const again = await probe(concat(await rest), { extension: "mp4" });
  assertEquals(again.streams.map(({ codec }) => codec), ["hevc"]);
});

Deno.test("HTTP says why a stream cannot be played as MP4", async () => {
  await using weir = new Portless({ timing: { describeWaitMs: 20 } });
  const publisher = new TestPublisher(weir.server, "live/cam", {
    tracks: [{ kind: "audio", id: 0, codec: "lpcm", config: undefined }],
  });
  publisher.send([{
    ...{ kind: "audio", role: "media", track: 0, dtsUs: 0, ptsUs: 0, keyFrame: true } as const,
    ...{
      discardable: true,
      payload: { format: "access-unit", data: new Uint8Array(320) },
    } as const,
  }]);
  const response = await weir.ask("/live/cam.mp4");
  assertEquals(response.status, 406);
  assertMatch((await response.json()).reason, /no sample entry for lpcm/);
  await publisher.end();
});

Deno.test("a player of MPEG-TS that joins late begins with tables and a key frame", async () => {
  await using weir = new Portless();
  const publisher = new TestPublisher(weir.server, "live/cam");
  const units = unitsOf(["h264", "aac"]);
  const first = weir.ask("/live/cam.ts");
  publisher.send(units);
  const bodies = [Array.fromAsync((await first).body!)];
  await weir.caughtUp(units);
  bodies.push(Array.fromAsync((await weir.ask("/live/cam.ts")).body!));
  await weir.caughtUp(units);
  await publisher.end();
  const [, bytes] = (await Promise.all(bodies)).map((pieces) => concat(pieces));
  const pids = [0, 188].map((at) => ((bytes![at + 1]! & 31) << 8) | bytes![at + 2]!);
  assertEquals(pids, [0, 0x1000]);
  const { packets } = await probe(bytes!, { extension: "ts" });
  assert(packets.find(({ kind }) => kind === "video")?.key);
});
