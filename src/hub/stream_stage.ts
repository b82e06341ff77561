import type { MediaUnit } from "../media/mod.ts";
import type { Clock, Timer } from "../time/mod.ts";
import type { HeaderSet } from "./header_set.ts";
import type { HubSettings } from "./options.ts";
import type { Publication } from "./publication.ts";
import type { TrackStarts } from "./track_starts.ts";
import { mapPayload, UNIT_COST_BYTES, unitBytes } from "./unit_bytes.ts";

/** The stream, as its stage sees it. */
export interface StageOwner {
  /** The publisher that readers see. */
  readonly onAir: Publication | undefined;
  /** When readers were given something last, or a publisher was put on air, on the hub's clock in milliseconds. */
  readonly shownAt: number;
  /** Has readers see another publisher from here on. */
  putOnAir(publication: Publication): void;
  /** Ends a batch of units. */
  commit(): void;
  /** All that was held back has gone out. */
  drained(): void;
  /** What readers see has been silent for as long as there is to be a fallback for. */
  silent(): void;
  /** What is held back goes out after `heldMs` already, since it would be more than may be held. */
  early(heldMs: number): void;
  /** A unit that is held back has taken about so many bytes of memory. */
  took(bytes: number): void;
}

/** The settings of a stage. */
export type StageSettings = Pick<
  HubSettings,
  "clock" | "delayMs" | "maxDelayBytes" | "fallback" | "fallbackAfterMs"
>;

/** Audio is no start while the pictures that go with it may still come: so long, microseconds of media. */
const PICTURE_WAIT_US = 1_000_000;

/** Once less than this part of the bound is held, the owner is told again when the bound is next reached. */
const RELIEVED = 0.75;

/** A unit that is held back; without one, the place where its publisher has ended. */
interface Held {
  readonly publication: Publication;
  readonly unit: MediaUnit;
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * What stands between the publishers of a stream and its readers, where a rule asks for that: it holds units back for a
 * time, and while readers see something else it has a publisher wait for its first key frame.
 *
 * Streams without such a rule have none.
 */
export class StreamStage {
  readonly #owner: StageOwner;
  readonly #clock: Clock;
  #settings: StageSettings;
  #held: Held[] = [];
  /** How many at the beginning of `#held` are gone already. To take the first out of a long array each time would be slow. */
  #taken = 0;
  #bytes = 0;
  #timer: Timer | undefined;
  #silence: Timer | undefined;
  #isShort = false;
  /** Publishers whose units readers are not given yet, or not at present. */
  readonly #waiting = new Map<Publication, PendingStart>();

  /** Holds nothing yet. */
  constructor(owner: StageOwner, settings: StageSettings) {
    this.#owner = owner;
    this.#clock = settings.clock;
    this.#settings = settings;
  }

  /** Gives it other settings: what is held goes out by them. */
  configure(settings: StageSettings): void {
    this.#settings = settings;
    this.#run();
    this.watchSilence();
  }

  /** Whether anything is held back. */
  get isHolding(): boolean {
    return this.#held.length > this.#taken;
  }

  /** Bytes of memory that is held back. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** How long ago the oldest of it came, milliseconds. */
  get heldMs(): number {
    const first = this.#held[this.#taken];
    return first === undefined ? 0 : this.#clock.now() - first.atMs;
  }

  /** Whether a publisher that begins is seen at once: nothing is held back, and nothing else is seen. */
  isOpenTo(publication: Publication, shown: Publication | undefined): boolean {
    return this.#delayOf(publication) === 0 && !this.isHolding && shown?.isFallback !== true;
  }

  /** How long what a publisher sends is held back: a fallback not at all, nor what was held back where it comes from. */
  #delayOf({ via }: Publication): number {
    return via === undefined ? this.#settings.delayMs : 0;
  }

  /** A publisher begins, or others are seen from now on: with what is known of it. */
  wait(publication: Publication, known: KnownPublisher): void {
    this.#waiting.set(publication, new PendingStart(known));
  }

  /**
   * Forgets all that is held; a publisher that goes on is seen again from its next key frame on. Returns how many units
   * that were.
   */
  cut(publication: Publication | undefined, known: KnownPublisher): number {
    if (publication !== undefined && this.isHolding) {
      const pending = this.#waiting.get(publication) ?? new PendingStart(known);
      for (const held of this.#held.slice(this.#taken)) {
        if (held.publication === publication) pending.take(held.unit);
      }
      pending.isBroken = true;
      this.#waiting.set(publication, pending);
    }
    return this.drop();
  }

  /** Called by the publication: takes one unit in. */
  push(publication: Publication, unit: MediaUnit): void {
    const { delayMs, maxDelayBytes } = this.#settings;
    const ownMs = this.#delayOf(publication);
    if (publication.isFallback || (ownMs === 0 && !this.isHolding)) {
      return this.#show(publication, unit);
    }
    const bytes = unitBytes(unit) + UNIT_COST_BYTES;
    // Held long, it must not keep all alive that was read together with it.
    const own = mapPayload(
      unit,
      (piece) => piece.length === piece.buffer.byteLength ? piece : piece.slice(),
    );
    // What is not held back itself goes out behind what is.
    const atMs = this.#clock.now() - (delayMs - ownMs);
    this.#held.push({ publication, unit: own, atMs, bytes });
    this.#bytes += bytes;
    this.#owner.took(bytes);
    if (this.#bytes > maxDelayBytes) this.#shorten(maxDelayBytes);
    this.#arm();
  }

  /** Lets what is held go out early, down to so many bytes. */
  shorten(toBytes: number): void {
    if (this.#bytes > toBytes) this.#shorten(toBytes);
  }

  /** Its publisher has gone: what is held of it still goes out. */
  finish(publication: Publication): void {
    const isHeld = this.#held.some((held, at) =>
      at >= this.#taken && held.publication === publication
    );
    if (!isHeld) this.#waiting.delete(publication);
  }

  /** Forgets what is held of a publisher that has gone, or of all; returns how many units that were. */
  drop(publication?: Publication): number {
    const held = this.#held.slice(this.#taken);
    const kept = publication === undefined
      ? []
      : held.filter((one) => one.publication !== publication);
    this.#held = kept;
    this.#taken = 0;
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#arm();
    return held.length - kept.length;
  }

  /** Looks from now on whether what readers see falls silent. */
  watchSilence(): void {
    this.#silence?.cancel();
    this.#silence = undefined;
    const { fallback, fallbackAfterMs } = this.#settings;
    const { onAir } = this.#owner;
    if (fallback === "" || onAir === undefined || onAir.isFallback) return;
    const silentMs = this.#clock.now() - this.#owner.shownAt;
    const restMs = silentMs < fallbackAfterMs ? fallbackAfterMs - silentMs : fallbackAfterMs;
    this.#silence = this.#clock.setTimer(() => {
      this.#silence = undefined;
      const isSilent = this.#clock.now() - this.#owner.shownAt >= fallbackAfterMs;
      if (isSilent) this.#owner.silent();
      // Nobody may want it now, and somebody soon.
      if (this.#silence === undefined) this.watchSilence();
    }, Math.max(1, restMs));
  }

  /** Ends all waiting. */
  close(): void {
    this.#silence?.cancel();
    this.#timer?.cancel();
    this.#silence = undefined;
    this.#timer = undefined;
    this.#held = [];
    this.#taken = 0;
    this.#bytes = 0;
    this.#waiting.clear();
  }

  /** Gives a unit to readers, unless they see something else and cannot go on with it yet. */
  #show(publication: Publication, unit: MediaUnit): void {
    const { onAir } = this.#owner;
    if (publication !== onAir) {
      const waiting = this.#waiting.get(publication);
      const isStart = waiting?.take(unit) ?? true;
      if (!isStart && (onAir?.isFallback === true || waiting?.isBroken === true)) return;
      this.#waiting.delete(publication);
      this.#owner.putOnAir(publication);
      for (const header of waiting?.headers.units ?? []) {
        if (!isSameHeader(header, unit)) publication.show(header);
      }
    }
    publication.show(unit);
  }

  #shorten(toBytes: number): void {
    const { heldMs } = this;
    while (this.#bytes > toBytes && this.isHolding) this.#next();
    this.#owner.commit();
    if (!this.#isShort) this.#owner.early(heldMs);
    this.#isShort = true;
    this.#drained();
  }

  /** Gives out what has been held for long enough. */
  #run(): void {
    const { delayMs, maxDelayBytes } = this.#settings;
    const beforeMs = this.#clock.now() - delayMs;
    let hasGone = false;
    for (;;) {
      const first = this.#held[this.#taken];
      // Timers may be a little early.
      if (first === undefined || first.atMs > beforeMs + 1) break;
      this.#next();
      hasGone = true;
    }
    if (this.#bytes < maxDelayBytes * RELIEVED) this.#isShort = false;
    if (hasGone) {
      this.#owner.commit();
      this.#drained();
    }
    this.#arm();
  }

  #next(): void {
    const first = this.#held[this.#taken++];
    if (first === undefined) return;
    this.#bytes -= first.bytes;
    if (this.#taken >= 1024 && this.#taken * 2 >= this.#held.length) {
      this.#held = this.#held.slice(this.#taken);
      this.#taken = 0;
    }
    this.#show(first.publication, first.unit);
  }

  #drained(): void {
    if (this.isHolding) return;
    this.#held = [];
    this.#taken = 0;
    this.#owner.drained();
  }

  #arm(): void {
    const first = this.#held[this.#taken];
    if (first === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    const restMs = first.atMs + this.#settings.delayMs - this.#clock.now();
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#run();
    }, Math.max(0, restMs));
  }
}

/** The headers and tracks of a publisher whose units readers are not given. */
export interface KnownPublisher {
  /** Its headers so far. */
  readonly headers: HeaderSet;
  /** Its tracks so far. */
  readonly tracks: TrackStarts;
}

/** A publisher that readers do not see: what they need when they do, and at which unit that is. */
class PendingStart {
  /** Units before the next key frame depend on some that were dropped. */
  isBroken = false;
  readonly #tracks: TrackStarts;
  #headers: HeaderSet;
  #firstAudioUs: number | undefined;

  constructor(known: KnownPublisher) {
    this.#headers = known.headers;
    this.#tracks = known.tracks;
  }

  get headers(): HeaderSet {
    return this.#headers;
  }

  /** Whether readers can go on at `unit`. */
  take(unit: MediaUnit): boolean {
    this.#tracks.see(unit);
    this.#headers = this.#headers.with(unit);
    if (!this.#tracks.isStart(unit, () => true)) return false;
    if (unit.kind === "video") return true;
    this.#firstAudioUs ??= unit.dtsUs;
    return unit.dtsUs - this.#firstAudioUs >= PICTURE_WAIT_US;
  }
}

/** Whether a header that is given again is the unit that follows it. */
function isSameHeader(header: MediaUnit, unit: MediaUnit): boolean {
  return header.role === unit.role && header.kind === unit.kind && header.track === unit.track;
}
