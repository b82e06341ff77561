import { grown, noBytes, release } from "./assembly_buffer.ts";
import { checkedLimits, type ChunkLimits, DEFAULT_CHUNK_LIMITS } from "./chunk_limits.ts";
import { ChunkStream, freshStreamError, interruptedError } from "./chunk_stream.ts";
import { RtmpError } from "./errors.ts";
import { EXTENDED_MARKER, ExtendedTimestamps } from "./extended_timestamps.ts";
import { u24, u32, u32le } from "./integers.ts";
import { MessageType, type RawMessage } from "./raw_message.ts";
import type { WorkBudget } from "./work_budget.ts";

/** Chunk streams that nearly all peers do with: there is room for their states from the beginning, and for no more. */
const USUAL_IDS = 8;

/** Limits of a {@linkcode ChunkDecoder}, and whose the pushed bytes are. */
export interface ChunkDecoderOptions extends ChunkLimits {
  /**
   * Whether pushed bytes are the decoder's to change: a message of many chunks is then put together
   * where it lies, over the headers between its chunks, which is three times as fast as a copy. Only
   * for bytes that nobody else holds. Default `false`.
   */
  readonly mayOverwrite: boolean;
  /**
   * What the peer may have handled of chunks and messages that are cheap to send and dear to handle; more is
   * `flood`. Unbounded without one.
   */
  readonly work: WorkBudget;
}

/** Memory that a remembered chunk stream takes, in bytes. */
const chunkStreamBytes = 150;

/** Chunk size before the first Set Chunk Size message (RTMP 1.0, 5.4.1). */
const initialChunkSize = 128;

/** Bytes of the message header by chunk format 0, 1, 2 (5.3.1.2). */
const messageHeaderBytes = [11, 7, 3];

/**
 * A type 3 chunk straight after a type 0 chunk repeats, by the specification (5.3.1.2.4), the
 * timestamp as a delta; librtmp writes it to mean "no time has passed". Up to this many
 * milliseconds a delta is believable.
 */
const longestDeltaFromTimestampMs = 1000;

/** Pushed bytes that are copied at once for messages of many chunks; as much as one read of a socket. */
const sharedCopyBytes = 64 * 1024;

/**
 * Cuts the chunk stream of one direction of an RTMP connection (RTMP 1.0, chapter 5.3), from the
 * byte after the handshake, into messages. It obeys Set Chunk Size and Abort, and returns them too.
 *
 * The result does not depend on how the bytes are cut into pushes. A body that lies in one chunk and
 * one push is a view of the pushed bytes; others are put together in memory that grows with the bytes
 * that have arrived, never with the length that the peer declares.
 *
 * Extended timestamps on type 3 chunks are read in three dialects: repeated (as specified, FFmpeg),
 * left out (librtmp and OBS before 2024), and four zero bytes (gortmplib). The first chunk that
 * tells them apart decides for the rest of the connection.
 *
 * @example
 * ```ts
 * import { ChunkDecoder } from "@weir/server/rtmp";
 *
 * const decoder = new ChunkDecoder();
 * const acknowledgement = [0x02, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 9];
 * const [message] = decoder.push(new Uint8Array(acknowledgement));
 * console.log(message?.type, message?.payload); // 3 Uint8Array(4) [ 0, 0, 0, 9 ]
 * ```
 */
export class ChunkDecoder {
  #limits: ChunkLimits;
  readonly #mayOverwrite: boolean;
  readonly #work: WorkBudget | undefined;
  /** Chunk streams of small numbers, by number; the others are in the map. */
  readonly #streams = new Array<ChunkStream | undefined>(USUAL_IDS);
  #highStreams: Map<number, ChunkStream> | undefined;
  #streamCount = 0;
  #chunkSize: number;
  #bytesReceived = 0;
  #partialBytes = 0;
  /** Bytes of the buffers in which unfinished messages are put together: more than have arrived. */
  #assemblyBytes = 0;
  /** The chunk stream whose chunk is being read, and how much of that chunk is to come. */
  #current: ChunkStream | undefined;
  #chunkLeft = 0;
  readonly #extended = new ExtendedTimestamps();
  /** An incomplete header; it is looked at again when `wanted` bytes of it are there. */
  #pending: Uint8Array = noBytes;
  #pendingLength = 0;
  #wanted = 0;
  /**
   * A copy of a stretch of the pushed bytes, or they themselves where they may be overwritten, and where
   * that starts: squeezing the headers out of it makes messages of many chunks contiguous. One serves
   * all messages of a push, since an allocation costs more than the copy.
   */
  #copy: Uint8Array = noBytes;
  #copyAt = 0;
  #error: RtmpError | undefined;
  #isIgnoring = false;

  /**
   * Starts with a chunk size of 128.
   *
   * @throws {RangeError} if a limit is not a positive integer
   */
  constructor(options: Partial<ChunkDecoderOptions> = {}) {
    const { mayOverwrite = false, work, ...limits } = options;
    this.#mayOverwrite = mayOverwrite;
    this.#work = work;
    this.#limits = checkedLimits({ ...DEFAULT_CHUNK_LIMITS, ...limits });
    this.#chunkSize = initialChunkSize;
  }

  /** The limits of what the peer can make it hold. */
  get limits(): ChunkLimits {
    return this.#limits;
  }

  /**
   * Changes what the peer may make it hold from the next chunk on: more for one that has got a role. What it
   * holds already stays, also above a lower limit; a limit that is left out stays too.
   *
   * @throws {RangeError} if a limit is not a positive integer
   */
  set limits(limits: Partial<ChunkLimits>) {
    this.#limits = checkedLimits({ ...this.#limits, ...limits });
  }

  /** All bytes pushed so far: what an Acknowledgement message reports, modulo 2^32. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Bytes of unfinished messages that it holds. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /**
   * Bytes of memory that it holds for the peer: the buffers of unfinished messages and headers, which have
   * room for more than has arrived, and what it remembers of chunk streams.
   */
  get heldBytes(): number {
    return this.#assemblyBytes + this.#pending.buffer.byteLength +
      this.#streamCount * chunkStreamBytes;
  }

  /** Largest chunk body, in bytes, that the peer announced; never above `maxMessageBytes`. */
  get chunkSize(): number {
    return Math.min(this.#chunkSize, this.#limits.maxMessageBytes);
  }

  /** How the peer broke the protocol, once it has. */
  get error(): RtmpError | undefined {
    return this.#error;
  }

  /**
   * Takes the next bytes, which nobody else may change afterwards, and returns the messages that are now
   * complete, in order of their last byte.
   *
   * When a violation comes after complete messages in the same push, those are returned, `error` is
   * set, and the next push throws it: look at `error` after each push.
   *
   * @throws {RtmpError} if the peer broke the protocol or a limit; the decoder then takes no more
   */
  push(bytes: Uint8Array): RawMessage[] {
    if (this.#error !== undefined) throw this.#error;
    const messages: RawMessage[] = [];
    this.#bytesReceived += bytes.length;
    if (this.#isIgnoring) return messages;
    this.#work?.earn(bytes.length);
    try {
      let at = 0;
      while (this.#wanted > 0) {
        at = this.#fillPending(bytes, at);
        if (this.#pendingLength < this.#wanted) return messages;
        const piece = this.#pending.subarray(0, this.#pendingLength);
        this.#pending = noBytes;
        this.#wanted = 0;
        this.#readPiece(piece, 0, messages);
      }
      this.#readPiece(bytes, at, messages);
    } catch (error) {
      if (!(error instanceof RtmpError)) throw error;
      this.#end(error);
      if (messages.length === 0) throw error;
    }
    return messages;
  }

  /** Forgets what it holds, and drops what still comes: for a connection that is being closed. */
  ignoreRest(): void {
    this.#isIgnoring = true;
    this.#forget();
  }

  #end(error: RtmpError): void {
    this.#error = error;
    this.#forget();
  }

  #forget(): void {
    for (const stream of this.#streams) if (stream !== undefined) release(stream.assembly);
    this.#highStreams?.forEach((stream) => release(stream.assembly));
    this.#streams.length = 0;
    this.#highStreams = undefined;
    this.#current = undefined;
    this.#pending = noBytes;
    this.#copy = noBytes;
    this.#partialBytes = 0;
    this.#assemblyBytes = 0;
    this.#streamCount = 0;
  }

  /** Moves bytes to the incomplete header; returns the index of the first that stays. */
  #fillPending(bytes: Uint8Array, at: number): number {
    const take = Math.min(this.#wanted - this.#pendingLength, bytes.length - at);
    const end = this.#pendingLength + take;
    this.#pending = grown(this.#pending, this.#pendingLength, end, this.#wanted);
    this.#pending.set(bytes.subarray(at, at + take), this.#pendingLength);
    this.#pendingLength = end;
    return at + take;
  }

  #readPiece(bytes: Uint8Array, at: number, messages: RawMessage[]): void {
    this.#readChunks(bytes, at, messages);
    this.#copy = noBytes;
    this.#copyAt = 0;
  }

  /** Reads all of `bytes` from `at` on. */
  #readChunks(bytes: Uint8Array, at: number, messages: RawMessage[]): void {
    const end = bytes.length;
    while (at < end) {
      let stream = this.#current;
      if (stream === undefined) {
        const bodyAt = this.#readHeader(bytes, at);
        if (bodyAt < 0) {
          this.#pending = bytes.slice(at);
          this.#pendingLength = end - at;
          this.#wanted = -bodyAt;
          return;
        }
        at = bodyAt;
        stream = this.#current!;
      }
      const length = stream.length;
      if (this.#work?.spend(1) === false) throw floodError();
      if (this.#chunkLeft === length && end - at >= length) {
        this.#addPartial(length);
        this.#deliver(stream, bytes.subarray(at, at + length), messages);
        at += length;
      } else {
        at = this.#readBody(stream, bytes, at, messages);
      }
    }
  }

  /**
   * Reads a chunk's headers at `start` and makes it the current one.
   *
   * Returns the index of its body; or, when bytes are missing, the negative of how many are needed
   * from `start` on, and then nothing has changed.
   */
  #readHeader(bytes: Uint8Array, start: number): number {
    const first = bytes[start]!;
    const format = first >> 6;
    let id = first & 0x3f;
    let at = start + 1;
    if (id < 2) {
      const idBytes = id + 1;
      if (at + idBytes > bytes.length) return -(1 + idBytes);
      id = 64 + bytes[at]! + (idBytes === 2 ? bytes[at + 1]! * 256 : 0);
      at += idBytes;
    }
    const stream = id < 64 ? this.#streams[id] : this.#highStreams?.get(id);
    if (format !== 3) return this.#readMessageHeader(bytes, start, at, format, id, stream);
    if (stream === undefined) throw freshStreamError(format, id);
    const starts = stream.received === 0;
    if (stream.extended) {
      at = this.#extended.pass(stream, bytes, start, at, this.#chunkSize);
      if (at < 0) return at;
    }
    if (starts) stream.timestampMs = (stream.timestampMs + stream.deltaMs) >>> 0;
    this.#begin(stream);
    return at;
  }

  #readMessageHeader(
    bytes: Uint8Array,
    start: number,
    at: number,
    format: number,
    id: number,
    known: ChunkStream | undefined,
  ): number {
    // librtmp opens chunk stream 2 with a type 1 chunk (its ping, 0x42): only the rest is an error.
    if (known === undefined && format === 2) throw freshStreamError(format, id);
    if (known !== undefined && known.received > 0) throw interruptedError(format, known);
    let bodyAt = at + messageHeaderBytes[format]!;
    if (bodyAt > bytes.length) return start - bodyAt;
    let time = u24(bytes, at);
    const extended = time === EXTENDED_MARKER;
    if (extended) {
      bodyAt += 4;
      if (bodyAt > bytes.length) return start - bodyAt;
      time = u32(bytes, bodyAt - 4);
    }
    const stream = known ?? this.#addStream(id);
    if (format < 2) {
      const length = u24(bytes, at + 3);
      if (length > this.#limits.maxMessageBytes) throw this.#tooLargeError(length);
      stream.length = length;
      stream.type = bytes[at + 6]!;
    }
    if (format === 0) {
      stream.streamId = u32le(bytes, at + 7);
      stream.timestampMs = time;
      stream.deltaMs = time <= longestDeltaFromTimestampMs ? time : 0;
    } else {
      stream.timestampMs = (stream.timestampMs + time) >>> 0;
      stream.deltaMs = time;
    }
    stream.extended = extended;
    stream.wireTime = time;
    this.#begin(stream);
    return bodyAt;
  }

  /** Makes `stream` the one whose chunk is read. */
  #begin(stream: ChunkStream): void {
    this.#current = stream;
    this.#chunkLeft = Math.min(this.#chunkSize, stream.length - stream.received);
  }

  /** Takes what is there of the current message, up to the end of `bytes` or a foreign chunk. */
  #readBody(stream: ChunkStream, bytes: Uint8Array, at: number, messages: RawMessage[]): number {
    const overhead = this.#continuationBytes(stream);
    const count = this.#countBody(stream, bytes, at, overhead);
    this.#addPartial(count);
    if (overhead > 0 && count > this.#chunkSize) this.#spendChunks(count);
    if (count < stream.length) return this.#assemble(stream, bytes, at, count, overhead, messages);
    const continuations = Math.ceil(count / this.#chunkSize) - 1;
    const end = at + count + continuations * overhead;
    this.#deliver(stream, this.#squeeze(bytes, at, end, overhead), messages);
    return end;
  }

  /** Appends `count` body bytes, which lie in chunks `overhead` bytes apart, to an unfinished message. */
  #assemble(
    stream: ChunkStream,
    bytes: Uint8Array,
    at: number,
    count: number,
    overhead: number,
    messages: RawMessage[],
  ): number {
    const received = stream.received + count;
    // No more than may arrive: what has room for it is the peer's to be counted too.
    const most = stream.received + count + this.#limits.maxPartialBytes - this.#partialBytes;
    this.#assemblyBytes -= stream.assembly.length;
    const target = grown(
      stream.assembly,
      stream.received,
      received,
      Math.min(stream.length, most),
    );
    stream.assembly = target;
    this.#assemblyBytes += target.length;
    let offset = stream.received;
    let size = Math.min(this.#chunkLeft, count);
    while (true) {
      target.set(bytes.subarray(at, at + size), offset);
      at += size;
      offset += size;
      if (offset === received) break;
      at += overhead;
      this.#chunkLeft = Math.min(this.#chunkSize, stream.length - offset);
      size = Math.min(this.#chunkLeft, received - offset);
    }
    this.#chunkLeft -= size;
    stream.received = received;
    if (received === stream.length) this.#deliver(stream, target, messages);
    else if (this.#chunkLeft === 0) this.#current = undefined;
    return at;
  }

  /** Returns the body of a message whose chunks lie in a row from `at` to `end`. */
  #squeeze(bytes: Uint8Array, at: number, end: number, overhead: number): Uint8Array {
    if (end > this.#copyAt + this.#copy.length) {
      if (this.#mayOverwrite) {
        this.#copy = bytes;
      } else {
        const copyEnd = Math.min(bytes.length, Math.max(end, at + sharedCopyBytes));
        this.#copy = new Uint8Array(bytes.subarray(at, copyEnd));
        this.#copyAt = at;
      }
    }
    const copy = this.#copy;
    const chunkSize = this.#chunkSize;
    const start = at - this.#copyAt;
    const stop = end - this.#copyAt;
    let to = start + chunkSize;
    for (let from = to + overhead; from < stop; from += chunkSize + overhead) {
      const size = Math.min(chunkSize, stop - from);
      copy.copyWithin(to, from, from + size);
      to += size;
    }
    return copy.subarray(start, to);
  }

  /** Bytes between two chunks of this message in a row, or 0 where each must be looked at. */
  #continuationBytes(stream: ChunkStream): number {
    if (stream.id >= 64) return 0;
    if (!stream.extended) return 1;
    const { areRepeated } = this.#extended;
    if (areRepeated === undefined) return 0;
    return areRepeated ? 5 : 1;
  }

  /** Number of body bytes of the current message from `at` on that no other chunk interrupts. */
  #countBody(stream: ChunkStream, bytes: Uint8Array, at: number, overhead: number): number {
    const end = bytes.length;
    const left = stream.length - stream.received;
    const marker = stream.marker;
    let size = this.#chunkLeft;
    let count = 0;
    while (true) {
      if (end - at <= size) return count + end - at;
      count += size;
      at += size;
      if (overhead === 0 || count === left || bytes[at] !== marker) return count;
      at += overhead;
      if (at >= end) return count;
      size = Math.min(this.#chunkSize, left - count);
    }
  }

  #addPartial(count: number): void {
    this.#partialBytes += count;
    if (this.#partialBytes > this.#limits.maxPartialBytes) {
      throw new RtmpError(
        "partial-bytes-exceeded",
        `The peer's unfinished messages exceed ${this.#limits.maxPartialBytes} bytes together`,
      );
    }
  }

  /** Pays for the chunks behind the first that lie in a row. */
  #spendChunks(count: number): void {
    const chunks = Math.ceil(count / this.#chunkSize) - 1;
    if (this.#work?.spend(chunks) === false) throw floodError();
  }

  #deliver(stream: ChunkStream, payload: Uint8Array, messages: RawMessage[]): void {
    if (this.#work?.spendMessage(stream.type, payload.length) === false) throw floodError();
    this.#current = undefined;
    this.#forgetPartial(stream, payload.length);
    messages.push({
      chunkStreamId: stream.id,
      type: stream.type,
      timestampMs: stream.timestampMs,
      streamId: stream.streamId,
      payload,
    });
    if (stream.type === MessageType.SetChunkSize) this.#setChunkSize(payload);
    else if (stream.type === MessageType.Abort) this.#abort(payload);
  }

  #forgetPartial(stream: ChunkStream, count: number): void {
    this.#partialBytes -= count;
    this.#assemblyBytes -= stream.assembly.length;
    stream.received = 0;
    stream.assembly = noBytes;
  }

  #setChunkSize(payload: Uint8Array): void {
    const size = controlValue(payload, "Set Chunk Size");
    if (size === 0 || size > 0x7fffffff) {
      throw new RtmpError("chunk-size", `The peer set a chunk size of ${size}`);
    }
    this.#chunkSize = size;
  }

  #abort(payload: Uint8Array): void {
    const id = controlValue(payload, "Abort");
    const stream = id < 64 ? this.#streams[id] : this.#highStreams?.get(id);
    if (stream === undefined) return;
    const { assembly } = stream;
    this.#forgetPartial(stream, stream.received);
    release(assembly);
  }

  #addStream(id: number): ChunkStream {
    if (this.#streamCount === this.#limits.maxChunkStreams) {
      throw new RtmpError(
        "too-many-chunk-streams",
        `The peer uses more than ${this.#limits.maxChunkStreams} chunk streams`,
      );
    }
    this.#streamCount++;
    const stream = new ChunkStream(id);
    if (id < 64) this.#streams[id] = stream;
    else (this.#highStreams ??= new Map()).set(id, stream);
    return stream;
  }

  #tooLargeError(length: number): RtmpError {
    return new RtmpError(
      "message-too-large",
      `The peer sends a message of ${length} bytes: at most ${this.#limits.maxMessageBytes} are taken`,
    );
  }
}

function floodError(): RtmpError {
  return new RtmpError(
    "flood",
    "The peer sends more chunks, empty messages or commands than its bytes and the time pay for",
  );
}

function controlValue(payload: Uint8Array, name: string): number {
  if (payload.length < 4) {
    throw new RtmpError(
      "malformed-control",
      `The peer's ${name} message has ${payload.length} bytes instead of 4`,
    );
  }
  return u32(payload, 0);
}
