import { reasonOf } from "../log/mod.ts";
import type { CodecName, MediaUnit, Track } from "../media/mod.ts";
import { HubError } from "./errors.ts";

/** The way to a loudspeaker, open for one talker. */
export interface BackChannelSink {
  /** Takes a unit of sound in the form that its `track` names; resolves when there is room for the next. */
  write(unit: MediaUnit): void | Promise<void>;
  /** Ends it; may be called again. */
  close(): void;
  /** Resolves with the reason in words when it has ended by itself, or was closed; never rejects. */
  readonly ended: Promise<string>;
}

/** Where a publisher can be talked to: a camera with a loudspeaker, say. */
export interface BackChannelSource {
  /** The forms of sound that it takes, the one that it likes best first: a unit's `track` is the `id` of one of them. */
  readonly formats: readonly Track[];
  /** Opens the way to it; rejects with the reason where it cannot be talked to now. */
  open(): Promise<BackChannelSink>;
}

/**
 * Units that may be on their way to a loudspeaker: about 2 s of sound as cameras are sent it. What is said is for now,
 * and whoever listens would hear the rest of it too late.
 */
const MOST_WAITING = 100;

/** How a publisher can be talked to. */
export interface BackChannelStatistics {
  /** The forms of sound that it takes, the one that it likes best first. */
  readonly formats: readonly Track[];
  /** The codecs that it takes, of those that this library knows. */
  readonly codecs: readonly CodecName[];
  /** Whether somebody talks to it, or is about to. */
  readonly isTaken: boolean;
}

/** A publisher that can be talked to, by one talker at a time (ONVIF Streaming Specification, 5.3). */
export class BackChannel {
  /** The forms of sound that it takes. */
  readonly formats: readonly Track[];
  readonly #source: BackChannelSource;
  readonly #name: string;
  #talk: Talk | undefined;
  #isTaken = false;
  #whyEnded: string | undefined;

  /** Nobody talks yet; `name` is that of the stream. */
  constructor(source: BackChannelSource, name: string) {
    this.#source = source;
    this.#name = name;
    this.formats = source.formats;
  }

  /** Statistics of now. */
  get statistics(): BackChannelStatistics {
    const codecs = new Set(this.formats.flatMap(({ codec }) => codec ?? []));
    return { formats: this.formats, codecs: [...codecs], isTaken: this.#isTaken };
  }

  /** Whether somebody talks, or is about to. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /**
   * Takes the publisher's ear; `onEnded` is called once when others have ended that, with the reason in words.
   *
   * @throws {HubError} (rejects) `back-channel-taken` where somebody talks already, `closed` where the publisher has
   * gone; else what the way to it was refused with
   */
  async take(options: { readonly onEnded: (why: string) => void }): Promise<Talk> {
    if (this.#isTaken) {
      throw new HubError("back-channel-taken", `Somebody talks to ${this.#name} already`);
    }
    if (this.#whyEnded !== undefined) throw new HubError("closed", this.#whyEnded);
    this.#isTaken = true;
    let sink: BackChannelSink;
    try {
      sink = await this.#source.open();
    } catch (error) {
      this.#isTaken = false;
      throw error;
    }
    if (this.#whyEnded !== undefined) {
      sink.close();
      throw new HubError("closed", this.#whyEnded);
    }
    const talk: Talk = new Talk(sink, {
      onEnded: (why) => {
        this.#talk = undefined;
        this.#isTaken = false;
        if (why !== undefined) options.onEnded(why);
      },
    });
    this.#talk = talk;
    return talk;
  }

  /** Called by the publication: the publisher has gone. */
  end(why: string): void {
    this.#whyEnded ??= why;
    this.#talk?.end(why);
  }
}

/** Counts of a {@linkcode Talk}. */
export interface TalkStatistics {
  /** Units that were given to the publisher. */
  readonly units: number;
  /** Units that were dropped, since it did not take them in time. */
  readonly dropped: number;
}

/** One talker's turn, from the moment that the back channel is taken to its end. */
export class Talk {
  readonly #sink: BackChannelSink;
  readonly #onEnded: (why: string | undefined) => void;
  #waiting = 0;
  #units = 0;
  #dropped = 0;
  #hasEnded = false;

  /** Made by {@linkcode BackChannel.take}. */
  constructor(
    sink: BackChannelSink,
    options: { readonly onEnded: (why: string | undefined) => void },
  ) {
    this.#sink = sink;
    this.#onEnded = options.onEnded;
    void sink.ended.then((why) => this.end(why));
  }

  /** Counts of now. */
  get statistics(): TalkStatistics {
    return { units: this.#units, dropped: this.#dropped };
  }

  /** Whether nothing more is heard. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Says a unit; resolves when there is room for the next. One that cannot be said in time is dropped: whoever does not
   * wait loses what is late, and delays nothing.
   */
  async write(unit: MediaUnit): Promise<void> {
    if (this.#hasEnded) return;
    if (this.#waiting >= MOST_WAITING) {
      this.#dropped++;
      return;
    }
    this.#units++;
    this.#waiting++;
    try {
      await this.#sink.write(unit);
    } catch (error) {
      this.end(reasonOf(error));
    } finally {
      this.#waiting--;
    }
  }

  /** The talker has nothing more to say; may be called again. */
  close(): void {
    this.#finish(undefined);
  }

  /** Ends it for another reason than that the talker has. */
  end(why: string): void {
    this.#finish(why);
  }

  #finish(why: string | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnded(why);
    this.#sink.close();
  }
}
