/** The programs that publish and play in tests of all against all, and what their players decoded. */
import { assertEquals } from "@std/assert";
import { ffmpeg } from "./media_file.ts";
import { run, RunningProcess } from "./process.ts";
import { audioPacket, type RtspPeer } from "./rtsp_peer.ts";

/** A frame that came out of a decoder. */
export interface DecodedFrame {
  /** Presentation time, milliseconds; NaN where it is not known. */
  readonly ptsMs: number;
  readonly hash: string;
}

/** What a player made of a stream. */
export interface Decoded {
  readonly video: readonly DecodedFrame[];
  readonly audio: readonly DecodedFrame[];
  /** What its decoder, or it, had to say. */
  readonly messages: string;
}

/** Where a server can be reached. */
export interface Doors {
  readonly rtmp: string;
  readonly rtsp: string;
}

/** Codecs by their names in FFmpeg. */
export interface SourceCodecs {
  readonly video?: "h264" | "hevc";
  readonly audio?: "aac" | "pcm_mulaw" | "pcm_alaw" | "opus" | "mp3";
}

/** What a player has to know of a stream. */
export interface PlayedCodecs extends SourceCodecs {
  /** Whether the publisher sends AAC as LATM (RFC 6416), which goes through as it is. */
  readonly latm?: boolean;
}

/** A recording to publish. */
export interface Source extends SourceCodecs {
  readonly path: string;
}

/** Frame rate of the recordings. */
export const FRAME_RATE = 25;

/** A key frame each so many frames: players have that long to arrive, and miss nothing. */
const GROUP = 3 * FRAME_RATE;

/**
 * Makes a recording in which no two frames are alike, so that one can be found again by its hash alone:
 * a counting picture, and noise.
 */
export async function makeSource(
  path: string,
  options: SourceCodecs & { readonly seconds: number; readonly bFrames?: number },
): Promise<Source> {
  const { video, audio, seconds, bFrames = 0 } = options;
  const key = [`-g`, String(GROUP), "-keyint_min", String(GROUP), "-pix_fmt", "yuv420p"];
  const preset = ["-preset", "ultrafast"];
  const videoArguments = {
    h264: ["-c:v", "libx264", ...preset, ...key, "-bf", String(bFrames), "-sc_threshold", "0"],
    hevc: ["-c:v", "libx265", ...preset, ...key, "-x265-params", "log-level=none:bframes=0"],
  };
  const audioArguments = {
    // Its perceptual noise is another one after each loss.
    aac: ["-c:a", "aac", "-b:a", "64k", "-aac_pns", "0"],
    mp3: ["-c:a", "libmp3lame", "-b:a", "64k"],
    opus: ["-c:a", "libopus", "-b:a", "48k", "-ac", "2"],
    pcm_mulaw: ["-c:a", "pcm_mulaw"],
    pcm_alaw: ["-c:a", "pcm_alaw"],
  };
  const sampleRate = audio?.startsWith("pcm_") ? 8000 : audio === "opus" ? 48_000 : 44_100;
  const { code, stderr } = await run("ffmpeg", [
    ...["-nostdin", "-hide_banner", "-loglevel", "error"],
    ...(video === undefined
      ? []
      : ["-f", "lavfi", "-i", `testsrc=size=160x120:rate=${FRAME_RATE}:duration=${seconds}`]),
    ...(audio === undefined ? [] : [
      ...["-f", "lavfi", "-i"],
      `anoisesrc=seed=1:amplitude=0.2:sample_rate=${sampleRate}:duration=${seconds}`,
    ]),
    ...(video === undefined ? [] : videoArguments[video]),
    ...(audio === undefined ? [] : audioArguments[audio]),
    ...["-y", path],
  ]);
  assertEquals(code, 0, stderr);
  return { path, ...(video && { video }), ...(audio && { audio }) };
}

/** A program that publishes a recording at the pace of its time stamps. */
export type StartPublisher = (source: Source, target: Doors & { name: string }) => RunningProcess;

function ffmpegPublisher(...output: string[]): (source: Source, url: string) => RunningProcess {
  return ({ path }, url) => ffmpeg(["-re", "-i", path, "-c", "copy", ...output, url]);
}

const rtmpByFfmpeg = ffmpegPublisher("-flvflags", "no_duration_filesize", "-f", "flv");
const rtspByFfmpeg = (transport: "udp" | "tcp") =>
  ffmpegPublisher("-f", "rtsp", "-rtsp_transport", transport);

/** What reads a recording in GStreamer, its tracks as `in.video` and `in.audio`. */
function gstreamerSource({ path }: Source): string[] {
  return path.endsWith(".flv")
    ? ["filesrc", `location=${path}`, "!", "flvdemux", "name=in"]
    : ["filesrc", `location=${path}`, "!", "matroskademux", "name=in"];
}

const GSTREAMER_PARSERS = {
  h264: "h264parse",
  hevc: "h265parse",
  aac: "aacparse",
  mp3: "mpegaudioparse",
  opus: "opusparse",
  pcm_mulaw: "identity",
  pcm_alaw: "identity",
} as const;

/** Starts a pipeline of GStreamer. */
export function gstreamer(...pipeline: string[]): RunningProcess {
  return new RunningProcess("gst-launch-1.0", ["-q", ...pipeline]);
}

function rtspByGstreamer(
  transport: "udp" | "tcp",
): (source: Source, url: string) => RunningProcess {
  return (source, url) =>
    gstreamer(
      ...gstreamerSource(source),
      ...["rtspclientsink", "name=out", `protocols=${transport}`, `location=${url}`],
      ...(["video", "audio"] as const).flatMap((kind) => {
        const codec = source[kind];
        if (codec === undefined) return [];
        return [`in.${kind}`, "!", "queue", "!", GSTREAMER_PARSERS[codec], "!", "out."];
      }),
    );
}

/** The publishers, by the names that the table has. */
export const PUBLISHERS = {
  "ffmpeg RTMP": (source, { rtmp, name }) => rtmpByFfmpeg(source, `${rtmp}/${name}`),
  "GStreamer RTMP": (source, { rtmp, name }) =>
    gstreamer(
      ...gstreamerSource(source),
      ...["in.video", "!", "queue", "!", "out.video", "in.audio", "!", "queue", "!", "out.audio"],
      ...["flvmux", "name=out", "streamable=true", "!", "identity", "sync=true", "!"],
      ...["rtmp2sink", `location=${rtmp}/${name}`],
    ),
  "ffmpeg RTSP UDP": (source, { rtsp, name }) => rtspByFfmpeg("udp")(source, `${rtsp}/${name}`),
  "ffmpeg RTSP TCP": (source, { rtsp, name }) => rtspByFfmpeg("tcp")(source, `${rtsp}/${name}`),
  "GStreamer RTSP UDP": (source, { rtsp, name }) =>
    rtspByGstreamer("udp")(source, `${rtsp}/${name}`),
  "GStreamer RTSP TCP": (source, { rtsp, name }) =>
    rtspByGstreamer("tcp")(source, `${rtsp}/${name}`),
} as const satisfies Record<string, StartPublisher>;

/** A player: what it decoded once the stream has ended. */
export type Play = (
  target: Doors & { readonly name: string; readonly folder: string },
  codecs: PlayedCodecs,
) => Promise<Decoded>;

/** Arguments that print the hash of each decoded frame, with times as exact as they are stored. */
function decodeArguments(input: readonly string[], codecs: SourceCodecs): string[] {
  return [
    // Encoder delay is not known to who plays a live stream, so it must not be cut from a file either.
    ...["-flags2", "skip_manual", ...input],
    ...["-fps_mode", "passthrough", "-enc_time_base", "-1"],
    // A decoder of Opus takes a second to forget what it was told before.
    ...(codecs.audio === "opus" ? ["-c:a", "copy"] : []),
    // G.711 has no frames: servers cut it as they like.
    ...(codecs.audio?.startsWith("pcm_") ? ["-af", "asetnsamples=n=160:p=0"] : []),
    ...["-f", "framemd5", "-"],
  ];
}

function readFrames(list: Uint8Array, messages: string): Decoded {
  const text = new TextDecoder().decode(list);
  const tracks = Array.from(
    text.matchAll(/^#tb \d+: (\d+)\/(\d+)\n#media_type \d+: (\w+)$/gm),
    ([, numerator, denominator, kind]) => ({
      kind,
      msATick: Number(numerator) / Number(denominator) * 1000,
      frames: [] as DecodedFrame[],
    }),
  );
  for (const line of text.split("\n").filter((line) => /^\d/.test(line))) {
    const [track, , pts, , , hash] = line.split(",").map((field) => field.trim());
    const { msATick, frames } = tracks[Number(track)]!;
    frames.push({ ptsMs: Number(pts) * msATick, hash: hash! });
  }
  const of = (wanted: string) => tracks.find(({ kind }) => kind === wanted)?.frames ?? [];
  return { video: of("video"), audio: of("audio"), messages };
}

async function decodeByFfmpeg(
  codecs: SourceCodecs,
  ...input: string[]
): Promise<Decoded> {
  await using player = ffmpeg(decodeArguments(input, codecs));
  const { stdout, stderr } = await player.ended;
  return readFrames(stdout, stderr);
}

/** Decodes a file. */
export function decodeFile(path: string, codecs: SourceCodecs): Promise<Decoded> {
  return decodeByFfmpeg(codecs, "-i", path);
}

/** What takes frames out of packets. */
const GSTREAMER_DEPAYLOADERS = {
  h264: "rtph264depay",
  hevc: "rtph265depay",
  aac: "rtpmp4gdepay",
  mp3: "rtpmpadepay",
  opus: "rtpopusdepay",
  pcm_mulaw: "rtppcmudepay",
  pcm_alaw: "rtppcmadepay",
} as const;

/** How a track is written to a file of its own, and what FFmpeg has to know of that. */
const GSTREAMER_FILES = {
  h264: { caps: "video/x-h264,stream-format=byte-stream", input: ["-f", "h264"] },
  hevc: { caps: "video/x-h265,stream-format=byte-stream", input: ["-f", "hevc"] },
  aac: { caps: "audio/mpeg,stream-format=adts", input: ["-f", "aac"] },
  mp3: { caps: "audio/mpeg", input: ["-f", "mp3"] },
  opus: { caps: "audio/x-opus ! oggmux", input: ["-f", "ogg"] },
  pcm_mulaw: { caps: "audio/x-mulaw", input: ["-f", "mulaw", "-ar", "8000", "-ac", "1"] },
  pcm_alaw: { caps: "audio/x-alaw", input: ["-f", "alaw", "-ar", "8000", "-ac", "1"] },
} as const;

/** Holds whatever comes: the file of all tracks takes nothing of one while it waits for another. */
const QUEUE = ["queue", "max-size-time=0", "max-size-buffers=0", "max-size-bytes=0"];

/**
 * One player in fifteen says so when it leaves, and then is answered to its TEARDOWN: the command to close
 * flushes the connection (`gst_rtspsrc_loop_send_cmd`) on which `gst_rtspsrc_pause` is sending its PAUSE.
 */
const GSTREAMER_LATE_PAUSE =
  /^ERROR: .*GstRTSPSrc:in: Could not write .*\nAdditional debug info:\n.* gst_rtspsrc_(try_send|pause) \(\): .*\nCould not send message\. \(Received end-of-file\)\n?/gm;

/**
 * Each track goes to a file of its own, which has all its frames, and to one of all tracks, which has
 * their times, but leaves out frames whose time does not grow, as it is when GStreamer synchronizes.
 */
function playByGstreamer(transport: "udp" | "tcp"): Play {
  return async ({ rtsp, name, folder }, codecs) => {
    const kinds = (["video", "audio"] as const).filter((kind) => codecs[kind] !== undefined);
    const stem = `${folder}/${name.replaceAll("/", "-")}-${transport}`;
    const tracks = kinds.flatMap((kind) => {
      const codec = codecs[kind]!;
      const parser = GSTREAMER_PARSERS[codec];
      const isLatm = codec === "aac" && codecs.latm === true;
      const depayloader = isLatm ? "rtpmp4adepay" : GSTREAMER_DEPAYLOADERS[codec];
      return [
        // Without caps in between: a filter that is made when the track comes is, now and then, not
        // running yet when the first packet is there, and the player then waits for ever.
        ...["in.", "!", depayloader, "!", "tee", `name=${kind}`],
        ...[`${kind}.`, "!", ...QUEUE, "!", parser, "!", ...GSTREAMER_FILES[codec].caps.split(" ")],
        ...["!", "filesink", `location=${stem}-${kind}`],
        ...[`${kind}.`, "!", ...QUEUE, "!", parser, "!", "out."],
      ];
    });
    // It buffers 2 s unless told otherwise. With less, a machine that stalls for longer than that has it
    // begin the time of a track anew ("reset jitterbuffer and discard"), and not that of the other.
    await using player = gstreamer(
      ...["rtspsrc", `location=${rtsp}/${name}`, `protocols=${transport}`],
      ...["name=in", "matroskamux", "name=out", "!", "filesink", `location=${stem}.mkv`],
      ...tracks,
    );
    const { stderr } = await player.ended;
    const timed = await decodeFile(`${stem}.mkv`, codecs);
    const decoded = { video: [] as DecodedFrame[], audio: [] as DecodedFrame[] };
    // The file of all tracks is for times alone: its decoder misses the frames that were left out.
    let messages = stderr.replaceAll(GSTREAMER_LATE_PAUSE, "");
    for (const kind of kinds) {
      if (kind === "audio" && codecs.latm === true) await dropFirstAdtsFrame(`${stem}-${kind}`);
      const file = await decodeByFfmpeg(
        codecs,
        // That it guesses how long such a file is, is a warning.
        ...["-loglevel", "error", ...GSTREAMER_FILES[codecs[kind]!].input],
        ...["-i", `${stem}-${kind}`],
      );
      messages += file.messages;
      // Its parsers of Opus and MP3 make up times: they only count samples.
      const isTimed = codecs[kind] !== "opus" && codecs[kind] !== "mp3";
      const times = new Map(isTimed ? timed[kind].map(({ ptsMs, hash }) => [hash, ptsMs]) : []);
      decoded[kind] = file[kind].map(({ hash }) => ({ ptsMs: times.get(hash) ?? NaN, hash }));
    }
    return { ...decoded, messages };
  };
}

/**
 * GStreamer's rtpmp4adepay only learns from the marker of its first packet that packets are whole frames
 * (`framed` in `gst_rtp_mp4a_depay_process`), and passes that one on as it came, with its length in front:
 * no decoder makes sense of it, whoever sends.
 */
async function dropFirstAdtsFrame(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  const [, , , high = 0, middle = 0, low = 0] = bytes;
  const length = (high & 3) << 11 | middle << 3 | low >> 5;
  await Deno.writeFile(path, bytes.subarray(length));
}

/** The players, by the names that the table has. */
export const PLAYERS = {
  "ffmpeg RTMP": ({ rtmp, name }, codecs) => decodeByFfmpeg(codecs, "-i", `${rtmp}/${name}`),
  "ffmpeg RTSP TCP": ({ rtsp, name }, codecs) =>
    decodeByFfmpeg(codecs, "-rtsp_transport", "tcp", "-i", `${rtsp}/${name}`),
  "ffmpeg RTSP UDP": ({ rtsp, name }, codecs) =>
    decodeByFfmpeg(codecs, "-rtsp_transport", "udp", "-i", `${rtsp}/${name}`),
  "GStreamer RTSP TCP": playByGstreamer("tcp"),
  "GStreamer RTSP UDP": playByGstreamer("udp"),
} as const satisfies Record<string, Play>;

/** Asserts that FFmpeg gets half a second of the sound that `publisher` sends over its first channel. */
export async function assertFfmpegPlays(
  url: string,
  options: { readonly transport: "http" | "tcp" | "udp_multicast"; readonly publisher: RtspPeer },
): Promise<void> {
  const { transport, publisher } = options;
  await using player = ffmpeg([
    ...["-rtsp_transport", transport, "-i", url],
    ...["-map", "0", "-c", "copy", "-frames:a", "25", "-f", "framemd5", "-"],
  ]);
  let number = 100;
  const feeding = setInterval(() => {
    publisher.frame(0, audioPacket(number++)).catch(() => {});
  }, 20);
  try {
    const { code, stdout, stderr } = await player.ended;
    assertEquals(code, 0, stderr);
    const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => /^0,/.test(line));
    assertEquals(lines.length, 25, stderr);
  } finally {
    clearInterval(feeding);
  }
}
