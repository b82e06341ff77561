/** Media that clients publish in tests, and what they then play. */
import type { RtmpMedia } from "../../src/client/mod.ts";
import { buildOnMetaData } from "../../src/flv/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";

/** H.264 of 16 by 16 pixels, baseline: its decoder configuration. */
const AVCC = "0142c00affe1000a6742c00ad9078c1a840000000168ce3c80".match(/../g)!;

const VIDEO_CONFIG = Uint8Array.from([0x17, 0, 0, 0, 0, ...AVCC.map((hex) => parseInt(hex, 16))]);
const AUDIO_CONFIG = new Uint8Array([0xaf, 0, 0x12, 0x10]);

/** Metadata and headers. */
export function headers(): RtmpMedia[] {
  const metadata = buildOnMetaData({
    width: 16,
    height: 16,
    videoCodec: "h264",
    audioCodec: "aac",
  });
  return [
    { kind: "data", timestampMs: 0, body: metadata },
    { kind: "video", timestampMs: 0, body: VIDEO_CONFIG },
    { kind: "audio", timestampMs: 0, body: AUDIO_CONFIG },
  ];
}

/** Frame `number`, at 40 ms a frame, a key frame each tenth, and the audio after it. */
export function frame(number: number, { bytes = 300, startMs = 0 } = {}): RtmpMedia[] {
  const timestampMs = startMs + number * 40;
  const video = new Uint8Array(bytes).fill(0x55);
  video.set([number % 10 === 0 ? 0x17 : 0x27, 1, 0, 0, 0]);
  new DataView(video.buffer).setUint32(5, bytes - 9);
  video[9] = number % 10 === 0 ? 0x65 : 0x41;
  new DataView(video.buffer).setUint32(12, number);
  const audio = new Uint8Array(40).fill(0x21);
  audio.set([0xaf, 1]);
  return [
    { kind: "video", timestampMs, body: video },
    { kind: "audio", timestampMs, body: audio },
  ];
}

/** The number of a video frame of `frame`; `undefined` of all else. */
export function frameNumber(unit: MediaUnit): number | undefined {
  if (unit.kind !== "video" || unit.role !== "media" || unit.payload.format !== "flv") {
    return undefined;
  }
  const { body } = unit.payload;
  return new DataView(body.buffer, body.byteOffset).getUint32(12);
}

/** Writes frames in real time, or as fast as they go. */
export async function writeAll(
  writable: WritableStream<RtmpMedia>,
  media: Iterable<RtmpMedia>,
): Promise<void> {
  const writer = writable.getWriter();
  try {
    for (const message of media) await writer.write(message);
  } finally {
    writer.releaseLock();
  }
}

/** Reads units until `enough` says so, or the stream ends. */
export async function readUntil(
  readable: ReadableStream<MediaUnit>,
  enough: (unit: MediaUnit) => boolean,
): Promise<MediaUnit[]> {
  const units: MediaUnit[] = [];
  for await (const unit of readable.values({ preventCancel: true })) {
    units.push(unit);
    if (enough(unit)) break;
  }
  return units;
}
