import { concat } from "@std/bytes/concat";
import { isAnnexB, type RtpMapping, splitAnnexB } from "../media/mod.ts";
import { randomAccessTestOf } from "../rtp/mod.ts";
import type { Codec } from "./codec/codec.ts";
import { isParameterSet, type NalRules, type NalSink } from "./codec/nal_rules.ts";

/** What the packets of an access unit show of it without being put together. */
export interface UnitFacts {
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
  /** Whether no other access unit depends on it. */
  readonly discardable: boolean;
  /** Whether a packet of its picture has come, and not only parameter sets. */
  readonly hasPicture: boolean;
  /** Whether the picture has one slice so far, and more may come behind a marker. */
  readonly isOneSlice: boolean;
  /** Whether the last payload was a fragment that others must follow. */
  readonly isCut: boolean;
}

/** Looks at the payloads of one access unit after the other. */
export interface PayloadPeek {
  /** What the payloads since {@linkcode PayloadPeek.reset} show. */
  readonly facts: UnitFacts;
  /** Looks at the next payload of the access unit. */
  take(payload: Uint8Array): void;
  /** Whether a payload, looked at alone, is certain to be of a picture that has begun before it. */
  continues(payload: Uint8Array): boolean;
  /** Begins the next access unit. */
  reset(): void;
}

/** SEI NAL units of one access unit that are looked into for a recovery point. */
const MAX_SEI = 8;

const START_CODE = new Uint8Array([0, 0, 1]);

/**
 * Looks at the NAL units of payloads: those that are whole in a packet, alone or aggregated, and the
 * headers of those in fragments.
 */
export class NalPeek implements PayloadPeek, NalSink {
  readonly #rules: NalRules;
  readonly #onParameterSet: (unit: Uint8Array) => void;
  readonly #donSize: number;
  #seis: Uint8Array[] = [];
  #keyFrame = false;
  #discardable = true;
  #slices = 0;
  #isCut = false;

  /** `onParameterSet` is told each parameter set, which may be a view of the payload. */
  constructor(
    rules: NalRules,
    options: { rtp?: RtpMapping; onParameterSet: (unit: Uint8Array) => void },
  ) {
    this.#rules = rules;
    this.#onParameterSet = options.onParameterSet;
    this.#donSize = Number(options.rtp?.parameters["sprop-max-don-diff"]) > 0 ? 2 : 0;
  }

  /** What the payloads so far show. */
  get facts(): UnitFacts {
    const hasPicture = this.#slices > 0;
    return {
      keyFrame: this.#keyFrame,
      discardable: hasPicture && this.#discardable,
      hasPicture,
      isOneSlice: this.#slices === 1,
      isCut: this.#isCut,
    };
  }

  /** Looks at the next payload. */
  take(payload: Uint8Array): void {
    this.#isCut = false;
    this.#rules.readPayload(payload, this, this.#donSize);
  }

  /** Whether a payload begins with a later piece of a slice, or with a later slice of a picture. */
  continues(payload: Uint8Array): boolean {
    const start = new PayloadStart();
    this.#rules.readPayload(payload, start, this.#donSize);
    const { unit } = start;
    if (unit === undefined) return false;
    const isSlice = this.#rules.isSlice(this.#rules.typeOf(unit));
    return isSlice && (start.isLaterPiece || !this.#rules.isFirstSlice(unit));
  }

  /** Begins the next access unit. */
  reset(): void {
    this.#seis = [];
    this.#keyFrame = false;
    this.#discardable = true;
    this.#slices = 0;
    this.#isCut = false;
  }

  /** Looks at the NAL units of an aggregation packet. */
  aggregate(payload: Uint8Array, { start, between }: { start: number; between: number }): void {
    const units: Uint8Array[] = [];
    for (let at = start; at + 2 < payload.length;) {
      const size = (payload[at]! << 8) | payload[at + 1]!;
      if (size === 0) break;
      units.push(payload.subarray(at + 2, at + 2 + size));
      at += 2 + size + between;
    }
    this.#takeUnits(units);
  }

  /** Looks at a piece of a NAL unit. */
  fragment(fragment: Parameters<NalSink["fragment"]>[0]): void {
    const head = new Uint8Array(fragment.head);
    this.#isCut = !fragment.ends;
    // Nobody needs to fragment a parameter set: Amatek's AR-N3222F and V380 put it and the picture
    // into one fragmented NAL unit, with start codes inside.
    if (fragment.begins && isParameterSet(this.#rules, head)) {
      this.whole(concat([head, fragment.rest]));
    } else if (fragment.begins) this.#takeUnits([head]);
    // A slice whose first fragment was lost still counts as a slice of the picture.
    else if (this.#slices === 0 && this.#rules.isSlice(this.#rules.typeOf(head))) this.#slices = 1;
  }

  /** Looks at a whole NAL unit, or at several with start codes between. */
  whole(unit: Uint8Array): void {
    const startsInside = isAnnexB(unit);
    if (!startsInside && !isParameterSet(this.#rules, unit)) return this.#takeUnits([unit]);
    const split = splitAnnexB(startsInside ? unit : concat([START_CODE, unit]));
    // Zeros at the end belong to a NAL unit that has no start code inside.
    this.#takeUnits(split.length > 1 || startsInside ? split : [unit]);
  }

  #takeUnits(units: readonly Uint8Array[]): void {
    for (const unit of units) {
      if (isParameterSet(this.#rules, unit)) this.#onParameterSet(unit);
      if (this.#seis.length < MAX_SEI && this.#rules.maySignalKey(unit)) this.#seis.push(unit);
    }
    const { hasPicture, keyFrame, discardable } = this.#rules.inspect([
      ...this.#seis,
      ...units,
    ]);
    if (!hasPicture) return;
    for (const unit of units) if (this.#rules.isSlice(this.#rules.typeOf(unit))) this.#slices++;
    this.#keyFrame ||= keyFrame;
    this.#discardable &&= discardable;
  }
}

/** The NAL unit that a payload begins with, or a piece of it. */
class PayloadStart implements NalSink {
  unit: Uint8Array | undefined;
  isLaterPiece = false;

  aggregate(payload: Uint8Array, { start }: { readonly start: number }): void {
    this.unit = payload.subarray(start + 2);
  }

  fragment({ begins, head, rest }: Parameters<NalSink["fragment"]>[0]): void {
    this.unit = concat([new Uint8Array(head), rest.subarray(0, 1)]);
    this.isLaterPiece = !begins;
  }

  whole(unit: Uint8Array): void {
    this.unit = unit;
  }
}

/** Looks at the payloads of a format in which each packet is of a picture, or that is not known here. */
export class FramePeek implements PayloadPeek {
  readonly #startsKeyFrame: ((payload: Uint8Array) => boolean) | undefined;
  #keyFrame = false;
  #hasPicture = false;

  /** Without `startsKeyFrame`, which payload begins a key frame is not known: any of them then counts as a start. */
  constructor(startsKeyFrame: ((payload: Uint8Array) => boolean) | undefined) {
    this.#startsKeyFrame = startsKeyFrame;
  }

  /** What the payloads so far show. */
  get facts(): UnitFacts {
    return {
      keyFrame: this.#keyFrame,
      discardable: false,
      hasPicture: this.#hasPicture,
      isOneSlice: false,
      isCut: false,
    };
  }

  /** Looks at the next payload. */
  take(payload: Uint8Array): void {
    this.#hasPicture = true;
    this.#keyFrame ||= this.#startsKeyFrame?.(payload) ?? true;
  }

  /** Nothing is known of that. */
  continues(): boolean {
    return false;
  }

  /** Begins the next access unit. */
  reset(): void {
    this.#keyFrame = false;
    this.#hasPicture = false;
  }
}

/** Makes what looks at the payloads of a track; `onParameterSet` is told each parameter set. */
export function payloadPeekOf(
  codec: Codec | undefined,
  options: { readonly rtp?: RtpMapping; readonly onParameterSet: (unit: Uint8Array) => void },
): PayloadPeek {
  if (codec?.nal !== undefined) return new NalPeek(codec.nal, options);
  const encodingName = options.rtp?.encodingName ?? "";
  return new FramePeek(codec?.rtp?.startsKeyFrame ?? randomAccessTestOf(encodingName));
}
