import { ByteWriter } from "../bytes/mod.ts";
import { flvReader } from "./enhanced.ts";

/** How the channels of a track are ordered (Enhanced RTMP v2, `AudioChannelOrder`). */
export const AudioChannelOrder = { Unspecified: 0, Native: 1, Custom: 2 } as const;

/** The data of an audio track whose packet type is `MultichannelConfig`. */
export interface MultichannelConfig {
  /** One of {@linkcode AudioChannelOrder}, or a reserved number. */
  readonly order: number;
  /** Number of channels, 0 to 255. */
  readonly channelCount: number;
  /** Order `Native`: which channels there are, a bit each (`AudioChannelMask`). */
  readonly channelFlags?: number;
  /** Order `Custom`: the speaker of each channel (`AudioChannel`; 0xfe unused, 0xff unknown). */
  readonly channelMapping?: Uint8Array;
}

/**
 * Parses a `MultichannelConfig` (Enhanced RTMP v2, "ExAudioTagBody").
 *
 * @throws {FlvError} `truncated` if it ends too early
 */
export function parseMultichannelConfig(data: Uint8Array): MultichannelConfig {
  const reader = flvReader(data);
  const order = reader.u8();
  const channelCount = reader.u8();
  if (order === AudioChannelOrder.Native) {
    return { order, channelCount, channelFlags: reader.u32() };
  }
  if (order === AudioChannelOrder.Custom) {
    return { order, channelCount, channelMapping: reader.view(channelCount) };
  }
  return { order, channelCount };
}

/** Builds the bytes that {@linkcode parseMultichannelConfig} parses to `config`. */
export function buildMultichannelConfig(config: MultichannelConfig): Uint8Array {
  const { order, channelCount, channelFlags, channelMapping } = config;
  const writer = new ByteWriter(16).u8(order).u8(channelCount);
  if (order === AudioChannelOrder.Native) writer.u32(channelFlags ?? 0);
  if (order === AudioChannelOrder.Custom) {
    const mapping = new Uint8Array(channelCount).fill(0xff);
    mapping.set(channelMapping?.subarray(0, channelCount) ?? []);
    writer.bytes(mapping);
  }
  return writer.finish();
}
