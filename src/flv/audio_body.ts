import { ByteWriter } from "../bytes/mod.ts";
import { AudioPacketType, SoundFormat } from "./constants.ts";
import {
  flvReader,
  type ModEx,
  readModEx,
  readTracks,
  writeModEx,
  writeTracks,
} from "./enhanced.ts";
import type { EmptyBody, OpaqueBody } from "./video_body.ts";

/** An audio body with a sound format of FLV 10.1 (E.4.2.1). */
export interface LegacyAudioBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "legacy";
  /** One of `SoundFormat`. */
  readonly soundFormat: number;
  /** 0 to 3: 5.5, 11, 22, 44 kHz. Means nothing for AAC (always 3), G.711, Speex. */
  readonly soundRate: number;
  /** 0: samples of 8 bits, 1: of 16. */
  readonly soundSize: number;
  /** 0: mono, 1: stereo. */
  readonly soundType: number;
  /** One of `AacPacketType` for AAC, else `undefined`. */
  readonly packetType: number | undefined;
  /** The bytes behind the header; a view of the body. */
  readonly data: Uint8Array;
}

/** One track of an enhanced audio body. */
export interface AudioTrackBody {
  /** 0 to 255; 0 where the body is not multitrack. */
  readonly trackId: number;
  /** Four characters, such as `Opus`; any that a peer sent. */
  readonly fourCc: string;
  /** The bytes behind the header; a view of the body. */
  readonly data: Uint8Array;
}

/** An audio body with a FourCC (Enhanced RTMP v2, "Enhanced Audio"). */
export interface EnhancedAudioBody {
  /** Tells the kinds of bodies apart. */
  readonly form: "enhanced";
  /** One of `AudioPacketType`, or a reserved number; of all tracks. */
  readonly packetType: number;
  /** The modifiers in front of the packet, in order. */
  readonly modEx: readonly ModEx[];
  /** One of `MultitrackType`, or `undefined` for a body with the plain layout. */
  readonly multitrack: number | undefined;
  /** At least one. */
  readonly tracks: readonly AudioTrackBody[];
}

/** A parsed audio body, by `form`. */
export type AudioBody = LegacyAudioBody | EnhancedAudioBody | OpaqueBody | EmptyBody;

/**
 * Parses the body of an RTMP audio message or FLV audio tag (FLV 10.1, E.4.2; Enhanced RTMP v2,
 * "Enhanced Audio"). Codecs and packet types that are not known are values, not errors.
 *
 * @throws {FlvError} if the body is malformed
 *
 * @example
 * ```ts
 * import { parseAudioBody } from "@weir/server/flv";
 *
 * const body = parseAudioBody(new Uint8Array([0xaf, 0x00, 0x12, 0x10]));
 * if (body.form === "legacy") console.log(body.packetType, body.data); // 0 Uint8Array(2) [ 18, 16 ]
 * ```
 */
export function parseAudioBody(body: Uint8Array): AudioBody {
  if (body.length === 0) return { form: "empty" };
  const reader = flvReader(body);
  const first = reader.u8();
  const soundFormat = first >> 4;
  if (soundFormat === SoundFormat.ExHeader) return parseEnhanced(body);
  const packetType = soundFormat === SoundFormat.Aac ? reader.u8() : undefined;
  return {
    form: "legacy",
    soundFormat,
    soundRate: (first >> 2) & 3,
    soundSize: (first >> 1) & 1,
    soundType: first & 1,
    packetType,
    data: reader.rest(),
  };
}

/**
 * Builds the body that {@linkcode parseAudioBody} parses to `body`.
 *
 * @throws {RangeError} if a `ModEx` is too large
 * @throws {TypeError} if there is no track, or several without a multitrack type
 *
 * @example
 * ```ts
 * import { buildAudioBody, SoundFormat } from "@weir/server/flv";
 *
 * const data = new Uint8Array([0x21]);
 * const header = { soundRate: 3, soundSize: 1, soundType: 1, packetType: 1 };
 * console.log(buildAudioBody({ form: "legacy", soundFormat: SoundFormat.Aac, ...header, data }));
 * // Uint8Array(3) [ 175, 1, 33 ]
 * ```
 */
export function buildAudioBody(body: AudioBody): Uint8Array {
  switch (body.form) {
    case "empty":
      return new Uint8Array(0);
    case "opaque":
      return body.body;
    case "legacy": {
      const { soundFormat, soundRate, soundSize, soundType, packetType, data } = body;
      const writer = new ByteWriter(data.length + 2);
      writer.u8((soundFormat << 4) | (soundRate << 2) | (soundSize << 1) | soundType);
      if (packetType !== undefined) writer.u8(packetType);
      return writer.bytes(data).finish();
    }
    case "enhanced": {
      const { packetType, modEx, multitrack, tracks } = body;
      const writer = new ByteWriter(tracks.reduce((sum, { data }) => sum + data.length + 8, 16));
      const outer = multitrack === undefined ? packetType : AudioPacketType.Multitrack;
      const MOD_EX = AudioPacketType.ModEx;
      writeModEx(writer, { high: SoundFormat.ExHeader, modEx, packetType: outer, MOD_EX });
      writeTracks(writer, { packetType, multitrack, tracks });
      return writer.finish();
    }
  }
}

function parseEnhanced(body: Uint8Array): AudioBody {
  const reader = flvReader(body);
  const { modEx, packetType } = readModEx(reader, reader.u8() & 0x0f, AudioPacketType.ModEx);
  const inner = readTracks(reader, packetType, AudioPacketType.Multitrack);
  if (inner === undefined) return { form: "opaque", body };
  return { form: "enhanced", modEx, ...inner };
}
