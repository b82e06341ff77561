/** The stream that is published: 30 pictures and 43 audio frames a second, with a time in each picture. */

/** One picture or audio frame. */
export interface TestUnit {
  readonly kind: "video" | "audio";
  readonly timeMs: number;
  readonly keyFrame: boolean;
  /** As RTMP carries it. The next unit of its sort is written over it. */
  readonly flvBody: Uint8Array;
  /** As RTP payload formats take it: the NAL unit, or the AAC frame. */
  readonly part: Uint8Array;
}

const FRAMES_PER_SECOND = 30;
const AUDIO_PER_SECOND = 43;
const AUDIO_BYTES = 370;
const KEY_INTERVAL = 60;
/** A key frame is so many times as large as another. */
const KEY_FACTOR = 3;

/** FLV's five bytes, and the four of the NAL unit's length. */
const NAL_AT = 9;
const NAL_LENGTH_BYTES = 4;
const AAC_AT = 2;

/** Where the stamp is in a NAL unit: after its header, and the byte that tells the picture's first slice. */
export const STAMP_IN_NAL = 2;
/** Where the stamp is in an FLV body, as it is published. */
const STAMP_IN_BODY = NAL_AT + STAMP_IN_NAL;
const STAMP_BYTES = 7;
const NUMBER_BYTES = 4;

/** What each picture carries. */
export interface PictureMark {
  /** When it was made, milliseconds, by `performance.now()` of the process. */
  readonly stampMs: number;
  /** Counts the pictures of a stream. */
  readonly number: number;
}

/** A real avcC, and an AudioSpecificConfig: servers look inside. */
export const AVC_CONFIG: Uint8Array = Uint8Array.fromHex(
  "0142c01effe100196742c01ed90280bfe5c044000003000400000300f23c58b92001000468cb83cb",
);
export const AAC_CONFIG: Uint8Array = Uint8Array.of(0x12, 0x10);

/** Writes the time and a picture's number. */
function writeMark(target: Uint8Array, at: number, number: number): void {
  writeNumber(target.subarray(at, at + STAMP_BYTES), Math.round(performance.now() * 1000));
  writeNumber(target.subarray(at + STAMP_BYTES, at + STAMP_BYTES + NUMBER_BYTES), number);
}

/** Reads the time and a picture's number. */
export function readMark(bytes: Uint8Array, at: number): PictureMark {
  return {
    stampMs: readStamp(bytes, at),
    number: readNumber(bytes, at + STAMP_BYTES, NUMBER_BYTES),
  };
}

/** Finds the mark in the body of FLV of a picture: servers may put parameter sets before the slice. */
export function markInBody(body: Uint8Array): PictureMark | undefined {
  return markInPicture(body.subarray(NAL_AT - NAL_LENGTH_BYTES));
}

/** Finds the mark in NAL units, each behind its length. */
export function markInPicture(picture: Uint8Array): PictureMark | undefined {
  const view = new DataView(picture.buffer, picture.byteOffset, picture.length);
  const least = STAMP_IN_NAL + STAMP_BYTES + NUMBER_BYTES;
  for (let at = NAL_LENGTH_BYTES; at + least <= picture.length;) {
    if (isSlice(picture[at]! & 31)) return readMark(picture, at + STAMP_IN_NAL);
    at += view.getUint32(at - NAL_LENGTH_BYTES) + NAL_LENGTH_BYTES;
  }
  return undefined;
}

/** Whether a NAL unit of that type is one of the stream's, which have marks. */
export function isSlice(nalType: number): boolean {
  return nalType === 1 || nalType === 5;
}

/** Reads the time alone, milliseconds. */
function readStamp(bytes: Uint8Array, at: number): number {
  return readNumber(bytes, at, STAMP_BYTES) / 1000;
}

/** Writes seven bits a byte, so that no start code comes of them. */
function writeNumber(target: Uint8Array, value: number): void {
  for (let index = target.length - 1; index >= 0; index--) {
    target[index] = 0x80 | value % 128;
    value = Math.floor(value / 128);
  }
}

function readNumber(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 128 + (bytes[at + index]! & 127);
  return value;
}

/** The units of a stream without end, each when it is due; `phase`, 0 to 1, is its share of a picture's time. */
export async function* testStream(mbps: number, phase: number): AsyncGenerator<TestUnit> {
  const videoBytes = mbps * 1e6 / 8 - AUDIO_PER_SECOND * AUDIO_BYTES;
  const interBytes = Math.round(
    videoBytes / FRAMES_PER_SECOND * KEY_INTERVAL / (KEY_INTERVAL - 1 + KEY_FACTOR),
  );
  const key = videoBody(interBytes * KEY_FACTOR, KEY_PICTURE);
  const inter = videoBody(interBytes, INTER_PICTURE);
  const audio = new Uint8Array(AUDIO_BYTES).fill(0x55);
  audio.set([0xaf, 1]);

  const startedAt = performance.now() + phase * 1000 / FRAMES_PER_SECOND;
  for (let frame = 0, sound = 0;;) {
    const frameMs = frame * 1000 / FRAMES_PER_SECOND;
    const soundMs = sound * 1000 / AUDIO_PER_SECOND;
    const timeMs = Math.min(frameMs, soundMs);
    const waitMs = startedAt + timeMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (soundMs < frameMs) {
      sound++;
      const part = audio.subarray(AAC_AT);
      yield { kind: "audio", timeMs, keyFrame: false, flvBody: audio, part };
      continue;
    }
    const keyFrame = frame % KEY_INTERVAL === 0;
    const flvBody = keyFrame ? key : inter;
    writeMark(flvBody, STAMP_IN_BODY, frame++);
    yield { kind: "video", timeMs, keyFrame, flvBody, part: flvBody.subarray(NAL_AT) };
  }
}

/** How the two sorts of pictures begin: FLV's byte, and that of the NAL unit. */
export const KEY_PICTURE = { tag: 0x17, nalHeader: 0x65 };
export const INTER_PICTURE = { tag: 0x27, nalHeader: 0x41 };

/** The body of a picture as FLV has it, of so many bytes. */
export function videoBody(
  length: number,
  { tag, nalHeader }: { readonly tag: number; readonly nalHeader: number },
): Uint8Array {
  const body = new Uint8Array(length).fill(0x55);
  body.set([tag, 1, 0, 0, 0]);
  new DataView(body.buffer).setUint32(5, length - NAL_AT);
  body.set([nalHeader, 0x88], NAL_AT);
  return body;
}
