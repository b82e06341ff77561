import { ByteWriter } from "../bytes/mod.ts";
import {
  bareAudioBody,
  bareVideoBody,
  FlvError,
  plainAudioBody,
  plainVideoBody,
  stripAudioModEx,
  stripVideoModEx,
  VideoFrameType,
} from "../flv/mod.ts";
import type { HeaderSet, Publication, Stream, WireFormat, WireLogWriter } from "../hub/mod.ts";
import type { MediaUnit, Track, TrackKind } from "../media/mod.ts";
import { chunkedLength, MessageType, type RawMessage, writeChunks } from "../rtmp/mod.ts";
import {
  type FlvBody,
  FlvRemuxer,
  type LossPolicy,
  toldMetadata,
  tracksAfter,
} from "../transmux/mod.ts";
import { tellLeftOut } from "./left_out.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";

/** Chunk size of everything that players are sent; large, so that most messages are one chunk. */
export const PLAYER_CHUNK_SIZE = 65_536;

/** Message stream that the shared bytes are for: the first that a client creates. */
export const SHARED_STREAM_ID = 1;

const FORMS = {
  audio: { type: MessageType.Audio, chunkStreamId: 4 },
  video: { type: MessageType.Video, chunkStreamId: 7 },
  data: { type: MessageType.DataAmf0, chunkStreamId: 6 },
} as const;

/** The parts of Enhanced RTMP v2 that the players of a format can take. */
export interface RtmpExtensions {
  /** Bodies of several tracks; else only track 0 is sent. */
  readonly multitrack: boolean;
  /** `ModEx` entries; else they are taken off. */
  readonly modEx: boolean;
  /**
   * FourCCs, and what is optional beside frames; else a codec goes by its id of FLV 10.1 where it has one,
   * of one track and without `ModEx`, and there is no `MultichannelConfig` and no metadata of video.
   */
  readonly fourCcs: boolean;
  /**
   * Further tracks of publishers that do not speak RTMP, as bodies of several tracks; else the first of a kind
   * alone is sent.
   */
  readonly furtherTracks?: boolean;
}

/** The name of the wire format for players with these extensions. */
export function rtmpFormatName(extensions: RtmpExtensions): string {
  const { multitrack, modEx, fourCcs, furtherTracks = false } = extensions;
  if (!fourCcs) return "rtmp-bare";
  const tracks = multitrack ? furtherTracks ? "-all-tracks" : "" : "-one-track";
  return `rtmp${tracks}${modEx ? "" : "-no-modex"}`;
}

/**
 * RTMP chunks that are the same for every player: absolute timestamps (a type 0 header for each
 * message), one chunk size, message stream 1.
 */
export class RtmpWireFormat implements WireFormat {
  readonly #stream: Stream;
  readonly #extensions: RtmpExtensions;
  readonly #log: ServerLog;
  readonly #remuxer: FlvRemuxer;
  /** Whose tracks the remuxer knows. */
  #publication: Publication | undefined;
  /** Whether its units are FLV bodies, which go on as they are: it tells no tracks beforehand. */
  #passes = true;
  /** How many of its tracks were told to be left out. */
  #leftOut = 0;

  /** Makes the format of a stream's log; `log` is told of the tracks that FLV cannot carry. */
  constructor(
    stream: Stream,
    extensions: RtmpExtensions,
    { log = silentLog, onLoss }: { readonly log?: ServerLog; readonly onLoss?: LossPolicy } = {},
  ) {
    this.#stream = stream;
    this.#extensions = extensions;
    this.#log = log;
    this.#remuxer = new FlvRemuxer({
      ...this.#tracksWritten,
      ...(onLoss === undefined ? {} : { onLoss }),
    });
    this.#followPublication();
    // A player that begins here has the headers from its preamble.
    this.#remuxer.headers(0);
  }

  /** Bodies of FLV all are, of several tracks to those who can take them; of others what FLV has a form for. */
  carries(kind: TrackKind, track: number): boolean {
    this.#followPublication();
    if (!this.#passes) return this.#remuxer.carries(kind, track);
    return this.#extensions.multitrack || track === 0;
  }

  /** Appends the message of a unit, or the messages that it becomes; metadata at time 0. */
  /** Frames that could not be made FLV. */
  get dropped(): number {
    return this.#remuxer.stats.dropped;
  }

  encode(unit: MediaUnit, log: WireLogWriter): void {
    this.#passes = unit.payload.format === "flv";
    if (unit.payload.format === "flv") {
      const { kind, dtsUs, role, keyFrame } = unit;
      const { units } = this.#stream.headers;
      const body = bodyOf(unit, units);
      if (body === undefined) return;
      const flv = { kind, dtsUs, body, keyFrame: keyFrame || role !== "media" };
      this.#append(role === "metadata" ? metadataAtZero(flv) : flv, log);
      return;
    }
    this.#followPublication();
    for (const body of this.#remuxer.remux(unit)) this.#append(metadataAtZero(body), log);
    this.#tellLeftOut();
  }

  /** Metadata at time 0, and sequence headers at the time `timeUs`. */
  preamble(headers: HeaderSet, timeUs: number): Uint8Array {
    const writer = new ByteWriter();
    for (const body of this.#headerBodies(headers, timeUs)) {
      const message = rtmpMessage(metadataAtZero(body), this.#extensions);
      if (message === undefined) continue;
      const target = new Uint8Array(wireLength(message));
      writeChunks(message, { target, offset: 0, chunkSize: PLAYER_CHUNK_SIZE });
      writer.bytes(target);
    }
    return writer.finish();
  }

  get #tracksWritten(): { readonly multitrack: boolean } {
    const { multitrack, furtherTracks = false } = this.#extensions;
    return { multitrack: multitrack && furtherTracks };
  }

  #append(body: KeyedBody, log: WireLogWriter): void {
    const message = rtmpMessage(body, this.#extensions);
    if (message === undefined) return;
    const { bytes: target, offset } = log.reserve(wireLength(message));
    writeChunks(message, { target, offset, chunkSize: PLAYER_CHUNK_SIZE });
  }

  #headerBodies(headers: HeaderSet, dtsUs: number): FlvBody[] {
    const bodies: FlvBody[] = [];
    let tracks: readonly Track[] = this.#stream.publication?.tracks ?? [];
    for (const unit of headers.units) {
      const body = bodyOf(unit, headers.units);
      if (body !== undefined) bodies.push({ kind: unit.kind, dtsUs, body });
      tracks = tracksAfter(tracks, unit);
    }
    if (bodies.length > 0 || tracks.length === 0) return bodies;
    const remuxer = new FlvRemuxer(this.#tracksWritten);
    remuxer.setTracks(tracks);
    return remuxer.headers(dtsUs);
  }

  /** Another publisher has other tracks. */
  #followPublication(): void {
    const { publication, headers } = this.#stream;
    if (publication === undefined || publication === this.#publication) return;
    this.#publication = publication;
    this.#passes = publication.tracks === undefined;
    this.#remuxer.setTracks(headers.units.reduce(tracksAfter, publication.tracks ?? []));
    this.#leftOut = 0;
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
    const { unsupported } = this.#remuxer;
    if (unsupported.length === this.#leftOut) return;
    this.#leftOut = unsupported.length;
    tellLeftOut(this.#publication, { format: "rtmp", tracks: unsupported, log: this.#log });
  }
}

/** The body of a unit of FLV; of metadata that tells nothing, what the headers tell instead. */
function bodyOf(
  { kind, role, payload }: MediaUnit,
  headers: readonly MediaUnit[],
): Uint8Array | undefined {
  if (payload.format !== "flv") return undefined;
  const isMetadata = kind === "data" && role === "metadata";
  return isMetadata ? toldMetadata(payload.body, headers) : payload.body;
}

/**
 * FFmpeg takes metadata of any other time for a subtitle track, and then waits for its packets when it
 * copies the stream into Matroska.
 */
function metadataAtZero(body: KeyedBody): KeyedBody {
  return body.kind === "data" ? { ...body, dtsUs: 0 } : body;
}

function wireLength({ payload, timestampMs, chunkStreamId }: RawMessage): number {
  return chunkedLength(payload.length, {
    chunkSize: PLAYER_CHUNK_SIZE,
    timestampMs,
    chunkStreamId,
  });
}

/** Bytes of the header in front of a message's first chunk, without an extended timestamp. */
const MESSAGE_HEADER_BYTES = 12;

/** Timestamp that says: an extended one follows each chunk's header. */
const EXTENDED_TIMESTAMP = 0xffffff;

/** Bytes of the message that starts at `at` in bytes that the format has made. */
export function wireMessageLength(bytes: Uint8Array, at: number): number {
  return chunkedLength(u24(bytes, at + 4), {
    chunkSize: PLAYER_CHUNK_SIZE,
    // The marker of an extended timestamp counts as one, which is all that matters here.
    timestampMs: u24(bytes, at + 1),
    chunkStreamId: bytes[at]! & 0x3f,
  });
}

/** A message in bytes that the format has made. */
export interface WireMessage {
  /** One of `MessageType`. */
  readonly type: number;
  /** Its body up to the end of its first chunk: a view. */
  readonly head: Uint8Array;
  /** Returns the whole body: a view where it is one chunk, else a copy. */
  readonly body: () => Uint8Array;
}

/** The message that starts at `at` in bytes that the format has made. */
export function wireMessage(bytes: Uint8Array, at: number): WireMessage {
  const extendedBytes = u24(bytes, at + 1) === EXTENDED_TIMESTAMP ? 4 : 0;
  const length = u24(bytes, at + 4);
  const start = at + MESSAGE_HEADER_BYTES + extendedBytes;
  const head = bytes.subarray(start, start + Math.min(length, PLAYER_CHUNK_SIZE));
  return {
    type: bytes[at + 7]!,
    head,
    body: () => {
      if (head.length === length) return head;
      const body = new Uint8Array(length);
      for (let from = start, to = 0; to < length;) {
        const count = Math.min(PLAYER_CHUNK_SIZE, length - to);
        body.set(bytes.subarray(from, from + count), to);
        to += count;
        from += count + 1 + extendedBytes;
      }
      return body;
    },
  };
}

function u24(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
}

/** A body, and whether decoding can start at it, where that is known beside its bytes; headers are key. */
type KeyedBody = FlvBody & { readonly keyFrame?: boolean };

/** The message of a body; `undefined` for what these players cannot take. */
function rtmpMessage(flv: KeyedBody, extensions: RtmpExtensions): RawMessage | undefined {
  const { kind, dtsUs } = flv;
  const body = reducedBody(flv, extensions);
  if (body === undefined) return undefined;
  const { type, chunkStreamId } = FORMS[kind];
  return {
    type,
    chunkStreamId,
    streamId: SHARED_STREAM_ID,
    timestampMs: Math.round(dtsUs / 1000) >>> 0,
    payload: body,
  };
}

/** The body without what its players cannot take; `undefined` where nothing is left. */
function reducedBody(
  { kind, body, keyFrame = true }: KeyedBody,
  { multitrack, modEx, fourCcs }: RtmpExtensions,
): Uint8Array | undefined {
  if (kind === "data" || (multitrack && modEx && fourCcs)) return body;
  const isVideo = kind === "video";
  try {
    const frameType = keyFrame ? VideoFrameType.Key : VideoFrameType.Inter;
    if (!fourCcs) return isVideo ? bareVideoBody(body, { frameType }) : bareAudioBody(body);
    const stripped = modEx ? body : isVideo ? stripVideoModEx(body) : stripAudioModEx(body);
    if (multitrack) return stripped;
    return isVideo ? plainVideoBody(stripped) : plainAudioBody(stripped);
  } catch (error) {
    if (error instanceof FlvError) return undefined;
    throw error;
  }
}
