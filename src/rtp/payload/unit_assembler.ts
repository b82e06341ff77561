import { concat } from "@std/bytes/concat";
import { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";
import type { AccessUnit, Depacketizer, DepacketizerOptions } from "./access_unit.ts";
import { NO_UNITS } from "./access_unit.ts";

/**
 * Whether a packet, looked at alone, begins an access unit: `yes` and `no` are certain. It is asked
 * where packets are missing before it.
 */
export type UnitStart = "yes" | "no" | "unknown";

/**
 * What all video formats share: an access unit ends with the marker bit or where the timestamp
 * changes (FLIR's M400 never sets the marker), and is dropped where a packet of it is missing, unless the
 * options say that what is whole of it is kept.
 *
 * After a gap the next packet's unit is kept only where it is certain to be whole: the packet says
 * that it begins a unit, or the one packet that is missing must have been the last of the unit before.
 *
 * A format reads its payloads in {@linkcode UnitAssembler.readPayload} and calls the `add` methods.
 */
export abstract class UnitAssembler implements Depacketizer {
  readonly #onError: ((error: RtpError) => void) | undefined;
  readonly #maxUnitSize: number;
  readonly #maxParts: number;
  readonly #endsAtMarker: boolean;
  readonly #keepsIncomplete: boolean;
  /** Whether packets of the unit at hand are missing, and `keepIncomplete` keeps the rest. */
  #incomplete = false;
  #ssrc: number | undefined;
  #lastSequence = 0;
  #timestamp = 0;
  /** Whether packets of the unit at `#timestamp` have come, and its end has not. */
  #open = false;
  /** Whether the rest of the unit at `#timestamp` is passed over, since a packet of it is missing or malformed. */
  #broken = false;
  #markerSeen = false;
  #parts: Uint8Array[] = [];
  #size = 0;
  #fragments: Uint8Array[] = [];
  #fragmentSize = 0;
  #dropped = 0;

  /** `limits` are the format's own, where the options have none; of slices, some may be missing. */
  constructor(
    options: DepacketizerOptions,
    limits: { maxUnitSize: number; maxParts: number; hasSlices?: boolean },
  ) {
    this.#keepsIncomplete = options.keepIncomplete === true && limits.hasSlices === true;
    this.#onError = options.onError;
    this.#maxUnitSize = options.maxUnitSize ?? limits.maxUnitSize;
    this.#maxParts = options.maxParts ?? limits.maxParts;
    this.#endsAtMarker = options.endsAtMarker ?? true;
  }

  /** Access units dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes the next packet; see {@linkcode Depacketizer.push}. */
  push(packet: RtpPacket): readonly AccessUnit[] {
    const first = packet.ssrc !== this.#ssrc;
    const gap = first ? 0 : (packet.sequenceNumber - this.#lastSequence - 1) & 0xffff;
    if (packet.payload.length === 0) {
      // A packet without payload, a keepalive (RFC 6263) or padding, belongs to no unit.
      if (!first && gap === 0) this.#lastSequence = packet.sequenceNumber;
      return NO_UNITS;
    }
    this.#ssrc = packet.ssrc;
    this.#lastSequence = packet.sequenceNumber;
    const units: AccessUnit[] = [];
    if (first) {
      this.#abandon("the source changed");
    } else if (gap > 0) {
      this.#noteGap(packet, { gap, units });
    } else if (this.#open && packet.timestamp !== this.#timestamp) {
      this.#finish(units);
    }
    this.#take(packet, first, units);
    return units.length === 0 ? NO_UNITS : units;
  }

  /** Ends the unit at hand; see {@linkcode Depacketizer.end}. */
  end(): readonly AccessUnit[] {
    if (!this.#open) return NO_UNITS;
    const units: AccessUnit[] = [];
    this.#finish(units);
    return units;
  }

  /** Reads the payload of a packet that belongs to a unit so far whole; throws an {@linkcode RtpError}. */
  protected abstract readPayload(payload: Uint8Array): void;

  /** Whether `payload` begins an access unit. */
  protected abstract startOf(payload: Uint8Array): UnitStart;

  /** Called at the end of a whole unit, before it is returned; throws where it is not complete. */
  protected endUnit(): void {
    if (this.inFragment) {
      throw new RtpError("missing-packet", "Access unit ends before its last fragment");
    }
  }

  /** Whether a fragment waits for its rest. */
  protected get inFragment(): boolean {
    return this.#fragments.length > 0;
  }

  /** Adds a whole part to the unit. */
  protected addPart(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#checkSize(this.#size + part.length);
    if (this.#parts.length >= this.#maxParts) {
      throw new RtpError(
        "too-many-parts",
        `Access unit has more than ${this.#maxParts} parts`,
      );
    }
    this.#size += part.length;
    this.#parts.push(part);
  }

  /** Adds the next piece of a part that spans packets. */
  protected addFragment(piece: Uint8Array): void {
    this.#checkSize(this.#size + this.#fragmentSize + piece.length);
    this.#fragmentSize += piece.length;
    this.#fragments.push(piece);
  }

  /** Returns the joined pieces and forgets them. */
  protected takeFragments(): Uint8Array {
    const [only] = this.#fragments;
    const joined = this.#fragments.length === 1 ? only! : concat(this.#fragments);
    this.#fragments = [];
    this.#fragmentSize = 0;
    return joined;
  }

  /** Drops what came of the unit so far, since the payload at hand begins it anew. */
  protected restartUnit(): void {
    this.#dropped++;
    this.#forget();
    this.#onError?.(new RtpError("missing-packet", "Access unit dropped: another begins amid it"));
  }

  #take(packet: RtpPacket, first: boolean, units: AccessUnit[]): void {
    if (!this.#open) {
      this.#open = true;
      this.#timestamp = packet.timestamp;
      if (first && this.startOf(packet.payload) === "no") {
        this.#break(new RtpError("missing-packet", "The first packet is amid an access unit"));
      }
    }
    if (!this.#broken) this.#attempt(() => this.readPayload(packet.payload));
    if (!packet.marker) return;
    this.#markerSeen = true;
    if (this.#endsAtMarker) this.#finish(units);
  }

  #attempt(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof RtpError)) throw error;
      if (this.#keepsIncomplete && error.code === "missing-packet") this.#miss();
      else this.#break(error);
    }
  }

  /** Packets are missing before `packet`: says what that means for the open unit and the next. */
  #noteGap(
    packet: RtpPacket,
    { gap, units }: { readonly gap: number; readonly units: AccessUnit[] },
  ): void {
    const missing = () =>
      new RtpError("missing-packet", `Access unit dropped: ${gap} packets are missing`);
    const wasOpen = this.#open;
    if (wasOpen) {
      if (this.#keepsIncomplete) this.#miss();
      else if (!this.#broken) this.#break(missing());
      if (packet.timestamp === this.#timestamp) return;
      this.#finish(units);
    }
    const lastOfUnit = wasOpen && this.#markerSeen && gap === 1;
    const start = this.startOf(packet.payload);
    if (start === "yes" || (lastOfUnit && start !== "no")) return;
    this.#open = true;
    this.#timestamp = packet.timestamp;
    if (this.#keepsIncomplete) this.#miss();
    else this.#break(missing());
  }

  /**
   * Packets are missing of the unit at hand, which is kept, with the beginning of a part that was begun: decoders
   * use a slice up to where it ends.
   */
  #miss(): void {
    this.#incomplete = true;
    if (!this.#broken && this.inFragment) this.#attempt(() => this.addPart(this.takeFragments()));
  }

  #finish(units: AccessUnit[]): void {
    if (!this.#broken) this.#attempt(() => this.endUnit());
    if (!this.#broken && this.#parts.length > 0) {
      units.push({
        timestamp: this.#timestamp,
        parts: this.#parts,
        ...(this.#incomplete ? { isIncomplete: true } : {}),
      });
    }
    this.#close();
  }

  #abandon(why: string): void {
    if (this.#open && !this.#broken) {
      this.#break(new RtpError("missing-packet", `Access unit dropped: ${why}`));
    }
    this.#close();
  }

  #break(error: RtpError): void {
    this.#broken = true;
    this.#dropped++;
    this.#forget();
    this.#onError?.(error);
  }

  #close(): void {
    this.#open = false;
    this.#broken = false;
    this.#incomplete = false;
    this.#forget();
  }

  #forget(): void {
    this.#parts = [];
    this.#size = 0;
    this.#fragments = [];
    this.#fragmentSize = 0;
  }

  #checkSize(size: number): void {
    if (size > this.#maxUnitSize) {
      throw new RtpError(
        "unit-too-large",
        `Access unit of ${size} bytes: at most ${this.#maxUnitSize} are kept`,
      );
    }
  }
}
