/** Streams of every codec, recorded to every container, and compared with what was published. */
import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { fileUnits } from "../../src/files/mod.ts";
import { loadMediabunny } from "../../src/files/mediabunny.ts";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import { type CodedFrame, frameBytes, FrameFeed } from "../../src/transmux/mod.ts";
import type { RecordingFormat } from "../../src/record/mod.ts";
import { TemporaryFolder } from "./media_file.ts";
import { TestServer } from "./test_server.ts";
import { run } from "./process.ts";

/** How FFmpeg makes each; small and quick. */
export const VIDEO_CODECS = {
  h264: ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p"],
  h265: ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=2"],
  av1: ["-c:v", "libsvtav1", "-preset", "12"],
  vp9: ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
} as const;

/** The same of sound; G.711 is made by hand, since what reads the source knows it in no container of these. */
export const AUDIO_CODECS = {
  aac: ["-c:a", "aac"],
  opus: ["-c:a", "libopus", "-ar", "48000"],
  mp3: ["-c:a", "libmp3lame"],
  pcma: ["-an"],
} as const;

export type VideoCodec = keyof typeof VIDEO_CODECS;
export type AudioCodec = keyof typeof AUDIO_CODECS;

/** One frame: when it is shown, and a hash of its bytes. */
interface Frame {
  readonly ptsMs: number;
  readonly hash: string;
}

/** What is in a file or was published, by kind. */
interface Media {
  readonly video: readonly Frame[];
  readonly audio: readonly Frame[];
  /** All bytes of sound, one behind the other: containers cut samples as they like. */
  readonly sound: string;
}

/** Two seconds of a stream, which is published when it is read. */
export async function codecUnits(
  folder: string,
  { video, audio }: { readonly video: VideoCodec; readonly audio: AudioCodec },
): Promise<MediaUnit[]> {
  const source = `${folder}/source-${video}-${audio}.mkv`;
  const { code, stderr } = await run("ffmpeg", [
    ...["-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25"],
    ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-t", "2", "-g", "25"],
    ...[...VIDEO_CODECS[video], ...AUDIO_CODECS[audio], "-y", source],
  ], { limitMs: 60_000, env: { SVT_LOG: "0" } });
  assertEquals(code, 0, stderr);
  const units = await Array.fromAsync(fileUnits([source]));
  return audio === "pcma" ? withG711(units) : units;
}

export const G711: Track = {
  ...{ kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
} as Track;

function withG711(units: readonly MediaUnit[]): MediaUnit[] {
  const sound = Array.from({ length: 100 }, (_, at): MediaUnit => ({
    ...{ kind: "audio", role: "media", track: 0, dtsUs: at * 20_000, ptsUs: at * 20_000 },
    ...{ keyFrame: true, discardable: false },
    payload: {
      format: "access-unit",
      data: Uint8Array.from({ length: 160 }, (_, i) => (at * 7 + i) & 0xff),
    },
  }));
  return [...units, ...sound].sort((a, b) => a.dtsUs - b.dtsUs);
}

/** Records units to a file; resolves to its path. */
async function record(
  units: readonly MediaUnit[],
  { folder, format, name, tracks }: {
    readonly folder: string;
    readonly format: RecordingFormat;
    readonly name: string;
    readonly tracks?: readonly Track[];
  },
): Promise<string> {
  await using server = await TestServer.start({
    rtmp: false,
    hub: { lingerMs: 0, maxLagMs: Infinity },
    record: [{ name: "live/*", to: folder, format, path: "{name}-{unix}" }],
  });
  await server.server.publish(
    `live/${name}`,
    ReadableStream.from(units),
    tracks === undefined ? {} : { tracks },
  );
  await server.log.line(({ message }) => message === "recording ended");
  const [file, ...others] = server.server.recordings.find({ name: `live/${name}` });
  assertEquals(others, []);
  const leftOut = server.log.lines.find(({ message }) => message.includes("leaves a track out"));
  assertEquals(leftOut?.fields, undefined);
  return `${folder}/${file!.path}`;
}

/** What was published, frame by frame. */
function publishedMedia(units: readonly MediaUnit[], tracks: readonly Track[] = []): Media {
  const feed = new FrameFeed();
  feed.begin(tracks.length === 0 ? undefined : tracks);
  const events = [...units.flatMap((unit) => feed.take(unit)), ...feed.end()];
  const frames = events.flatMap((event) => event.type === "frame" ? [event.frame] : []);
  // A file begins with a picture.
  return mediaOf(frames.slice(frames.findIndex(({ kind }) => kind === "video")));
}

function mediaOf(frames: readonly CodedFrame[]): Media {
  const of = (kind: string): Frame[] =>
    frames.filter((frame) => frame.kind === kind).map((frame) => ({
      ptsMs: frame.ptsUs / 1000,
      hash: md5(frameBytes(frame, { parameterSets: "leave-out" })),
    }));
  const sound = createHash("md5");
  for (const frame of frames) if (frame.kind === "audio") sound.update(frameBytes(frame));
  return { video: of("video"), audio: of("audio"), sound: sound.digest("hex") };
}

/** What FFmpeg finds in a file, as it stands there. */
async function fileMedia(path: string): Promise<Media> {
  const { stdout, stderr, code } = await run("ffprobe", [
    ...["-v", "warning", "-show_packets", "-show_data_hash", "md5", "-of", "csv=p=0"],
    ...["-show_entries", "packet=codec_type,pts_time,data_hash", path],
  ]);
  assertEquals([code, stderr], [0, ""], path);
  const lines = new TextDecoder().decode(stdout).split("\n").map((line) => line.split(","));
  const of = (kind: string): Frame[] =>
    lines.filter(([type]) => type === kind).map(([, time, hash]) => ({
      ptsMs: Number(time) * 1000,
      hash: hash!.replace(/^MD5:/, "").trim(),
    }));
  const raw = await run("ffmpeg", [
    ...["-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "data", "-"],
  ]);
  return { video: of("video"), audio: of("audio"), sound: md5(raw.stdout) };
}

/** What weir itself reads of an FLV file, whose newer codecs FFmpeg 5 does not know. */
async function flvMedia(path: string): Promise<Media> {
  return publishedMedia(await Array.fromAsync(fileUnits([path])));
}

/** The pictures and sounds of a file as they are decoded, for containers that change the bytes. */
async function decodedMedia(path: string): Promise<readonly string[]> {
  const { stdout, code, stderr } = await run("ffmpeg", [
    ...["-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough"],
    ...["-f", "framemd5", "-"],
  ], { limitMs: 60_000 });
  assertEquals([code, stderr], [0, ""], path);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => /^\d/.test(line))
    .map((line) => line.split(",").at(-1)!.trim());
}

/** Fails unless a file has the frames that were published, at the times that they have from the first picture on. */
function assertSameMedia(
  actual: Media,
  expected: Media,
  { what, toleranceMs, isCutAnyhow = false }: {
    readonly what: string;
    readonly toleranceMs: number;
    /** Whether the container cuts sound as it likes. */
    readonly isCutAnyhow?: boolean;
  },
): void {
  const hashes = (frames: readonly Frame[]) => frames.map(({ hash }) => hash);
  assertEquals(hashes(actual.video), hashes(expected.video), `${what}: pictures`);
  assertEquals(actual.sound, expected.sound, `${what}: sound`);
  if (!isCutAnyhow) assertEquals(hashes(actual.audio), hashes(expected.audio), `${what}: sounds`);
  const origin = (media: Media): number => media.video[0]!.ptsMs;
  for (const kind of isCutAnyhow ? ["video"] as const : ["video", "audio"] as const) {
    for (const [at, { ptsMs }] of actual[kind].entries()) {
      const off = ptsMs - origin(actual) - (expected[kind][at]!.ptsMs - origin(expected));
      assert(Math.abs(off) <= toleranceMs, `${what}: ${kind} ${at} is off by ${off} ms`);
    }
  }
}

/** How many frames of each kind mediabunny finds. */
async function countsOfMediabunny(path: string): Promise<readonly number[]> {
  const { ALL_FORMATS, EncodedPacketSink, FilePathSource, Input } = await loadMediabunny();
  const input = new Input({ formats: ALL_FORMATS, source: new FilePathSource(path) });
  const counts: number[] = [];
  for (const track of [await input.getPrimaryVideoTrack(), await input.getPrimaryAudioTrack()]) {
    if (track === null) continue;
    let count = 0;
    for await (const _ of new EncodedPacketSink(track).packets()) count++;
    counts.push(count);
  }
  input.dispose();
  return counts;
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** What MPEG-TS has no name for. */
const NOT_IN_TS: readonly string[] = ["av1", "vp9", "pcma"];

/** Records a combination of codecs to containers, and compares each with what was published, as every program reads it. */
export async function assertRecordedRight(
  { video, audio }: { readonly video: VideoCodec; readonly audio: AudioCodec },
  formats: readonly RecordingFormat[],
): Promise<void> {
  await using folder = new TemporaryFolder();
  const units = await codecUnits(folder.path, { video, audio });
  const told = audio === "pcma" ? { tracks: [G711] } : {};
  const expected = publishedMedia(units, told.tracks);
  const pictures: (readonly string[])[] = [];
  for (const format of formats) {
    if (format === "ts" && [video, audio].some((codec) => NOT_IN_TS.includes(codec))) continue;
    const path = await record(units, {
      ...{ folder: folder.path, format, name: `${video}-${audio}` },
      ...told,
    });
    const what = `${video} ${audio} ${format}`;
    await assertFile(path, { what, format, expected, isCutAnyhow: audio === "pcma" });
    // FFmpeg 5 and mpv know the older codecs alone in FLV.
    if (format === "flv" && (video !== "h264" || audio === "opus")) continue;
    pictures.push(await decodedMedia(path));
    const mpv = await run("mpv", [
      ...["--no-config", "--vo=null", "--ao=null", "--untimed", "--msg-level=all=warn", path],
    ], { limitMs: 60_000 });
    assertEquals([mpv.code, mpv.stderr], [0, ""], what);
  }
  for (const other of pictures) assertEquals(other, pictures[0]);
}

async function assertFile(
  path: string,
  { what, format, expected, isCutAnyhow }: {
    readonly what: string;
    readonly format: RecordingFormat;
    readonly expected: Media;
    readonly isCutAnyhow: boolean;
  },
): Promise<void> {
  if (format === "flv") {
    return assertSameMedia(await flvMedia(path), expected, { what, toleranceMs: 1.01 });
  }
  if (format === "ts") {
    // Start codes and ADTS stand in it: how many there are is compared, and what is decoded.
    const { video, audio } = await fileMedia(path);
    const counts = [expected.video.length, expected.audio.length];
    return assertEquals([video.length, audio.length], counts, what);
  }
  const toleranceMs = format === "mp4" ? 2.6 : 1.51;
  assertSameMedia(await fileMedia(path), expected, { what, toleranceMs, isCutAnyhow });
  // It has no name for G.711 in Matroska.
  if (format === "mkv" && isCutAnyhow) return;
  const [pictures] = await countsOfMediabunny(path);
  assertEquals(pictures, expected.video.length, `${what} in mediabunny`);
}
