import type {
  Depacketizer,
  DepacketizerOptions,
  Packetizer,
  PacketizerOptions,
} from "./access_unit.ts";

/** A format as a session description has it, with its parameters' names in lower case. */
export interface NamedFormat {
  /** Ticks a second of the RTP clock. */
  readonly clockRate: number;
  /** Audio: number of channels. */
  readonly channels: number;
  /** The parameters of `a=fmtp`, values without blanks around them. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** One payload format: a row of the table in `format.ts`. */
export interface PayloadFormat {
  /** Name of its encoding in `a=rtpmap`, in upper case. */
  readonly encodingName: string;
  /** Whether these parameters are of what the format is known for; all are by default. */
  readonly isKnown?: (format: NamedFormat) => boolean;
  /** Makes what puts its packets together. */
  readonly depacketizer: (format: NamedFormat, options: DepacketizerOptions) => Depacketizer;
  /** Makes what cuts access units into its packets. */
  readonly packetizer: (format: NamedFormat, options: PacketizerOptions) => Packetizer;
  /**
   * Video: whether a payload of at least two bytes begins a picture at which decoding can start, or its
   * parameter sets.
   */
  readonly startsRandomAccess?: (payload: Uint8Array) => boolean;
}

/** A whole number among the parameters; 0 where it is absent or none, as RFC 3640 (4.1) has it. */
export function numberOf(parameters: ReadonlyMap<string, string>, name: string): number {
  const text = parameters.get(name) ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/** Hexadecimal digits among the parameters; `undefined` where they are absent or none. */
export function bytesOf(
  parameters: ReadonlyMap<string, string>,
  name: string,
): Uint8Array | undefined {
  const text = parameters.get(name) ?? "";
  return text !== "" && /^([\da-f]{2})+$/i.test(text) ? Uint8Array.fromHex(text) : undefined;
}
