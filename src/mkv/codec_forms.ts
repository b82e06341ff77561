import {
  type CodecName,
  flacHead,
  MediaError,
  OPUS_CLOCK_RATE,
  parseOpusHead,
  presumedSound,
  type Track,
} from "../media/mod.ts";
import { uintElement } from "./ebml.ts";
import { ElementId } from "./element_ids.ts";

/** How Matroska carries a codec (Matroska Media Container Codec Specifications). */
export interface CodecForm {
  /** `CodecID`. */
  readonly id: (track: Track) => string;
  /** Whether it cannot be written without the codec's configuration. */
  readonly needsConfig: boolean;
  /** `CodecPrivate`; none by default. */
  readonly codecPrivate?: (track: Track, config: Uint8Array) => Uint8Array;
  /** Further elements of its track. */
  readonly elements?: (config: Uint8Array) => readonly Uint8Array[];
  /** What readers take off its times, `CodecDelay`, microseconds. */
  readonly delayUs?: (config: Uint8Array) => number;
  /** Bits of a sample. */
  readonly bitDepth?: (track: Track) => number;
}

const FORMS: Readonly<Partial<Record<CodecName, CodecForm>>> = {
  h264: configured("V_MPEG4/ISO/AVC"),
  h265: configured("V_MPEGH/ISO/HEVC"),
  av1: configured("V_AV1"),
  vp8: plain("V_VP8"),
  vp9: plain("V_VP9"),
  mpeg4: configured("V_MPEG4/ISO/ASP"),
  aac: configured("A_AAC"),
  mp3: plain("A_MPEG/L3"),
  opus: { ...configured("A_OPUS"), elements: opusTimes, delayUs: opusDelayUs },
  flac: { ...configured("A_FLAC"), codecPrivate: (_track, config) => flacHead(config) },
  ac3: plain("A_AC3"),
  eac3: plain("A_EAC3"),
  pcma: waveform(6),
  pcmu: waveform(7),
  lpcm: {
    id: (track) => linearBits(track) === 8 ? "A_PCM/INT/LIT" : "A_PCM/INT/BIG",
    needsConfig: false,
    bitDepth: linearBits,
  },
};

function configured(id: string): CodecForm {
  return { id: () => id, needsConfig: true, codecPrivate: (_track, config) => config };
}

function plain(id: string): CodecForm {
  return { id: () => id, needsConfig: false };
}

/** What has no name of its own is known by the header that a WAVE file has for it. */
function waveform(formatTag: number): CodecForm {
  return {
    id: () => "A_MS/ACM",
    needsConfig: false,
    bitDepth: () => 8,
    codecPrivate: (track) => {
      const { sampleRate, channels } = presumedSound(track);
      const view = new DataView(new ArrayBuffer(18));
      view.setUint16(0, formatTag, true);
      view.setUint16(2, channels, true);
      view.setUint32(4, sampleRate, true);
      view.setUint32(8, sampleRate * channels, true);
      view.setUint16(12, channels, true);
      view.setUint16(14, 8, true);
      return new Uint8Array(view.buffer);
    },
  };
}

/** What decoders want before a place that is sought to, nanoseconds (RFC 7845, 4.6). */
const OPUS_PRE_ROLL_NS = 80_000_000;

function opusDelayUs(config: Uint8Array): number {
  return parseOpusHead(config).preSkip * 1e6 / OPUS_CLOCK_RATE;
}

function opusTimes(config: Uint8Array): Uint8Array[] {
  return [
    uintElement(ElementId.CodecDelay, Math.round(opusDelayUs(config) * 1000)),
    uintElement(ElementId.SeekPreRoll, OPUS_PRE_ROLL_NS),
  ];
}

function linearBits({ rtp }: Track): number {
  return Number(/^L(8|16|24)$/i.exec(rtp?.encodingName ?? "L16")?.[1] ?? 16);
}

/** The form of a track's codec, or why it cannot be written, in words for a log line. */
export function codecFormOf(track: Track): CodecForm | string {
  const { kind, codec, config } = track;
  if (kind === "data") return "Matroska has no place for its data";
  if (codec === undefined) return "its codec is not known";
  const form = FORMS[codec];
  if (form === undefined) return `Matroska has no name for ${codec} here`;
  if (config === undefined && form.needsConfig) return "its configuration is not known";
  try {
    form.codecPrivate?.(track, config ?? new Uint8Array(0));
    form.elements?.(config ?? new Uint8Array(0));
    return form;
  } catch (error) {
    if (error instanceof MediaError) return `its configuration cannot be read: ${error.message}`;
    throw error;
  }
}
