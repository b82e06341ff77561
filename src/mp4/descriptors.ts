import { ByteWriter } from "../bytes/mod.ts";
import { fullBox } from "./box_writing.ts";

/** `objectTypeIndication` of what is carried with descriptors (ISO/IEC 14496-1, table 5; mp4ra.org). */
export const ObjectType = {
  mpeg4Visual: 0x20,
  aac: 0x40,
  mpeg2Audio: 0x69,
  mpeg1Audio: 0x6b,
} as const;

/** Tags of descriptors (ISO/IEC 14496-1, 7.2.2.1). */
export const DescriptorTag = {
  elementaryStream: 3,
  decoderConfig: 4,
  decoderSpecificInfo: 5,
  syncLayerConfig: 6,
} as const;

const VISUAL_STREAM = 4;
const AUDIO_STREAM = 5;
/** `predefined` of an SLConfigDescriptor in MP4 (ISO/IEC 14496-14, 3.1.2). */
const SYNC_LAYER_OF_MP4 = 2;

/** What an `esds` box tells. */
export interface StreamDescription {
  /** One of {@linkcode ObjectType}. */
  readonly objectType: number;
  /** The decoder's configuration; none for MPEG audio. */
  readonly config?: Uint8Array;
}

/** Builds the box `esds` (ISO/IEC 14496-14, 5.6). */
export function esds({ objectType, config }: StreamDescription): Uint8Array {
  const streamType = objectType === ObjectType.mpeg4Visual ? VISUAL_STREAM : AUDIO_STREAM;
  const decoder = new ByteWriter(64).u8(objectType).u8((streamType << 2) | 1).u24(0).u32(0).u32(0);
  if (config !== undefined) decoder.bytes(descriptor(DescriptorTag.decoderSpecificInfo, config));
  const stream = new ByteWriter(64).u16(0).u8(0)
    .bytes(descriptor(DescriptorTag.decoderConfig, decoder.finish()))
    .bytes(descriptor(DescriptorTag.syncLayerConfig, new Uint8Array([SYNC_LAYER_OF_MP4])));
  return fullBox("esds", {}, descriptor(DescriptorTag.elementaryStream, stream.finish()));
}

/** A descriptor with its size in four bytes, as all writers have it. */
function descriptor(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  return new ByteWriter(length + 8).u8(tag)
    .u8(0x80 | ((length >> 21) & 0x7f)).u8(0x80 | ((length >> 14) & 0x7f))
    .u8(0x80 | ((length >> 7) & 0x7f)).u8(length & 0x7f)
    .bytes(content).finish();
}
