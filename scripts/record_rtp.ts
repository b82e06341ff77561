/**
 * Records what FFmpeg's and GStreamer's packetisers send, for tests/rtp/recorded_test.ts:
 *
 *     deno run -A scripts/record_rtp.ts [name …]
 *
 * A source file of each codec is made once; both peers packetise it to a UDP port on loopback. The
 * expected units come from FFmpeg's framemd5 muxer, which hashes each frame of the source as its
 * demultiplexer cuts it: H.264 and H.265 with a 4-byte length before each NAL unit.
 */
import { programArguments } from "./program_arguments.ts";

interface Recording {
  readonly name: string;
  /** File of the source, and the arguments that make it. */
  readonly source: string;
  readonly encode: string;
  readonly encodingName: string;
  readonly clockRate: number;
  readonly channels?: number;
  readonly ffmpeg?: string;
  readonly gstreamer?: string;
}

const VIDEO = "-f lavfi -i testsrc2=s=128x96:r=25 -frames:v 8 -an";
const AUDIO = "-f lavfi -i sine=f=440:r=48000 -t 0.25 -vn";
const X264 = "-c:v libx264 -preset veryfast -g 5 -bf 2 -b:v 400k -x264-params slices=2";

const RECORDINGS: readonly Recording[] = [
  {
    name: "h264",
    source: "h264.mp4",
    encode: `${VIDEO} ${X264} -pix_fmt yuv420p`,
    encodingName: "H264",
    clockRate: 90000,
    ffmpeg: "-f rtp",
    gstreamer: "qtdemux ! h264parse ! rtph264pay mtu=500 aggregate-mode=zero-latency",
  },
  {
    name: "h265",
    source: "h265.mp4",
    encode: `${VIDEO} -c:v libx265 -x265-params log-level=none:keyint=5 -pix_fmt yuv420p`,
    encodingName: "H265",
    clockRate: 90000,
    ffmpeg: "-f rtp",
    gstreamer: "qtdemux ! h265parse ! rtph265pay mtu=500 aggregate-mode=zero-latency",
  },
  {
    name: "vp8",
    source: "vp8.webm",
    encode: `${VIDEO} -c:v libvpx -b:v 300k`,
    encodingName: "VP8",
    clockRate: 90000,
    ffmpeg: "-f rtp",
    gstreamer: "matroskademux ! rtpvp8pay mtu=500 picture-id-mode=15-bit",
  },
  {
    name: "vp9",
    source: "vp9.webm",
    encode: `${VIDEO} -c:v libvpx-vp9 -b:v 300k -deadline realtime -cpu-used 8 -lag-in-frames 0`,
    encodingName: "VP9",
    clockRate: 90000,
    ffmpeg: "-strict experimental -f rtp",
    gstreamer: "matroskademux ! rtpvp9pay mtu=500",
  },
  {
    name: "mpeg4-video",
    source: "mpeg4.avi",
    encode: `${VIDEO} -c:v mpeg4 -b:v 300k`,
    encodingName: "MP4V-ES",
    clockRate: 90000,
    ffmpeg: "-f rtp",
  },
  {
    name: "aac",
    source: "aac.mp4",
    encode: `${AUDIO} -c:a aac -b:a 96k`,
    encodingName: "MPEG4-GENERIC",
    clockRate: 48000,
    ffmpeg: "-f rtp",
    gstreamer: "qtdemux ! aacparse ! rtpmp4gpay mtu=300",
  },
  {
    name: "latm",
    source: "aac.mp4",
    encode: `${AUDIO} -c:a aac -b:a 96k`,
    encodingName: "MP4A-LATM",
    clockRate: 48000,
    ffmpeg: "-rtpflags latm -f rtp",
    gstreamer: "qtdemux ! aacparse ! rtpmp4apay mtu=300",
  },
  {
    name: "opus",
    source: "opus.ogg",
    encode: `${AUDIO} -c:a libopus -b:a 64k`,
    encodingName: "OPUS",
    clockRate: 48000,
    ffmpeg: "-f rtp",
    gstreamer: "oggdemux ! opusparse ! rtpopuspay",
  },
  {
    name: "mp3",
    source: "sound.mp3",
    encode: `${AUDIO} -c:a libmp3lame -b:a 192k -write_xing 0 -id3v2_version 0`,
    encodingName: "MPA",
    clockRate: 90000,
    ffmpeg: "-f rtp",
    gstreamer: "mpegaudioparse ! rtpmpapay mtu=500",
  },
  {
    name: "ac3",
    source: "sound.ac3",
    encode: `${AUDIO} -c:a ac3 -b:a 192k`,
    encodingName: "AC3",
    clockRate: 48000,
    gstreamer: "ac3parse ! rtpac3pay mtu=500",
  },
  {
    name: "pcma",
    source: "pcma.wav",
    encode: `${AUDIO} -ar 8000 -c:a pcm_alaw`,
    encodingName: "PCMA",
    clockRate: 8000,
    ffmpeg: "-f rtp",
    gstreamer: "wavparse ! rtppcmapay",
  },
  {
    name: "l16",
    source: "l16.au",
    encode: `${AUDIO} -ar 8000 -ac 2 -c:a pcm_s16be`,
    encodingName: "L16",
    clockRate: 8000,
    channels: 2,
    ffmpeg: "-f rtp",
    gstreamer: "auparse ! rtpL16pay",
  },
];

const { rest } = programArguments(import.meta, { rest: "NAME …" });
const folder = await Deno.makeTempDir();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function run(command: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(command, { args: [...args] }).output();
  const errors = decoder.decode(stderr);
  if (!success) throw new Error(`${command} ${args.join(" ")} failed:\n${errors}`);
  return decoder.decode(stdout);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Collects datagrams until closed. */
function listen(): { port: number; datagrams: string[]; close(): void } {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const datagrams: string[] = [];
  (async () => {
    for await (const [bytes] of socket) datagrams.push(hex(bytes));
  })().catch(() => {});
  const { port } = socket.addr as Deno.NetAddr;
  return { port, datagrams, close: () => socket.close() };
}

async function frameHashes(source: string): Promise<string[]> {
  const args = ["-v", "error", "-i", source, "-c", "copy", "-f", "framemd5", "-"];
  const lines = (await run("ffmpeg", args)).split("\n");
  return lines.filter((line) => /^\d/.test(line)).map((line) => line.split(",")[5]!.trim());
}

async function record(recording: Recording, peer: "ffmpeg" | "gstreamer"): Promise<void> {
  const source = `${folder}/${recording.source}`;
  await run("ffmpeg", ["-v", "error", "-y", ...recording.encode.split(" "), source]);
  const rtp = listen();
  const rtcp = listen();
  const output = peer === "ffmpeg"
    ? await run("ffmpeg", [
      ...["-v", "error", "-re", "-i", source, "-c", "copy", ...recording.ffmpeg!.split(" ")],
      ...["-sdp_file", `${folder}/sdp`],
      `rtp://127.0.0.1:${rtp.port}?rtcpport=${rtcp.port}&pkt_size=500`,
    ]).then(() => Deno.readTextFile(`${folder}/sdp`))
    : await run("gst-launch-1.0", [
      ...["-v", "filesrc", `location=${source}`, "!", ...recording.gstreamer!.split(" ")],
      ...["!", "udpsink", "host=127.0.0.1", `port=${rtp.port}`, "sync=false"],
    ]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  rtp.close();
  rtcp.close();
  const config = /\bconfig=(?:\(string\))?([\da-fA-F]+)/.exec(output)?.[1];
  const parameters = config === undefined ? {} : { config, cpresent: "0" };
  const { encodingName, clockRate, channels = 1 } = recording;
  const fixture = {
    peer,
    format: { encodingName, clockRate, channels, parameters },
    unitMd5: await frameHashes(source),
    packets: rtp.datagrams,
    rtcp: rtcp.datagrams,
  };
  const file = new URL(`../tests/rtp/fixtures/${recording.name}_${peer}.json`, import.meta.url);
  await Deno.writeFile(file, encoder.encode(JSON.stringify(fixture, null, 1) + "\n"));
  console.log(recording.name, peer, fixture.packets.length, "packets", fixture.rtcp.length, "RTCP");
}

for (const recording of RECORDINGS) {
  if (rest.length > 0 && !rest.includes(recording.name)) continue;
  for (const peer of ["ffmpeg", "gstreamer"] as const) {
    if (recording[peer] !== undefined) await record(recording, peer);
  }
}
await Deno.remove(folder, { recursive: true });
