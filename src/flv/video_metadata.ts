import {
  amfNumberProperty,
  type AmfObject,
  amfProperties,
  amfProperty,
  type AmfValue,
  encodeAmf0,
} from "../amf/mod.ts";
import { FlvError } from "./errors.ts";
import { decodeScriptValues } from "./script_values.ts";

/** How colours are coded: indices into the tables of ITU-T H.273. */
export interface ColorConfig {
  /** Bits a channel: 8, 10 or 12. */
  readonly bitDepth?: number;
  /** H.273 "Colour primaries", 0 to 255. */
  readonly colorPrimaries?: number;
  /** H.273 "Transfer characteristics", 0 to 255. */
  readonly transferCharacteristics?: number;
  /** H.273 "Matrix coefficients", 0 to 255. */
  readonly matrixCoefficients?: number;
}

/** HDR metadata (Enhanced RTMP v2, "Metadata Frame", `ColorInfo`). */
export interface ColorInfo {
  /** How colours are coded. */
  readonly colorConfig?: ColorConfig;
  /** Content light levels in cd/m²; a peer's object as it is (`maxFall`, `maxCLL`). */
  readonly hdrCll?: AmfObject;
  /** The mastering display's colour volume (SMPTE ST 2086); a peer's object as it is. */
  readonly hdrMdcv?: AmfObject;
}

/** The data of a video track whose packet type is `Metadata`. */
export interface VideoMetadata {
  /** HDR metadata; `undefined` where the packet takes it back, or has none. */
  readonly colorInfo: ColorInfo | undefined;
  /** All pairs by name, as they were sent. */
  readonly pairs: ReadonlyMap<string, AmfValue>;
}

/**
 * Parses the data of a video packet of type `Metadata` (Enhanced RTMP v2, "Metadata Frame"): AMF0
 * pairs of a name and a value.
 *
 * @throws {FlvError} `metadata` if it is no AMF0, or no pairs
 */
export function parseVideoMetadata(data: Uint8Array): VideoMetadata {
  const values = decodeScriptValues(data);
  const pairs = new Map<string, AmfValue>();
  for (let i = 0; i < values.length; i += 2) {
    const name = values[i];
    if (typeof name !== "string") {
      throw new FlvError("metadata", `A video metadata pair has no name but a ${typeof name}`);
    }
    pairs.set(name, values[i + 1]);
  }
  return { colorInfo: parseColorInfo(pairs.get("colorInfo")), pairs };
}

/** Builds the data of a video packet of type `Metadata` with `colorInfo`; `undefined` resets it. */
export function buildVideoMetadata(colorInfo: ColorInfo | undefined): Uint8Array {
  if (colorInfo === undefined) return encodeAmf0(["colorInfo", undefined]);
  return encodeAmf0(["colorInfo", withoutUndefined(colorInfo)]);
}

function parseColorInfo(value: AmfValue): ColorInfo | undefined {
  const config = amfProperty(value, "colorConfig");
  const hdrCll = amfProperty(value, "hdrCll");
  const hdrMdcv = amfProperty(value, "hdrMdcv");
  const fields = {
    colorConfig: amfProperties(config) && withoutUndefined({
      bitDepth: amfNumberProperty(config, "bitDepth"),
      colorPrimaries: amfNumberProperty(config, "colorPrimaries"),
      transferCharacteristics: amfNumberProperty(config, "transferCharacteristics"),
      matrixCoefficients: amfNumberProperty(config, "matrixCoefficients"),
    }),
    hdrCll: amfProperties(hdrCll),
    hdrMdcv: amfProperties(hdrMdcv),
  };
  const known = withoutUndefined(fields);
  return Object.keys(known).length > 0 ? known as ColorInfo : undefined;
}

function withoutUndefined(fields: object): AmfObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
