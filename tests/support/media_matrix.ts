/**
 * Programs that publish and play, and how what a player has recorded is compared with what was published: frame by
 * frame, with how far sound and picture are apart.
 */
import { assertEquals } from "@std/assert";
import { run, RunningProcess } from "./process.ts";

const QUIET = ["-nostdin", "-hide_banner", "-loglevel", "error"];

/** Audio and video may be this much nearer or farther than in the source, from the first second on. */
const MOST_OFFSET_MS = 40;

/** Frames of sound that may be missing in all: those of before the first picture, and what muxers hold at the end. */
const MISSING_SOUND = 45;

/** Pictures that may be missing over UDP, of which nobody asks for what is lost. */
const LEAST_OVER_UDP = 0.9;

const SECONDS = 4;

export type Way = "RTMP" | "RTSP TCP" | "RTSP UDP";

export interface Codecs {
  readonly video: "h264" | "hevc" | "av1" | "vp9";
  readonly audio: "aac" | "opus" | "mp3" | "pcm_mulaw" | "ac3" | "eac3" | "flac" | "pcm_s16";
}

export interface Target {
  readonly url: string;
  /** The file that is published, or written. */
  readonly path: string;
  readonly codecs: Codecs;
}

export interface Client {
  readonly name: string;
  readonly way: Way;
  /** Why it cannot do with these codecs what it is asked for; `undefined` where it can. */
  readonly whyNot: (codecs: Codecs) => string | undefined;
  readonly start: (target: Target) => RunningProcess;
}

/** The FFmpeg of the Python package, where that is installed. */
export async function currentFfmpeg(): Promise<string | undefined> {
  try {
    const code = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
    const { success, stdout } = await new Deno.Command("python3", { args: ["-c", code] }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

export function start(program: string, args: readonly string[]): RunningProcess {
  return new RunningProcess(program, args, { limitMs: 60_000 });
}

/** Codecs that FLV has numbers for, which FFmpeg 5 and players of before Enhanced RTMP know. */
const OLD_VIDEO: readonly string[] = ["h264"];
const OLD_AUDIO: readonly string[] = ["aac", "mp3", "pcm_mulaw", "pcm_s16"];

export function notInOldFlv({ video, audio }: Codecs): string | undefined {
  if (!OLD_VIDEO.includes(video)) return `knows no ${video} over RTMP`;
  return OLD_AUDIO.includes(audio) ? undefined : `knows no ${audio} over RTMP`;
}

/** What has no payload format, or none that FFmpeg has. */
export function notInRtpOfFfmpeg({ video, audio }: Codecs): string | undefined {
  if (audio === "flac") return "RTP has no FLAC";
  if (audio === "eac3") return "has no E-AC-3 over RTP";
  if (video === "av1") return "has no AV1 over RTP, or one of another draft";
  return undefined;
}

export function ffmpegPublishers(program: string, name: string, isCurrent: boolean): Client[] {
  const rtsp = (transport: "tcp" | "udp"): Client => ({
    name,
    way: transport === "tcp" ? "RTSP TCP" : "RTSP UDP",
    whyNot: (codecs) => codecs.audio === "ac3" ? "packs no AC-3 for RTP" : notInRtpOfFfmpeg(codecs),
    start: ({ url, path, codecs }) =>
      start(program, [
        ...[...QUIET, "-re", "-i", path, "-c", "copy"],
        ...(codecs.audio === "pcm_s16" ? ["-c:a", "pcm_s16be"] : []),
        ...["-strict", "experimental", "-f", "rtsp", "-rtsp_transport", transport, url],
      ]),
  });
  return [
    {
      name,
      way: "RTMP",
      whyNot: (codecs) => isCurrent ? undefined : notInOldFlv(codecs),
      start: ({ url, path }) =>
        start(program, [
          ...[...QUIET, "-re", "-i", path, "-c", "copy"],
          ...["-flvflags", "no_duration_filesize", "-f", "flv", url],
        ]),
    },
    rtsp("tcp"),
    rtsp("udp"),
  ];
}

export function ffmpegPlayers(program: string, name: string, isCurrent: boolean): Client[] {
  const record = (input: readonly string[], path: string) =>
    // It looks at the beginning for 5 s by default, which is longer than the source.
    start(program, [
      ...[...QUIET, "-analyzeduration", "1000000", ...input],
      // Of VP9 over RTP it does not know which pictures are key frames, and would leave all out.
      ...["-c", "copy", "-copyinkf", "-f", "matroska", "-y", path],
    ]);
  return [
    {
      name,
      way: "RTMP",
      whyNot: (codecs) => isCurrent ? undefined : notInOldFlv(codecs),
      start: ({ url, path }) => record(["-i", url], path),
    },
    ...(["tcp", "udp"] as const).map((transport): Client => ({
      name,
      way: transport === "tcp" ? "RTSP TCP" : "RTSP UDP",
      whyNot: notInRtpOfFfmpeg,
      start: ({ url, path }) => record(["-rtsp_transport", transport, "-i", url], path),
    })),
  ];
}

export interface Frames {
  readonly video: ReadonlyMap<string, number>;
  readonly audio: ReadonlyMap<string, number>;
}

/** The frames of a file by their hashes, each with its time in milliseconds. */
export async function decode(path: string, codecs: Codecs): Promise<Frames> {
  const { stdout } = await run("ffmpeg", [
    ...[...QUIET, "-flags2", "skip_manual", "-i", path],
    ...["-fps_mode", "passthrough", "-enc_time_base", "-1"],
    // These are compared by their packets: decoders of Opus remember what they were told a second before, and those of
    // AC-3 add noise of their own.
    ...(["opus", "ac3", "eac3"].includes(codecs.audio) ? ["-c:a", "copy"] : []),
    ...(codecs.audio.startsWith("pcm_") ? ["-af", "asetnsamples=n=160:p=0"] : []),
    ...["-map", "0:v?", "-map", "0:a?", "-f", "framemd5", "-"],
  ], { limitMs: 60_000 });
  const text = new TextDecoder().decode(stdout);
  const tracks = Array.from(
    text.matchAll(/^#tb \d+: (\d+)\/(\d+)\n#media_type \d+: (\w+)$/gm),
    ([, numerator, denominator, kind]) => ({
      kind,
      msATick: Number(numerator) / Number(denominator) * 1000,
      frames: new Map<string, number>(),
    }),
  );
  for (const line of text.split("\n").filter((line) => /^\d/.test(line))) {
    const [track, , pts, , , hash] = line.split(",").map((field) => field.trim());
    const { msATick, frames } = tracks[Number(track)]!;
    if (!frames.has(hash!)) frames.set(hash!, Number(pts) * msATick);
  }
  const of = (kind: string) => tracks.find((track) => track.kind === kind)?.frames ?? new Map();
  return { video: of("video"), audio: of("audio") };
}

export interface Cell {
  readonly text: string;
  readonly failures: readonly string[];
}

export function compare(
  came: Frames,
  source: Frames,
  options: {
    readonly isUdp: boolean;
    readonly isPart: boolean;
    /** Pictures that a server in between may keep for itself. */
    readonly mayKeep?: number;
  },
): Cell {
  const failures: string[] = [];
  const shifts = (kind: "video" | "audio") =>
    [...came[kind]].flatMap(([hash, atMs]) => {
      const trueMs = source[kind].get(hash);
      return trueMs === undefined ? [] : [{ trueMs, shiftMs: atMs - trueMs }];
    });
  const video = shifts("video");
  const audio = shifts("audio");
  const text = `V ${video.length}/${source.video.size}, A ${audio.length}/${source.audio.size}`;
  const leastVideo = options.isPart
    ? 25
    : source.video.size * (options.isUdp ? LEAST_OVER_UDP : 1) - (options.mayKeep ?? 0);
  if (video.length < leastVideo) failures.push(text);
  const leastAudio = options.isPart
    ? 20
    : source.audio.size - MISSING_SOUND * (options.isUdp ? 2 : 1);
  if (audio.length < leastAudio) failures.push(text);
  const firstMs = Math.min(...video.map(({ trueMs }) => trueMs));
  const settled = (frames: readonly { readonly trueMs: number; readonly shiftMs: number }[]) =>
    frames.filter(({ trueMs }) => trueMs >= firstMs + 1000).map(({ shiftMs }) => shiftMs)
      .sort((a, b) => a - b);
  const middle = (sorted: readonly number[]) => sorted[sorted.length >> 1] ?? NaN;
  const offsetMs = Math.round(middle(settled(video)) - middle(settled(audio)));
  if (!(Math.abs(offsetMs) <= MOST_OFFSET_MS)) failures.push(`${offsetMs} ms apart`);
  return { text: `${text}, ${offsetMs} ms`, failures };
}

/**
 * Makes a source in which no two frames are alike: a counting picture, and noise; with so many pictures from one key
 * frame to the next.
 */
export async function makeSource(
  path: string,
  program: string,
  { video, audio, keyInterval = 100 }: Codecs & { readonly keyInterval?: number },
): Promise<void> {
  const interval = String(keyInterval);
  const videoArguments = {
    h264: [
      "-c:v",
      "libx264",
      "-preset",
      "ultrafast",
      "-g",
      interval,
      "-keyint_min",
      interval,
      "-bf",
      "0",
    ],
    hevc: [
      "-c:v",
      "libx265",
      "-preset",
      "ultrafast",
      "-x265-params",
      `log-level=none:bframes=0:keyint=${interval}`,
    ],
    vp9: [
      "-c:v",
      "libvpx-vp9",
      "-deadline",
      "realtime",
      "-cpu-used",
      "8",
      "-g",
      interval,
      "-lag-in-frames",
      "0",
    ],
    av1: ["-c:v", "libsvtav1", "-preset", "12", "-g", interval, "-svtav1-params", "pred-struct=1"],
  };
  const audioArguments = {
    aac: ["-c:a", "aac", "-b:a", "64k", "-aac_pns", "0"],
    opus: ["-c:a", "libopus", "-b:a", "48k", "-ac", "2"],
    mp3: ["-c:a", "libmp3lame", "-b:a", "64k"],
    pcm_mulaw: ["-c:a", "pcm_mulaw"],
    pcm_s16: ["-c:a", "pcm_s16le"],
    ac3: ["-c:a", "ac3", "-b:a", "96k"],
    eac3: ["-c:a", "eac3", "-b:a", "96k"],
    flac: ["-c:a", "flac"],
  };
  const rate = audio === "pcm_mulaw"
    ? 8000
    : ["opus", "ac3", "eac3", "flac"].includes(audio)
    ? 48_000
    : 44_100;
  const { code, stderr } = await run(program, [
    ...[...QUIET, "-f", "lavfi", "-i", `testsrc=size=160x120:rate=25:duration=${SECONDS}`],
    ...["-f", "lavfi", "-i"],
    `anoisesrc=seed=1:amplitude=0.2:sample_rate=${rate}:duration=${SECONDS}`,
    ...["-pix_fmt", "yuv420p", ...videoArguments[video], ...audioArguments[audio], "-y", path],
  ], { limitMs: 60_000 });
  assertEquals(code, 0, stderr);
}
