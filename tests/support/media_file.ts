/** Tiny recordings that FFmpeg makes, and what FFmpeg says is in a recording. */
import { assert, assertEquals } from "@std/assert";
import { run, RunningProcess } from "./process.ts";

/** One packet, as `-f framemd5` lists it. */
export interface Packet {
  readonly kind: "video" | "audio";
  readonly dtsMs: number;
  readonly ptsMs: number;
  readonly size: number;
  readonly hash: string;
}

/** A folder that is removed when disposed of. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "weir-test-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

const QUIET = ["-nostdin", "-hide_banner", "-loglevel", "warning"];

/** Starts `ffmpeg`; it prints warnings and errors only. */
export function ffmpeg(args: readonly string[], options: { limitMs?: number } = {}) {
  return new RunningProcess("ffmpeg", [...QUIET, ...args], options);
}

/** Makes a test picture of 160x120 with a tone: H.264 with B-frames and a key frame a second, AAC. */
export async function makeRecording(path: string, options: { seconds: number }): Promise<void> {
  const { code, stderr } = await run("ffmpeg", [
    ...QUIET,
    ...["-f", "lavfi", "-i", "testsrc=size=160x120:rate=25"],
    ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"],
    ...["-t", String(options.seconds)],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-b:a", "48k", "-y", path],
  ]);
  assertEquals(code, 0, stderr);
}

/** Arguments that publish `path` to `url`, at the pace of its time stamps when `paced`. */
export function publishArguments(
  path: string,
  url: string,
  options: { paced?: boolean; loops?: number } = {},
): string[] {
  const { paced = true, loops = 0 } = options;
  return [
    ...(paced ? ["-re"] : []),
    ...(loops === 0 ? [] : ["-stream_loop", String(loops)]),
    ...["-i", path, "-c", "copy", "-flvflags", "no_duration_filesize", "-f", "flv", url],
  ];
}

/** Arguments that list the packets of `input` on standard output. */
export function listArguments(input: string): string[] {
  return ["-i", input, "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"];
}

/** Reads what `listArguments` made. */
export function readPackets(list: Uint8Array): Packet[] {
  const text = new TextDecoder().decode(list);
  const timebases = Array.from(
    text.matchAll(/^#tb (\d+): (\d+)\/(\d+)$/gm),
    ([, , numerator, denominator]) => Number(numerator) / Number(denominator) * 1000,
  );
  const kinds = Array.from(text.matchAll(/^#media_type \d+: (\w+)$/gm), ([, kind]) => kind);
  return text.split("\n").filter((line) => /^\d/.test(line)).map((line) => {
    const [stream, dts, pts, , size, hash] = line.split(",").map((field) => field.trim());
    const kind = kinds[Number(stream)];
    assert(kind === "video" || kind === "audio", line);
    const msATick = timebases[Number(stream)]!;
    return {
      kind,
      dtsMs: Number(dts) * msATick,
      ptsMs: Number(pts) * msATick,
      size: Number(size),
      hash: hash!,
    };
  });
}

/** The packets of a recording. */
export async function packetsOf(path: string): Promise<Packet[]> {
  const { code, stdout, stderr } = await run("ffmpeg", [...QUIET, ...listArguments(path)]);
  assertEquals(code, 0, stderr);
  return readPackets(stdout);
}

/** Decodes all of `path`, and asserts that there is nothing to complain about. */
export async function assertDecodes(path: string): Promise<void> {
  const { stderr } = await run("ffmpeg", [
    ...QUIET,
    ...["-xerror", "-err_detect", "explode", "-i", path],
    // As the time stamps are: a constant rate would have to be guessed.
    ...["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"],
  ]);
  assertEquals(stderr, "");
}

/** Packets of one kind. */
export function ofKind(packets: readonly Packet[], kind: Packet["kind"]): Packet[] {
  return packets.filter((packet) => packet.kind === kind);
}
