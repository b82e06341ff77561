import type { RawMessage } from "./raw_message.ts";

/** How a message of given size is cut into chunks. */
export interface ChunkedLengthOptions {
  /** Largest chunk body in bytes, 1 to 0x7FFFFFFF. */
  readonly chunkSize: number;
  /** Absolute timestamp in milliseconds: from 0xFFFFFF on it takes four more bytes a chunk. */
  readonly timestampMs: number;
  /** Chunk stream id: from 64 on it takes one more byte a chunk, from 320 on two. */
  readonly chunkStreamId: number;
}

/** Where {@linkcode writeChunks} writes. */
export interface WriteChunksOptions {
  /** The bytes to write to. */
  readonly target: Uint8Array;
  /** Index of the first byte to write. */
  readonly offset: number;
  /** Largest chunk body in bytes, 1 to 0x7FFFFFFF. */
  readonly chunkSize: number;
}

/** Options of a {@linkcode ChunkEncoder}. */
export interface ChunkEncoderOptions {
  /** Largest chunk body in bytes until changed, 128 by default as the protocol has it. */
  readonly chunkSize?: number;
  /** Leave out header fields that equal those of the message before; `false` by default. */
  readonly compress?: boolean;
}

/** A timestamp field of this value says that the value follows in four bytes (5.3.1.3). */
const extendedMarker = 0xffffff;
const largestPayload = 0xffffff;

/** Bytes of the message header by chunk format (RTMP 1.0, 5.3.1.2). */
const messageHeaderBytes = [11, 7, 3, 0];

/** The header that the peer has last seen on a chunk stream, to which later ones may refer. */
interface SentHeader {
  readonly type: number;
  readonly length: number;
  readonly streamId: number;
  readonly timestampMs: number;
  /** `undefined` after a type 0 chunk, where peers disagree on what a type 3 chunk repeats. */
  readonly deltaMs: number | undefined;
}

/**
 * Turns messages into chunks (RTMP 1.0, chapter 5.3) for one direction of a connection.
 *
 * Without `compress` every message starts with a type 0 chunk. With it, types 1 to 3 are used where
 * all peers read them alike: no type 3 chunk starts a message straight after a type 0 chunk, and no
 * delta needs an extended timestamp.
 *
 * @example
 * ```ts
 * import { ChunkEncoder } from "@weir/server/rtmp";
 *
 * const encoder = new ChunkEncoder({ compress: true });
 * const message = { chunkStreamId: 4, type: 8, streamId: 1, payload: new Uint8Array(10) };
 * console.log(encoder.encode({ ...message, timestampMs: 0 }).length); // 22
 * console.log(encoder.encode({ ...message, timestampMs: 23 }).length); // 14
 * console.log(encoder.encode({ ...message, timestampMs: 46 }).length); // 11
 * ```
 */
export class ChunkEncoder {
  #chunkSize: number;
  readonly #sent: Map<number, SentHeader> | undefined;

  /**
   * Starts with nothing sent.
   *
   * @throws {RangeError} if the chunk size is not an integer of 1 to 0x7FFFFFFF
   */
  constructor(options: ChunkEncoderOptions = {}) {
    const { chunkSize = 128, compress = false } = options;
    this.#chunkSize = checkedChunkSize(chunkSize);
    this.#sent = compress ? new Map() : undefined;
  }

  /**
   * Largest chunk body in bytes. Setting it announces nothing: encode a Set Chunk Size message
   * first, then set it.
   *
   * Setting it to what is not an integer of 1 to 0x7FFFFFFF throws a `RangeError`.
   */
  get chunkSize(): number {
    return this.#chunkSize;
  }

  set chunkSize(value: number) {
    this.#chunkSize = checkedChunkSize(value);
  }

  /**
   * Returns the chunks of one message as one buffer, which the caller owns.
   *
   * @throws {RangeError} if a field of the message does not fit the wire
   */
  encode(message: RawMessage): Uint8Array<ArrayBuffer> {
    checkMessage(message);
    const { format, time } = this.#compress(message);
    const chunkSize = this.#chunkSize;
    const target = new Uint8Array(formLength(message, { chunkSize, format, time }));
    writeForm(message, { target, offset: 0, chunkSize, format, time });
    return target;
  }

  /** Chooses the shortest form for `message`, and remembers what the peer then knows. */
  #compress(message: RawMessage): ChunkForm {
    const { chunkStreamId, type, timestampMs, streamId, payload } = message;
    const full = { format: 0, time: timestampMs };
    if (this.#sent === undefined) return full;
    const last = this.#sent.get(chunkStreamId);
    const next = { type, length: payload.length, streamId, timestampMs, deltaMs: undefined };
    if (last === undefined || last.streamId !== streamId) {
      this.#sent.set(chunkStreamId, next);
      return full;
    }
    const deltaMs = (timestampMs - last.timestampMs) >>> 0;
    if (deltaMs >= extendedMarker) {
      this.#sent.set(chunkStreamId, next);
      return full;
    }
    this.#sent.set(chunkStreamId, { ...next, deltaMs });
    const sameKind = last.type === type && last.length === payload.length;
    return { format: sameKind ? last.deltaMs === deltaMs ? 3 : 2 : 1, time: deltaMs };
  }
}

/**
 * Number of bytes that {@linkcode writeChunks} writes for a body of `payloadLength` bytes.
 *
 * @example
 * ```ts
 * import { chunkedLength } from "@weir/server/rtmp";
 *
 * console.log(chunkedLength(307, { chunkSize: 128, timestampMs: 1000, chunkStreamId: 4 })); // 321
 * ```
 */
export function chunkedLength(payloadLength: number, options: ChunkedLengthOptions): number {
  const { chunkSize, timestampMs, chunkStreamId } = options;
  const basic = basicHeaderBytes(chunkStreamId);
  const extended = timestampMs >= extendedMarker ? 4 : 0;
  const continuations = payloadLength > chunkSize ? Math.ceil(payloadLength / chunkSize) - 1 : 0;
  return basic + 11 + extended + payloadLength + continuations * (basic + extended);
}

/**
 * Writes a message in the one form that suits every reader and depends on none: a type 0 chunk, then
 * type 3 chunks with the extended timestamp repeated. Returns the index after the last byte written.
 *
 * It writes only a message as a decoder makes them: fields out of range are cut to their size on the
 * wire, except those that would change the form.
 *
 * @example
 * ```ts
 * import { writeChunks } from "@weir/server/rtmp";
 *
 * const target = new Uint8Array(64);
 * const payload = new Uint8Array([0xaf, 0x01]);
 * const audio = { chunkStreamId: 4, type: 8, timestampMs: 23, streamId: 1, payload };
 * console.log(writeChunks(audio, { target, offset: 0, chunkSize: 128 })); // 14
 * ```
 *
 * @throws {RangeError} if `target` is too short, the payload longer than 0xFFFFFF bytes, or the chunk
 * size below 1; nothing is written then
 */
export function writeChunks(message: RawMessage, options: WriteChunksOptions): number {
  const { target, offset, chunkSize } = options;
  const { chunkStreamId, timestampMs, payload } = message;
  if (!(chunkSize >= 1)) throw chunkSizeError(chunkSize);
  const end = offset + chunkedLength(payload.length, { chunkSize, timestampMs, chunkStreamId });
  if (payload.length > largestPayload) throw payloadError(payload.length);
  if (end > target.length) {
    throw new RangeError(
      `Cannot write chunks as the target must have ${end} bytes: current value is ${target.length}`,
    );
  }
  writeForm(message, { target, offset, chunkSize, format: 0, time: timestampMs });
  return end;
}

/** The type of a message's first chunk, and its timestamp or delta. */
interface ChunkForm {
  readonly format: number;
  readonly time: number;
}

function formLength(message: RawMessage, form: ChunkForm & { chunkSize: number }): number {
  const { payload, chunkStreamId } = message;
  const { chunkSize, format, time } = form;
  const full = chunkedLength(payload.length, { chunkSize, timestampMs: time, chunkStreamId });
  return full - 11 + messageHeaderBytes[format]!;
}

function writeForm(message: RawMessage, form: ChunkForm & WriteChunksOptions): void {
  const { payload, chunkStreamId } = message;
  const { target, chunkSize, format, time } = form;
  const length = payload.length;
  const extended = time >= extendedMarker;
  let at = writeBasicHeader(target, form.offset, format << 6, chunkStreamId);
  if (format < 3) at = writeU24(target, at, extended ? extendedMarker : time);
  if (format < 2) {
    at = writeU24(target, at, length);
    target[at++] = message.type;
  }
  if (format === 0) {
    const id = message.streamId;
    target[at++] = id;
    target[at++] = id >>> 8;
    target[at++] = id >>> 16;
    target[at++] = id >>> 24;
  }
  if (extended) at = writeU32(target, at, time);
  if (length <= chunkSize) {
    target.set(payload, at);
    return;
  }
  target.set(payload.subarray(0, chunkSize), at);
  at += chunkSize;
  for (let from = chunkSize; from < length; from += chunkSize) {
    at = writeBasicHeader(target, at, 0xc0, chunkStreamId);
    if (extended) at = writeU32(target, at, time);
    const end = Math.min(from + chunkSize, length);
    target.set(payload.subarray(from, end), at);
    at += end - from;
  }
}

function basicHeaderBytes(chunkStreamId: number): number {
  return chunkStreamId < 64 ? 1 : chunkStreamId < 320 ? 2 : 3;
}

/** `format` is the chunk type in the two upper bits. */
function writeBasicHeader(target: Uint8Array, at: number, format: number, id: number): number {
  if (id < 64) {
    target[at++] = format | id;
    return at;
  }
  const rest = id - 64;
  target[at++] = id < 320 ? format : format | 1;
  target[at++] = rest;
  if (id >= 320) target[at++] = rest >> 8;
  return at;
}

function writeU24(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 16;
  target[at + 1] = value >>> 8;
  target[at + 2] = value;
  return at + 3;
}

function writeU32(target: Uint8Array, at: number, value: number): number {
  target[at] = value >>> 24;
  return writeU24(target, at + 1, value);
}

function checkMessage(message: RawMessage): void {
  checkField("chunkStreamId", message.chunkStreamId, { least: 2, most: 65599 });
  checkField("type", message.type, { least: 0, most: 0xff });
  checkField("timestampMs", message.timestampMs, { least: 0, most: 0xffffffff });
  checkField("streamId", message.streamId, { least: 0, most: 0xffffffff });
  if (message.payload.length > largestPayload) throw payloadError(message.payload.length);
}

function checkField(name: string, value: number, range: { least: number; most: number }): void {
  if (Number.isInteger(value) && value >= range.least && value <= range.most) return;
  throw new RangeError(
    `Cannot encode a message as '${name}' must be an integer of ${range.least} to ${range.most}: ` +
      `current value is ${value}`,
  );
}

function payloadError(length: number): RangeError {
  return new RangeError(
    `Cannot encode a message as its payload must have at most ${largestPayload} bytes: ` +
      `current value is ${length}`,
  );
}

function checkedChunkSize(value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 0x7fffffff) return value;
  throw chunkSizeError(value);
}

function chunkSizeError(value: number): RangeError {
  return new RangeError(
    "Cannot use the chunk size as it must be an integer of 1 to 2147483647: " +
      `current value is ${value}`,
  );
}
