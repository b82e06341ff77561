/** From what a publisher sends to files that other programs read, frame for frame. */
import { createHash } from "node:crypto";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  buildAdtsHeader,
  type CodecName,
  joinAnnexB,
  parseAacConfig,
  parseAvcConfig,
  parseHevcConfig,
  splitAnnexB,
  type Track,
} from "../../src/media/mod.ts";
import { FragmentIndex, whyNotMp4 } from "../../src/mp4/mod.ts";
import { TsMuxer, whyNotTs } from "../../src/ts/mod.ts";
import {
  type CodedFrame,
  type FeedEvent,
  FragmentWriter,
  frameBytes,
  FrameFeed,
} from "../../src/transmux/mod.ts";
import { loadMediabunny } from "../../src/files/mediabunny.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { probe, type ProbedPacket } from "../support/probe.ts";
import { run } from "../support/process.ts";
import { flvBodies, isVideo, load, unitsOfFlv } from "./support.ts";

const ALL: readonly CodecName[] = [
  ...["h264", "h265", "av1", "vp8", "vp9"] as const,
  ...["aac", "opus", "mp3", "flac", "ac3", "pcma", "pcmu"] as const,
];

/** The frames and tracks of a publisher of these codecs by RTMP, as far apart as it sends them. */
function publish(...codecs: readonly CodecName[]): {
  readonly tracks: readonly Track[];
  readonly frames: readonly CodedFrame[];
} {
  const bodies = codecs.flatMap((codec) => flvBodies(load(codec)));
  const units = unitsOfFlv(bodies.sort((a, b) => a.dtsUs - b.dtsUs));
  const feed = new FrameFeed();
  const events: FeedEvent[] = [...units.flatMap((unit) => feed.take(unit)), ...feed.end()];
  const told = events.filter(({ type }) => type === "tracks");
  assertEquals(told.length, 1, "the tracks are told once");
  assert(events[0]?.type === "tracks");
  return {
    tracks: events[0].tracks,
    frames: events.flatMap((event) => event.type === "frame" ? [event.frame] : []),
  };
}

/** A file with a fragment for each `most` frames. */
function mp4Of(tracks: readonly Track[], frames: readonly CodedFrame[], most = 7): Uint8Array {
  const writer = new FragmentWriter(tracks);
  const pieces = [writer.init];
  let count = 0;
  for (const frame of frames) {
    if (++count % most === 0) pieces.push(writer.cut(frame)!.bytes);
    writer.add(frame);
  }
  return concat([...pieces, writer.cut()!.bytes]);
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

function assertSameFrames(
  packets: readonly ProbedPacket[],
  frames: readonly CodedFrame[],
  { bytesOf, originMs = 0, toleranceMs }: {
    readonly bytesOf: (frame: CodedFrame) => Uint8Array;
    readonly originMs?: number;
    readonly toleranceMs: number;
  },
): void {
  assertEquals(packets.length, frames.length);
  for (const [index, frame] of frames.entries()) {
    const packet = packets[index]!;
    assertEquals(packet.md5, md5(bytesOf(frame)), `the bytes of frame ${index}`);
    assertAlmostEquals(packet.ptsMs - originMs, frame.ptsUs / 1000, toleranceMs);
    if (frame.kind === "video") assertEquals(packet.key, frame.keyFrame, `frame ${index}`);
  }
}

const inMp4 = (frame: CodedFrame) => frameBytes(frame, { parameterSets: "leave-out" });

for (const codec of ALL) {
  Deno.test(`FragmentWriter makes MP4 of ${codec} that ffprobe reads frame for frame`, async () => {
    const { tracks, frames } = publish(codec);
    assertEquals(tracks.map(whyNotMp4), [undefined]);
    const { packets, streams } = await probe(mp4Of(tracks, frames), { extension: "mp4" });
    assertEquals(streams.length, 1);
    assertSameFrames(packets, frames, {
      bytesOf: inMp4,
      toleranceMs: isVideo(codec) ? 0.02 : 2.6,
    });
    const { width, height, sampleRate } = tracks[0]!;
    assertEquals([streams[0]!.width, streams[0]!.height], [width, height]);
    if (!isVideo(codec)) assertEquals(streams[0]!.sampleRate, sampleRate);
  });
}

for (const [video, audio] of [["h264", "aac"], ["h265", "opus"], ["av1", "mp3"]] as const) {
  Deno.test(`FragmentWriter makes MP4 of ${video} with ${audio} that ffprobe reads`, async () => {
    const { tracks, frames } = publish(video, audio);
    assertEquals(tracks.map(({ codec }) => codec), [video, audio]);
    const file = mp4Of(tracks, frames, 11);
    const { packets } = await probe(file, { extension: "mp4" });
    for (const kind of ["video", "audio"] as const) {
      const toleranceMs = kind === "video" ? 0.02 : 2.6;
      assertSameFrames(
        packets.filter((packet) => packet.kind === kind),
        frames.filter((frame) => frame.kind === kind),
        { bytesOf: inMp4, toleranceMs },
      );
    }
  });
}

for (const [video, audio] of [["h264", "aac"], ["vp9", "opus"], ["av1", "flac"]] as const) {
  Deno.test(`FragmentWriter makes MP4 of ${video} with ${audio} that mediabunny reads frame for frame`, async () => {
    const { tracks, frames } = publish(video, audio);
    const { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } = await loadMediabunny();
    using input = new Input({
      formats: ALL_FORMATS,
      source: new BufferSource(mp4Of(tracks, frames, 9)),
    });
    for (const track of await input.getTracks()) {
      const published = frames.filter(({ kind }) => kind === track.type);
      const packets = await Array.fromAsync(new EncodedPacketSink(track).packets());
      assertEquals(packets.length, published.length);
      const inOrder = published.toSorted((a, b) => a.dtsUs - b.dtsUs);
      for (const [at, { data, timestamp, type }] of packets.entries()) {
        assertEquals(md5(data), md5(inMp4(inOrder[at]!)));
        assertAlmostEquals(timestamp * 1000, inOrder[at]!.ptsUs / 1000, 2.6);
        assertEquals(type === "key", inOrder[at]!.keyFrame);
      }
    }
  });
}

Deno.test("FragmentWriter leaves no gap between the samples of a track", () => {
  const { tracks, frames } = publish("h264", "aac");
  const file = mp4Of(tracks, frames, 5);
  const index = indexOf(file);
  for (const { trackId } of index.tracks) {
    const samples = index.fragments.flatMap(({ tracks }) =>
      tracks.find((track) => track.trackId === trackId)?.samples ?? []
    );
    for (const [at, { time, duration }] of samples.slice(0, -1).entries()) {
      assertEquals(samples[at + 1]!.time, time + duration, `sample ${at} of track ${trackId}`);
    }
  }
});

Deno.test("FragmentIndex finds the whole fragments of a file that was cut off anywhere", () => {
  const { tracks, frames } = publish("h264", "aac");
  const file = mp4Of(tracks, frames, 9);
  const whole = indexOf(file);
  assertEquals(whole.wholeBytes, file.length);
  assert(whole.fragments.length > 2);
  assertEquals(whole.tracks.map(({ track }) => track.config), tracks.map(({ config }) => config));
  const ends = whole.fragments.map(({ offset, length }) => offset + length);
  for (let size = 0; size < file.length; size += 97) {
    const cut = indexOf(file.subarray(0, size));
    const kept = ends.filter((end) => end <= size).length;
    assertEquals(cut.fragments.length, kept);
    const expected = kept > 0
      ? ends[kept - 1]!
      : size >= whole.init!.length
      ? whole.init!.length
      : 0;
    assertEquals(cut.wholeBytes, expected);
  }
});

function indexOf(file: Uint8Array): FragmentIndex {
  const index = new FragmentIndex({ fileBytes: file.length });
  for (let range = index.wants; range !== undefined; range = index.wants) {
    index.give(file.subarray(range.offset, range.offset + range.length));
  }
  return index;
}

function tsOf(
  tracks: readonly Track[],
  frames: readonly CodedFrame[],
): { readonly file: Uint8Array; readonly muxer: TsMuxer } {
  const muxer = new TsMuxer(tracks);
  const pieces = frames.map((frame) => {
    const isStart = frame.keyFrame && (frame.kind === "video" || tracks.length === 1);
    return concat([isStart ? muxer.tables() : new Uint8Array(0), muxer.write(frame)]);
  });
  return { file: concat(pieces), muxer };
}

/** What the packets of FFmpeg have: Annex B with a delimiter, and ADTS; it takes the control header of Opus off. */
function inTs(frame: CodedFrame, { config }: Track): Uint8Array {
  const { codec, keyFrame, parts } = frame;
  if (codec === "h264") {
    const { sps, pps } = parseAvcConfig(config!);
    return joinAnnexB([new Uint8Array([9, 0xf0]), ...(keyFrame ? [...sps, ...pps] : []), ...parts]);
  }
  if (codec === "h265") {
    const { vps, sps, pps } = parseHevcConfig(config!);
    const hasOwn = parts.some((part) => part[0]! >> 1 === 33);
    const sets = keyFrame && !hasOwn ? [...vps, ...sps, ...pps] : [];
    return joinAnnexB([new Uint8Array([0x46, 1, 0x50]), ...sets, ...parts]);
  }
  const data = frameBytes(frame);
  if (codec !== "aac") return data;
  return concat([buildAdtsHeader(parseAacConfig(config!), data.length), data]);
}

Deno.test("TsMuxer makes MPEG-TS of h265 that ffmpeg takes out NAL unit for NAL unit", async () => {
  const { tracks, frames } = publish("h265");
  const { file } = tsOf(tracks, frames);
  const { packets } = await probe(file, { extension: "ts" });
  assertEquals(packets.map(({ key }) => key), frames.map(({ keyFrame }) => keyFrame));
  for (const [at, { ptsMs }] of packets.entries()) {
    assertAlmostEquals(ptsMs - 1000, frames[at]!.ptsUs / 1000, 0.02);
  }
  // Its parser gives the first byte of a start code to the frame before: whole streams are compared.
  const stream = concat(frames.map((frame) => inTs(frame, tracks[0]!)));
  assertEquals(await elementaryStream(file, "hevc"), splitAnnexB(stream));
});

async function elementaryStream(file: Uint8Array, format: string): Promise<Uint8Array[]> {
  await using folder = new TemporaryFolder();
  await Deno.writeFile(`${folder.path}/in.ts`, file);
  const { stdout } = await run("ffmpeg", [
    ...["-nostdin", "-v", "error", "-i", `${folder.path}/in.ts`],
    ...["-c", "copy", "-f", format, "-"],
  ]);
  return splitAnnexB(stdout);
}

for (const codec of ["h264", "aac", "opus", "mp3", "ac3"] as const) {
  Deno.test(`TsMuxer makes MPEG-TS of ${codec} that ffprobe reads frame for frame`, async () => {
    const { tracks, frames } = publish(codec);
    const { packets, streams } = await probe(tsOf(tracks, frames).file, { extension: "ts" });
    assertEquals(streams.length, 1);
    assertSameFrames(packets, frames, {
      bytesOf: (frame) => inTs(frame, tracks[0]!),
      originMs: 1000,
      toleranceMs: 1.1,
    });
  });
}

for (const [video, audio] of [["h264", "aac"], ["h265", "opus"], ["h264", "mp3"]] as const) {
  Deno.test(`TsMuxer keeps its counters and its clock, of ${video} with ${audio}`, async () => {
    const { tracks, frames } = publish(video, audio);
    const { file } = tsOf(tracks, frames);
    assertTransportStream(file);
    const { packets } = await probe(file, { extension: "ts" });
    assertEquals(packets.length, frames.length);
  });
}

Deno.test("TsMuxer lets its times wrap at 33 bits", async () => {
  const { tracks, frames } = publish("h264", "aac");
  const wrapUs = (2 ** 33 / 90_000) * 1_000_000;
  const late = frames.map((frame) => ({
    ...frame,
    dtsUs: frame.dtsUs + Math.round(wrapUs) - 1_500_000,
    ptsUs: frame.ptsUs + Math.round(wrapUs) - 1_500_000,
  }));
  const { file } = tsOf(tracks, late);
  assertTransportStream(file);
  const { packets } = await probe(file, { extension: "ts" });
  assertEquals(packets.length, frames.length);
  const times = packets.filter(({ kind }) => kind === "audio").map(({ ptsMs }) => ptsMs);
  for (const [at, time] of times.slice(1).entries()) assert(time > times[at]!, "time goes on");
});

Deno.test("whyNotTs and whyNotMp4 say why a track is left out", () => {
  const lpcm: Track = { kind: "audio", id: 0, codec: "lpcm", config: undefined };
  assertEquals(whyNotTs(lpcm), "MPEG-TS has no form for lpcm here");
  assertEquals(whyNotMp4(lpcm), "MP4 has no sample entry for lpcm here");
  const avc: Track = { kind: "video", id: 0, codec: "h264", config: undefined };
  assertEquals(whyNotTs(avc), "its configuration is not known");
  assertEquals(whyNotMp4(avc), "its configuration is not known");
  const { leftOut } = new TsMuxer([{ ...lpcm, codec: "flac" }]);
  assertEquals(leftOut.map(({ reason }) => reason), ["MPEG-TS has no form for flac here"]);
});

/** Sync bytes, continuity counters, and a program clock that comes each 100 ms and never goes back. */
function assertTransportStream(file: Uint8Array): void {
  assertEquals(file.length % 188, 0);
  const counters = new Map<number, number>();
  let clock: number | undefined;
  for (let at = 0; at < file.length; at += 188) {
    const packet = file.subarray(at, at + 188);
    assertEquals(packet[0], 0x47);
    const pid = ((packet[1]! & 0x1f) << 8) | packet[2]!;
    const hasPayload = (packet[3]! & 0x10) !== 0;
    const counter = packet[3]! & 15;
    const last = counters.get(pid);
    if (last !== undefined) assertEquals(counter, hasPayload ? (last + 1) & 15 : last);
    counters.set(pid, counter);
    const hasClock = (packet[3]! & 0x20) !== 0 && packet[4]! > 0 && (packet[5]! & 0x10) !== 0;
    if (!hasClock) continue;
    const base = new DataView(packet.buffer, packet.byteOffset).getUint32(6) * 2 +
      (packet[10]! >> 7);
    const since = clock === undefined ? 0 : (base - clock + 2 ** 33) % 2 ** 33;
    assert(since <= 9000, `the clock is told after ${since} ticks`);
    clock = base;
  }
  assert(clock !== undefined);
}
