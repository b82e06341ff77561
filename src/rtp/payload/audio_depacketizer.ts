import { concat } from "@std/bytes/concat";
import { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";
import type { AccessUnit, Depacketizer, DepacketizerOptions } from "./access_unit.ts";
import { NO_UNITS } from "./access_unit.ts";

/**
 * What all audio formats share: a packet holds whole frames or a piece of one, and a lost packet
 * costs only what was in it.
 */
export abstract class AudioDepacketizer implements Depacketizer {
  readonly #onError: ((error: RtpError) => void) | undefined;
  readonly #maxUnitSize: number;
  #ssrc: number | undefined;
  #lastSequence = 0;
  #inOrder = false;
  #fragments: Uint8Array[] = [];
  #fragmentSize = 0;
  #fragmentTimestamp = 0;
  #droppedTimestamp: number | undefined;
  #dropped = 0;

  /** `limits` are the format's own, where the options have none. */
  constructor(options: DepacketizerOptions, limits: { maxUnitSize: number }) {
    this.#onError = options.onError;
    this.#maxUnitSize = options.maxUnitSize ?? limits.maxUnitSize;
  }

  /** Frames dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes the next packet; see {@linkcode Depacketizer.push}. */
  push(packet: RtpPacket): readonly AccessUnit[] {
    this.#inOrder = packet.ssrc === this.#ssrc &&
      packet.sequenceNumber === ((this.#lastSequence + 1) & 0xffff);
    this.#ssrc = packet.ssrc;
    this.#lastSequence = packet.sequenceNumber;
    if (packet.payload.length === 0) return NO_UNITS;
    if (this.inFragment && (!this.#inOrder || packet.timestamp !== this.#fragmentTimestamp)) {
      this.#drop(missing("rest"), this.#fragmentTimestamp);
    }
    const units: AccessUnit[] = [];
    try {
      this.readPayload(packet, units);
    } catch (error) {
      if (!(error instanceof RtpError)) throw error;
      this.#drop(error, packet.timestamp);
    }
    return units.length === 0 ? NO_UNITS : units;
  }

  /** Returns nothing, since no frame of audio needs another packet to end it; see {@linkcode Depacketizer.end}. */
  end(): readonly AccessUnit[] {
    return NO_UNITS;
  }

  /** Reads a packet and adds what it completes to `units`; throws an {@linkcode RtpError}. */
  protected abstract readPayload(packet: RtpPacket, units: AccessUnit[]): void;

  /** Whether the packet at hand is the next one after the packet before. */
  protected get inOrder(): boolean {
    return this.#inOrder;
  }

  /** Whether a frame waits for its rest. */
  protected get inFragment(): boolean {
    return this.#fragments.length > 0;
  }

  /** Bytes of the frame that waits for its rest. */
  protected get fragmentSize(): number {
    return this.#fragmentSize;
  }

  /** Adds the first piece of a frame. */
  protected beginFragment(piece: Uint8Array, packet: RtpPacket): void {
    if (this.inFragment) this.#drop(missing("rest"), this.#fragmentTimestamp);
    this.#fragmentTimestamp = packet.timestamp;
    this.#addFragment(piece);
  }

  /** Adds the next piece of a frame. */
  protected continueFragment(piece: Uint8Array): void {
    if (!this.inFragment) throw missing("beginning");
    this.#addFragment(piece);
  }

  /** Returns the joined pieces and forgets them. */
  protected takeFragments(): Uint8Array {
    const joined = this.#fragments.length === 1 ? this.#fragments[0]! : concat(this.#fragments);
    this.#forget();
    return joined;
  }

  #addFragment(piece: Uint8Array): void {
    const size = this.#fragmentSize + piece.length;
    if (size > this.#maxUnitSize) {
      throw new RtpError(
        "unit-too-large",
        `Audio frame of ${size} bytes: at most ${this.#maxUnitSize} are kept`,
      );
    }
    this.#fragmentSize = size;
    this.#fragments.push(piece);
  }

  /** Drops the frame of `timestamp`, and tells why; its further fragments are passed over silently. */
  #drop(error: RtpError, timestamp: number): void {
    this.#forget();
    if (error.code === "missing-packet" && this.#droppedTimestamp === timestamp) return;
    this.#droppedTimestamp = timestamp;
    this.#dropped++;
    this.#onError?.(error);
  }

  #forget(): void {
    this.#fragments = [];
    this.#fragmentSize = 0;
  }
}

function missing(what: string): RtpError {
  return new RtpError("missing-packet", `Audio frame dropped: its ${what} is missing`);
}
