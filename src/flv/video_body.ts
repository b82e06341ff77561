import { ByteWriter } from "../bytes/mod.ts";
import { hasCompositionTime } from "./codec_ids.ts";
import { AvcPacketType, VideoCodecId, VideoFrameType, VideoPacketType } from "./constants.ts";
import {
  flvReader,
  type ModEx,
  readModEx,
  readTracks,
  writeModEx,
  writeTracks,
} from "./enhanced.ts";

/** A video body with a codec id of FLV 10.1 (E.4.3.1), or with HEVC's unofficial 12. */
export interface LegacyVideoBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "legacy";
  /** One of `VideoFrameType`. */
  readonly frameType: number;
  /** One of `VideoCodecId`, or a number that this library does not know. */
  readonly codecId: number;
  /** One of `AvcPacketType` for AVC and HEVC, else `undefined`. */
  readonly packetType: number | undefined;
  /** Presentation minus decoding time in milliseconds, -8388608 to 8388607; 0 for other codecs. */
  readonly compositionTimeMs: number;
  /** The bytes behind the header; a view of the body. */
  readonly data: Uint8Array;
}

/** One track of an enhanced video body. */
export interface VideoTrackBody {
  /** 0 to 255; 0 where the body is not multitrack. */
  readonly trackId: number;
  /** Four characters, such as `hvc1`; any that a peer sent. */
  readonly fourCc: string;
  /** Presentation minus decoding time in milliseconds; 0 but for `avc1` and `hvc1` in packets of type `CodedFrames`. */
  readonly compositionTimeMs: number;
  /** The bytes behind the header; a view of the body. */
  readonly data: Uint8Array;
}

/** A video body with a FourCC (Enhanced RTMP v2, "Enhanced Video"). */
export interface EnhancedVideoBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "enhanced";
  /** One of `VideoFrameType`; means nothing where the packet type is `Metadata`. */
  readonly frameType: number;
  /** One of `VideoPacketType`, or a reserved number; of all tracks. */
  readonly packetType: number;
  /** The modifiers in front of the packet, in order. */
  readonly modEx: readonly ModEx[];
  /** One of `MultitrackType`, or `undefined` for a body with the plain layout. */
  readonly multitrack: number | undefined;
  /** At least one. */
  readonly tracks: readonly VideoTrackBody[];
}

/** A command frame: the start (0) or the end (1) of a client-side seek. It has no picture. */
export interface VideoCommandBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "command";
  /** 0, 1, or a reserved number. */
  readonly command: number;
  /** The lower four bits of the first byte: codec id, or packet type where `enhanced`. */
  readonly low: number;
  /** Whether the first byte is that of an extended header. */
  readonly enhanced: boolean;
}

/** A body whose layout is not known (a reserved multitrack type): to be passed on as it is. */
export interface OpaqueBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "opaque";
  /** The whole body. */
  readonly body: Uint8Array;
}

/** A body of no bytes. */
export interface EmptyBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "empty";
}

/** A parsed video body, by `form`. */
export type VideoBody =
  | LegacyVideoBody
  | EnhancedVideoBody
  | VideoCommandBody
  | OpaqueBody
  | EmptyBody;

/**
 * Parses the body of an RTMP video message or FLV video tag (FLV 10.1, E.4.3; Enhanced RTMP v2,
 * "Enhanced Video"). Codecs and packet types that are not known are values, not errors.
 *
 * @throws {FlvError} if the body is malformed
 *
 * @example
 * ```ts
 * import { parseVideoBody } from "@weir/server/flv";
 *
 * const body = parseVideoBody(new Uint8Array([0x27, 1, 0xff, 0xff, 0xd8, 9]));
 * if (body.form === "legacy") console.log(body.compositionTimeMs, body.data); // -40 Uint8Array(1) [ 9 ]
 * ```
 */
export function parseVideoBody(body: Uint8Array): VideoBody {
  if (body.length === 0) return { form: "empty" };
  const reader = flvReader(body);
  const first = reader.u8();
  const frameType = (first >> 4) & 7;
  const low = first & 0x0f;
  if (first & 0x80) return parseEnhanced(body, frameType);
  if (frameType === VideoFrameType.Command) {
    return { form: "command", command: reader.u8(), low, enhanced: false };
  }
  const legacy = { form: "legacy", frameType, codecId: low } as const;
  if (!isAvcLike(low)) {
    return { ...legacy, packetType: undefined, compositionTimeMs: 0, data: reader.rest() };
  }
  const packetType = reader.u8();
  // Some encoders leave the composition time out of the body that ends a sequence.
  const bare = packetType === AvcPacketType.EndOfSequence && reader.remaining < 3;
  const compositionTimeMs = bare ? 0 : reader.i24();
  return { ...legacy, packetType, compositionTimeMs, data: reader.rest() };
}

/**
 * Builds the body that {@linkcode parseVideoBody} parses to `body`.
 *
 * @throws {RangeError} if a composition time is beyond 24 signed bits, or a `ModEx` too large
 * @throws {TypeError} if there is no track, or several without a multitrack type
 *
 * @example
 * ```ts
 * import { buildVideoBody, VideoFrameType, VideoPacketType } from "@weir/server/flv";
 *
 * const body = buildVideoBody({
 *   form: "enhanced",
 *   frameType: VideoFrameType.Key,
 *   packetType: VideoPacketType.CodedFrames,
 *   modEx: [],
 *   multitrack: undefined,
 *   tracks: [{ trackId: 0, fourCc: "hvc1", compositionTimeMs: 40, data: new Uint8Array([7]) }],
 * });
 * console.log(body); // Uint8Array(9) [ 145, 104, 118, 99, 49, 0, 0, 40, 7 ]
 * ```
 */
export function buildVideoBody(body: VideoBody): Uint8Array {
  switch (body.form) {
    case "empty":
      return new Uint8Array(0);
    case "opaque":
      return body.body;
    case "command": {
      const high = VideoFrameType.Command | (body.enhanced ? 8 : 0);
      return new Uint8Array([(high << 4) | body.low, body.command]);
    }
    case "legacy": {
      const writer = new ByteWriter(body.data.length + 5);
      writer.u8((body.frameType << 4) | body.codecId);
      if (body.packetType !== undefined) {
        writer.u8(body.packetType).u24(compositionTime(body.compositionTimeMs));
      }
      return writer.bytes(body.data).finish();
    }
    case "enhanced":
      return buildEnhanced(body);
  }
}

function parseEnhanced(body: Uint8Array, frameType: number): VideoBody {
  const reader = flvReader(body);
  const outer = readModEx(reader, reader.u8() & 0x0f, VideoPacketType.ModEx);
  if (frameType === VideoFrameType.Command && outer.packetType !== VideoPacketType.Metadata) {
    return { form: "command", command: reader.u8(), low: outer.packetType, enhanced: true };
  }
  const inner = readTracks(reader, outer.packetType, VideoPacketType.Multitrack);
  if (inner === undefined) return { form: "opaque", body };
  const { packetType, multitrack } = inner;
  const tracks = inner.tracks.map((track): VideoTrackBody => {
    if (packetType !== VideoPacketType.CodedFrames || !hasCompositionTime(track.fourCc)) {
      return { ...track, compositionTimeMs: 0 };
    }
    const data = flvReader(track.data);
    const compositionTimeMs = data.i24();
    return { ...track, compositionTimeMs, data: data.rest() };
  });
  return { form: "enhanced", frameType, packetType, modEx: outer.modEx, multitrack, tracks };
}

function buildEnhanced(body: EnhancedVideoBody): Uint8Array {
  const { frameType, packetType, modEx, multitrack } = body;
  const size = body.tracks.reduce((sum, track) => sum + track.data.length + 11, 16);
  const writer = new ByteWriter(size);
  const outer = multitrack === undefined ? packetType : VideoPacketType.Multitrack;
  const MOD_EX = VideoPacketType.ModEx;
  writeModEx(writer, { high: 8 | frameType, modEx, packetType: outer, MOD_EX });
  const tracks = body.tracks.map((track) => {
    const timed = packetType === VideoPacketType.CodedFrames && hasCompositionTime(track.fourCc);
    if (!timed) return track;
    const data = new ByteWriter(track.data.length + 3)
      .u24(compositionTime(track.compositionTimeMs)).bytes(track.data).finish();
    return { ...track, data };
  });
  writeTracks(writer, { packetType, multitrack, tracks });
  return writer.finish();
}

function isAvcLike(codecId: number): boolean {
  return codecId === VideoCodecId.Avc || codecId === VideoCodecId.Hevc;
}

function compositionTime(milliseconds: number): number {
  if (milliseconds < -0x800000 || milliseconds > 0x7fffff) {
    throw new RangeError(
      `Cannot build a video body as a composition time has 24 signed bits: ` +
        `current value is ${milliseconds}`,
    );
  }
  return milliseconds;
}
