import type { MediaMessage } from "../rtmp/mod.ts";
import { TimestampUnwrapper } from "../rtmp/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { unitOfFlv } from "../transmux/mod.ts";

/** Options of requests to the server. */
export interface RtmpRequestOptions {
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

/** What a playback asks of its client. */
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

/** Bytes of units that wait for their reader; beyond that, nothing more is read from the server. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

/** What a unit takes besides its body. */
const UNIT_OVERHEAD_BYTES = 256;

/**
 * A stream that is played: a readable of units, in order of decoding, whose bytes nobody may change.
 * It closes when the server ends the stream, and errors with an `RtmpError` when the server or the
 * connection fails. Cancel it to stop.
 *
 * A reader that is slow holds back the server; as all of a connection comes in one order, it holds
 * back the connection's other streams and answers too, once 8 MiB wait.
 */
export class RtmpPlayback extends ReadableStream<MediaUnit> {
  /** NetStream, the message stream id. */
  readonly streamId: number;
  readonly #control: RtmpPlaybackControl;
  readonly #clock = new TimestampUnwrapper();
  readonly #controller: ReadableStreamDefaultController<MediaUnit>;
  #ended = false;
  #positionMs = 0;

  /** Made by `RtmpClient.play`. */
  constructor(streamId: number, control: RtmpPlaybackControl) {
    let controller: ReadableStreamDefaultController<MediaUnit>;
    super({
      start: (own) => {
        controller = own;
      },
      pull: () => control.wanted(),
      cancel: () => {
        this.#ended = true;
        control.cancelled();
      },
    }, {
      highWaterMark: MOST_WAITING_BYTES,
      size: ({ payload }) =>
        UNIT_OVERHEAD_BYTES + (payload.format === "flv" ? payload.body.length : 0),
    });
    this.#controller = controller!;
    this.streamId = streamId;
    this.#control = control;
  }

  /** Time of the newest unit that has come, milliseconds. */
  get positionMs(): number {
    return this.#positionMs;
  }

  /** Whether so much waits that nothing more should be read. */
  get isFull(): boolean {
    return !this.#ended && (this.#controller.desiredSize ?? 1) <= 0;
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
    const unit = unitOfFlv({ kind: message.kind, dtsUs: timeMs * 1000, body: message.body });
    if (unit !== undefined) this.#controller.enqueue(unit);
  }

  /** Called by the client: nothing more comes; with an error, that is why. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error === undefined) this.#controller.close();
    else this.#controller.error(error);
  }
}
