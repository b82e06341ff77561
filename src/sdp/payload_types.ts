/** The encoding that a static payload type stands for. */
export interface StaticPayloadType {
  /** Encoding name. */
  readonly encoding: string;
  /** RTP clock rate in hertz. */
  readonly clockRate: number;
  /** Audio channels. */
  readonly channels?: number;
}

/**
 * The static payload types of RFC 3551, tables 4 and 5, by number. Devices leave out the `rtpmap` of
 * these. G.722 counts 8000 a second although it samples 16000 (4.5.2).
 */
export const STATIC_PAYLOAD_TYPES: ReadonlyMap<number, StaticPayloadType> = new Map<
  number,
  StaticPayloadType
>([
  [0, { encoding: "PCMU", clockRate: 8000, channels: 1 }],
  [3, { encoding: "GSM", clockRate: 8000, channels: 1 }],
  [4, { encoding: "G723", clockRate: 8000, channels: 1 }],
  [5, { encoding: "DVI4", clockRate: 8000, channels: 1 }],
  [6, { encoding: "DVI4", clockRate: 16000, channels: 1 }],
  [7, { encoding: "LPC", clockRate: 8000, channels: 1 }],
  [8, { encoding: "PCMA", clockRate: 8000, channels: 1 }],
  [9, { encoding: "G722", clockRate: 8000, channels: 1 }],
  [10, { encoding: "L16", clockRate: 44100, channels: 2 }],
  [11, { encoding: "L16", clockRate: 44100, channels: 1 }],
  [12, { encoding: "QCELP", clockRate: 8000, channels: 1 }],
  [13, { encoding: "CN", clockRate: 8000, channels: 1 }],
  [14, { encoding: "MPA", clockRate: 90000 }],
  [15, { encoding: "G728", clockRate: 8000, channels: 1 }],
  [16, { encoding: "DVI4", clockRate: 11025, channels: 1 }],
  [17, { encoding: "DVI4", clockRate: 22050, channels: 1 }],
  [18, { encoding: "G729", clockRate: 8000, channels: 1 }],
  [25, { encoding: "CelB", clockRate: 90000 }],
  [26, { encoding: "JPEG", clockRate: 90000 }],
  [28, { encoding: "nv", clockRate: 90000 }],
  [31, { encoding: "H261", clockRate: 90000 }],
  [32, { encoding: "MPV", clockRate: 90000 }],
  [33, { encoding: "MP2T", clockRate: 90000 }],
  [34, { encoding: "H263", clockRate: 90000 }],
]);
