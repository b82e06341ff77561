/** Frame types of a video body (FLV 10.1, E.4.3.1; Enhanced RTMP v2, "Enhanced Video"). */
export const VideoFrameType = {
  Key: 1,
  Inter: 2,
  DisposableInter: 3,
  GeneratedKey: 4,
  Command: 5,
} as const;

/**
 * Codec ids of a legacy video body (FLV 10.1, E.4.3.1). `Hevc` is no part of FLV: encoders that
 * predate Enhanced RTMP send H.265 so, laid out as AVC is.
 */
export const VideoCodecId = {
  SorensonH263: 2,
  Screen: 3,
  Vp6: 4,
  Vp6Alpha: 5,
  ScreenV2: 6,
  Avc: 7,
  Hevc: 12,
} as const;

/** Sound formats of an audio body (FLV 10.1, E.4.2.1; Enhanced RTMP v2, "Enhanced Audio"). */
export const SoundFormat = {
  LpcmPlatformEndian: 0,
  Adpcm: 1,
  Mp3: 2,
  LpcmLittleEndian: 3,
  Nellymoser16kMono: 4,
  Nellymoser8kMono: 5,
  Nellymoser: 6,
  G711ALaw: 7,
  G711MuLaw: 8,
  ExHeader: 9,
  Aac: 10,
  Speex: 11,
  Mp38k: 14,
  Native: 15,
} as const;

/** Packet types of an AVC or legacy HEVC body (FLV 10.1, E.4.3.1, `AVCPacketType`). */
export const AvcPacketType = { SequenceHeader: 0, Nalu: 1, EndOfSequence: 2 } as const;

/** Packet types of an AAC body (FLV 10.1, E.4.2.1, `AACPacketType`). */
export const AacPacketType = { SequenceHeader: 0, Raw: 1 } as const;

/** Packet types behind an `ExVideoTagHeader` (Enhanced RTMP v2, "Enhanced Video"). */
export const VideoPacketType = {
  SequenceStart: 0,
  CodedFrames: 1,
  SequenceEnd: 2,
  CodedFramesX: 3,
  Metadata: 4,
  Mpeg2TsSequenceStart: 5,
  Multitrack: 6,
  ModEx: 7,
} as const;

/** Packet types behind an `ExAudioTagHeader` (Enhanced RTMP v2, "Enhanced Audio"). */
export const AudioPacketType = {
  SequenceStart: 0,
  CodedFrames: 1,
  SequenceEnd: 2,
  MultichannelConfig: 4,
  Multitrack: 5,
  ModEx: 7,
} as const;

/** How a multitrack body lays out its tracks (Enhanced RTMP v2, `AvMultitrackType`). */
export const MultitrackType = { OneTrack: 0, ManyTracks: 1, ManyTracksManyCodecs: 2 } as const;
