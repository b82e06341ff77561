import type { AmfObject } from "../amf/mod.ts";
import type { MediaMessage, PlayingEvent } from "../rtmp/mod.ts";
import { TimestampUnwrapper } from "../rtmp/mod.ts";
import type { UnitQueue } from "../hub/mod.ts";
import { DEFAULT_MAX_LAG_BYTES, type PlaybackBounds, playbackQueue } from "./playback_bounds.ts";
import type { MediaUnit } from "../media/mod.ts";
import { unitsOfFlv } from "../transmux/mod.ts";

/** Options of requests to the server. */
export interface RtmpRequestOptions {
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

/** The client of a playback, as the playback sees it. */
export interface RtmpPlaybackControl {
  /** Pauses, resumes or seeks. */
  request(
    kind: "pause" | "resume" | "seek",
    positionMs: number,
    options: RtmpRequestOptions,
  ): Promise<void>;
  /** Asks for audio or video, or for none of it. */
  receive(kind: "audio" | "video", enabled: boolean): void;
  /** The reader wants more. */
  wanted(): void;
  /** The reader wants no more at all. */
  cancelled(): void;
}

/**
 * A stream that is played: a readable of units, in order of decoding, whose bytes nobody may change.
 * It closes when the server ends the stream, and errors with an `RtmpError` when the server or the
 * connection fails. Cancel it to stop.
 *
 * A reader that is slow holds back the server; as all of a connection comes in one order, it holds
 * back the connection's other streams and answers too, once 8 MiB wait. With `whenSlow: "skip"` it holds back
 * nobody, and goes on at a key frame.
 */
export class RtmpPlayback extends ReadableStream<MediaUnit> {
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** What the server has told when it agreed: code and description, and what else it says of the stream. */
  readonly information: AmfObject;
  readonly #control: RtmpPlaybackControl;
  readonly #clock = new TimestampUnwrapper();
  readonly #controller: ReadableStreamDefaultController<MediaUnit>;
  readonly #queue: UnitQueue;
  /** Bytes from which on the server is held back. */
  readonly #holdBytes: number;
  #hasVideo = false;
  #isWanted = false;
  #ended = false;
  #positionMs = 0;

  /** Made by `RtmpClient.play`. */
  constructor(
    { streamId, information }: Pick<PlayingEvent, "streamId" | "information">,
    control: RtmpPlaybackControl,
    bounds: PlaybackBounds = {},
  ) {
    let controller: ReadableStreamDefaultController<MediaUnit>;
    super({
      start: (own) => {
        controller = own;
      },
      pull: () => {
        this.#isWanted = true;
        this.#serve();
        control.wanted();
      },
      cancel: () => {
        this.#ended = true;
        control.cancelled();
      },
    }, { highWaterMark: 0 });
    this.#controller = controller!;
    const { whenSlow = "hold", maxLagBytes = DEFAULT_MAX_LAG_BYTES } = bounds;
    this.#holdBytes = whenSlow === "hold" ? maxLagBytes : Infinity;
    this.#queue = playbackQueue(bounds, { canHold: true });
    this.streamId = streamId;
    this.information = information;
    this.#control = control;
  }

  /** Time of the newest unit that has come, milliseconds. */
  get positionMs(): number {
    return this.#positionMs;
  }

  /** Whether so much waits that nothing more should be read. */
  get isFull(): boolean {
    return !this.#ended && this.#queue.waitingBytes >= this.#holdBytes;
  }

  /** Units that were dropped since the reader was slow. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /**
   * Asks the server to pause; resolves when it has agreed.
   *
   * @throws {RtmpError} (rejects) `call-failed`, `timeout`, or why the connection ended
   */
  pause(options: RtmpRequestOptions = {}): Promise<void> {
    return this.#control.request("pause", this.#positionMs, options);
  }

  /**
   * Asks the server to go on; resolves when it has agreed.
   *
   * @throws {RtmpError} (rejects) as `pause`
   */
  resume(options: RtmpRequestOptions = {}): Promise<void> {
    return this.#control.request("resume", this.#positionMs, options);
  }

  /**
   * Asks the server to go to `positionMs`; resolves when it has agreed. A live stream stays where it is.
   *
   * @throws {RtmpError} (rejects) as `pause`
   */
  seek(positionMs: number, options: RtmpRequestOptions = {}): Promise<void> {
    return this.#control.request("seek", positionMs, options);
  }

  /** Asks the server for audio, or for none; servers do not answer. */
  receiveAudio(enabled: boolean): void {
    this.#control.receive("audio", enabled);
  }

  /** Asks the server for video, or for none; servers do not answer. */
  receiveVideo(enabled: boolean): void {
    this.#control.receive("video", enabled);
  }

  /** Called by the client: a message has come. */
  push(message: MediaMessage): void {
    if (this.#ended) return;
    const timeMs = this.#clock.unwrap(message.timestampMs);
    this.#positionMs = timeMs;
    const { kind, body } = message;
    for (const unit of unitsOfFlv({ kind, dtsUs: timeMs * 1000, body })) this.#take(unit);
    this.#serve();
  }

  #take(unit: MediaUnit): void {
    if (unit.kind === "video") this.#hasVideo = true;
    const isMedia = unit.role === "media";
    this.#queue.push(unit, {
      startPoint: isMedia && (unit.kind === "video" ? unit.keyFrame : !this.#hasVideo),
      ...(isMedia ? { timeMs: performance.now() } : {}),
    });
  }

  /** Called by the client: nothing more comes; with an error, that is why. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue.end();
    if (error !== undefined) this.#controller.error(error);
    else if (this.#queue.length === 0) this.#controller.close();
  }

  /** Gives the reader the next unit, if it waits for one. */
  #serve(): void {
    if (!this.#isWanted) return;
    const next = this.#queue.next();
    if (next === undefined) return;
    this.#isWanted = false;
    this.#controller.enqueue(next.unit);
    if (this.#ended && this.#queue.length === 0) this.#controller.close();
  }
}
