import type { Stream, Timer } from "../../hub/mod.ts";
import { HlsPackager, type HlsPackagingOptions } from "../../wire/mod.ts";
import type { Shell } from "../mod.ts";

/** How long a stream is packaged on after its last viewer has gone, milliseconds: players come back. */
const IDLE_MS = 10_000;

/** A stream that is packaged. */
interface Packaged {
  readonly packager: HlsPackager;
  /** Has the hub count it no more. */
  readonly release: () => void;
  viewers: number;
  /** Whether it is packaged until its stream ends, whoever watches: that counts as a viewer. */
  isAlways: boolean;
  idle: Timer | undefined;
}

/** The streams that are packaged, each once, and only as long as somebody wants it. */
export class HlsPackagers {
  readonly #shell: Shell;
  readonly #options: () => HlsPackagingOptions;
  readonly #packaged = new Map<Stream, Packaged>();

  /** Packages streams of `shell`; the options are looked at with each. */
  constructor(shell: Shell, options: () => HlsPackagingOptions) {
    this.#shell = shell;
    this.#options = options;
  }

  /**
   * The packager of a stream, until `release` is called.
   *
   * @throws {HubError} `closed` when the stream has ended
   */
  open(stream: Stream): { readonly packager: HlsPackager; readonly release: () => void } {
    let packaged = this.#packaged.get(stream);
    // A stream that has ended may be published again under the same name.
    if (packaged?.packager.isEnded) this.#drop(stream, packaged);
    packaged = this.#packaged.get(stream) ?? this.#begin(stream);
    packaged.viewers++;
    packaged.idle?.cancel();
    packaged.idle = undefined;
    const { packager } = packaged;
    let isReleased = false;
    return {
      packager,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#release(stream, packaged);
      },
    };
  }

  /**
   * Packages a stream until it ends, whoever watches.
   *
   * @throws {HubError} `closed` when it has ended
   */
  packageAlways(stream: Stream): void {
    const known = this.#packaged.get(stream);
    if (known?.isAlways && !known.packager.isEnded) return;
    this.open(stream);
    this.#packaged.get(stream)!.isAlways = true;
  }

  #begin(stream: Stream): Packaged {
    const { clock, log, hub } = this.#shell;
    const options = this.#options();
    const packager = new HlsPackager(stream, {
      ...options,
      clock,
      log,
      nowUnixUs: () => Date.now() * 1000,
      first: firstNumber(options),
      id: crypto.getRandomValues(new Uint8Array(6)).toHex(),
      onEnd: () => {
        // What is packaged always has no viewer that would let go of it.
        const viewers = packaged.viewers - (packaged.isAlways ? 1 : 0);
        if (viewers <= 0) this.#drop(stream, packaged);
      },
    });
    const release = hub.hold(packager);
    const packaged: Packaged = {
      packager,
      release,
      viewers: 0,
      isAlways: false,
      idle: undefined,
    };
    this.#packaged.set(stream, packaged);
    return packaged;
  }

  #release(stream: Stream, packaged: Packaged): void {
    packaged.viewers--;
    if (packaged.viewers > 0) return;
    if (packaged.packager.isEnded) return this.#drop(stream, packaged);
    packaged.idle = this.#shell.clock.setTimer(() => this.#drop(stream, packaged), IDLE_MS);
  }

  #drop(stream: Stream, packaged: Packaged): void {
    packaged.idle?.cancel();
    packaged.packager.close();
    packaged.release();
    if (this.#packaged.get(stream) === packaged) this.#packaged.delete(stream);
  }
}

/** Segments are counted by the time since then, milliseconds since 1970: numbers of all players' programs hold it. */
const COUNTED_FROM_MS = Date.UTC(2025, 0, 1);

/**
 * The number of the first segment of a packager that begins now: more than any that one that has begun before, here or
 * at another server, has come to. So a player that goes on at this one sees the numbers grow, as it must.
 */
function firstNumber({ segmentMs = 1000 }: HlsPackagingOptions): number {
  // No segment is shorter, and none of a change of publishers makes up for the half.
  const eachMs = Math.min(segmentMs, 1000) / 2;
  return Math.floor((Date.now() - COUNTED_FROM_MS) / eachMs);
}
