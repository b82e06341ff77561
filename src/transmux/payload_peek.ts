import { H264NalType, isAnnexB, type RtpMapping, splitAnnexB } from "../media/mod.ts";
import { startsKeyFrame } from "./key_payload.ts";
import { inspectNalUnits, isParameterSet, type NalCodec, nalTypeOf } from "./nal_codec.ts";

/** What the packets of an access unit show of it without being put together. */
export interface UnitFacts {
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
  /** Whether no other access unit depends on it. */
  readonly discardable: boolean;
  /** Whether a packet of its picture has come, and not only parameter sets. */
  readonly hasPicture: boolean;
}

/** Looks at the payloads of one access unit after the other. */
export interface PayloadPeek {
  /** What the payloads since {@linkcode PayloadPeek.reset} show. */
  readonly facts: UnitFacts;
  /** Looks at the next payload of the access unit. */
  take(payload: Uint8Array): void;
  /** Begins the next access unit. */
  reset(): void;
}

/** SEI NAL units of one access unit that are looked into for a recovery point. */
const MAX_SEI = 8;

const H264 = { stapA: 24, stapB: 25, fuA: 28, fuB: 29 } as const;
const H265 = { aggregation: 48, fragmentation: 49 } as const;
/** H.265 types below are of coded slices. */
const H265_FIRST_NON_VCL = 32;

/**
 * Looks at the NAL units of H.264 or H.265 payloads: those that are whole in a packet, alone or
 * aggregated, and the headers of those in fragments.
 */
export class NalPeek implements PayloadPeek {
  readonly #codec: NalCodec;
  readonly #onParameterSet: (unit: Uint8Array) => void;
  readonly #donSize: number;
  #seis: Uint8Array[] = [];
  #keyFrame = false;
  #discardable = true;
  #hasPicture = false;

  /** `onParameterSet` is told each parameter set, as a view of the payload. */
  constructor(
    codec: NalCodec,
    options: { rtp?: RtpMapping; onParameterSet: (unit: Uint8Array) => void },
  ) {
    this.#codec = codec;
    this.#onParameterSet = options.onParameterSet;
    this.#donSize = Number(options.rtp?.parameters["sprop-max-don-diff"]) > 0 ? 2 : 0;
  }

  /** What the payloads so far show. */
  get facts(): UnitFacts {
    const hasPicture = this.#hasPicture;
    return {
      keyFrame: this.#keyFrame,
      discardable: hasPicture && this.#discardable,
      hasPicture,
    };
  }

  /** Looks at the next payload. */
  take(payload: Uint8Array): void {
    if (this.#codec === "h264") this.#takeH264(payload);
    else this.#takeH265(payload);
  }

  /** Begins the next access unit. */
  reset(): void {
    this.#seis = [];
    this.#keyFrame = false;
    this.#discardable = true;
    this.#hasPicture = false;
  }

  #takeH264(payload: Uint8Array): void {
    const type = payload[0]! & 0x1f;
    if (type === H264.stapA || type === H264.stapB) {
      this.#takeAggregate(payload, type === H264.stapA ? 1 : 3, 0);
    } else if (type === H264.fuA || type === H264.fuB) {
      const header = payload[1] ?? 0;
      const first = (payload[0]! & 0xe0) | (header & 0x1f);
      this.#takeFragment({
        begins: (header & 0x80) !== 0,
        head: [first],
        rest: payload.subarray(type === H264.fuA ? 2 : 4),
      });
    } else this.#takeWhole(payload);
  }

  #takeH265(payload: Uint8Array): void {
    if (payload.length < 3) return;
    const type = nalTypeOf("h265", payload);
    const don = this.#donSize;
    if (type === H265.aggregation) this.#takeAggregate(payload, 2 + don, don > 0 ? 1 : 0);
    else if (type === H265.fragmentation) {
      const header = payload[2]!;
      const begins = (header & 0x80) !== 0;
      this.#takeFragment({
        begins,
        head: [(payload[0]! & 0x81) | ((header & 0x3f) << 1), payload[1]!],
        rest: payload.subarray(begins ? 3 + don : 3),
      });
    } else if (don === 0) this.#takeWhole(payload);
    else this.#takeWhole(join([payload[0]!, payload[1]!], payload.subarray(2 + don)));
  }

  #takeAggregate(payload: Uint8Array, start: number, between: number): void {
    const units: Uint8Array[] = [];
    for (let at = start; at + 2 < payload.length;) {
      const size = (payload[at]! << 8) | payload[at + 1]!;
      if (size === 0) break;
      units.push(payload.subarray(at + 2, at + 2 + size));
      at += 2 + size + between;
    }
    this.#takeUnits(units);
  }

  #takeFragment(
    fragment: { readonly begins: boolean; readonly head: number[]; readonly rest: Uint8Array },
  ): void {
    const head = new Uint8Array(fragment.head);
    // Nobody needs to fragment a parameter set: Amatek's AR-N3222F and V380 put it and the picture
    // into one fragmented NAL unit, with start codes inside.
    if (fragment.begins && isParameterSet(this.#codec, head)) {
      this.#takeWhole(join(fragment.head, fragment.rest));
    } else if (fragment.begins) this.#takeUnits([head]);
    else this.#hasPicture ||= this.#isSlice(head);
  }

  #takeWhole(unit: Uint8Array): void {
    const startsInside = isAnnexB(unit);
    if (!startsInside && !isParameterSet(this.#codec, unit)) return this.#takeUnits([unit]);
    const split = splitAnnexB(startsInside ? unit : join([0, 0, 1], unit));
    // Without a start code inside, zeros at the end are its own.
    this.#takeUnits(split.length > 1 || startsInside ? split : [unit]);
  }

  #takeUnits(units: readonly Uint8Array[]): void {
    for (const unit of units) {
      if (isParameterSet(this.#codec, unit)) this.#onParameterSet(unit);
      const isSei = this.#codec === "h264" && nalTypeOf("h264", unit) === H264NalType.Sei;
      if (isSei && this.#seis.length < MAX_SEI) this.#seis.push(unit);
    }
    const { hasPicture, keyFrame, discardable } = inspectNalUnits(this.#codec, [
      ...this.#seis,
      ...units,
    ]);
    if (!hasPicture) return;
    this.#hasPicture = true;
    this.#keyFrame ||= keyFrame;
    this.#discardable &&= discardable;
  }

  #isSlice(head: Uint8Array): boolean {
    const type = nalTypeOf(this.#codec, head);
    return this.#codec === "h264"
      ? type >= H264NalType.Slice && type <= H264NalType.Idr
      : type < H265_FIRST_NON_VCL;
  }
}

/** Looks at the payloads of a format in which each packet is of a picture, or that is not known here. */
export class FramePeek implements PayloadPeek {
  readonly #encodingName: string;
  #keyFrame = false;
  #hasPicture = false;

  /** `encodingName` is that of `a=rtpmap`. */
  constructor(encodingName: string) {
    this.#encodingName = encodingName.toUpperCase();
  }

  /** What the payloads so far show. */
  get facts(): UnitFacts {
    return { keyFrame: this.#keyFrame, discardable: false, hasPicture: this.#hasPicture };
  }

  /** Looks at the next payload. */
  take(payload: Uint8Array): void {
    this.#hasPicture = true;
    if (this.#keyFrame) return;
    this.#keyFrame = startsKeyFrame(this.#encodingName, payload);
  }

  /** Begins the next access unit. */
  reset(): void {
    this.#keyFrame = false;
    this.#hasPicture = false;
  }
}

function join(head: readonly number[], rest: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + rest.length);
  joined.set(head);
  joined.set(rest, head.length);
  return joined;
}
