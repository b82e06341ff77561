import { HubError, type Stream, type Talk } from "../../hub/mod.ts";
import type { Track } from "../../media/mod.ts";
import { isRtcp, RTP_HEADER_SIZE } from "../../rtp/mod.ts";
import { type PublisherRtcp, RtpSessionIngest } from "../../transmux/mod.ts";
import type { Shell } from "../mod.ts";

/** What a {@linkcode SessionTalk} is made of. */
export interface SessionTalkOptions {
  /** The stream whose publisher is talked to. */
  readonly stream: Stream;
  /** Number of the connection, for the log. */
  readonly connection: number;
  /** Address of the client, for the log. */
  readonly address: string;
  /** Index of the track by which the client talks. */
  readonly track: number;
  /** Whether packets come in order and all. */
  readonly ordered: boolean;
  /** SSRC of what the client is told of its packets. */
  readonly ssrc: number;
  /** How long the client may talk, milliseconds; `undefined` for as long as it likes. */
  readonly expiresInMs: number | undefined;
}

/**
 * Who has lost the way to a camera is let have it again so often, milliseconds: the camera may have gone and come back
 * meanwhile, or another publisher have its name.
 */
const RETAKE_MS = 2000;

/** Bytes that a talker may send a second: linear samples in stereo have less. A camera is to be talked to, not flooded. */
const MOST_BYTES = 256 * 1024;

/** What the client of one session says to the publisher of what it plays. */
export class SessionTalk {
  /** Index of the track by which the client talks. */
  readonly track: number;
  readonly #shell: Shell;
  readonly #options: SessionTalkOptions;
  /** The forms of sound that the client was told of. */
  #formats: readonly Track[] = [];
  #talk: Talk | undefined;
  #takenAtMs = 0;
  #isTaking = false;
  #ingest: RtpSessionIngest | undefined;
  #format: Track | undefined;
  readonly #expiresAtMs: number;
  /** The second that is counted, and what has come in it. */
  #second = 0;
  #bytes = 0;
  #flooded = 0;
  #isOver = false;

  /** Nothing is said yet. */
  constructor(shell: Shell, options: SessionTalkOptions) {
    this.#shell = shell;
    this.#options = options;
    this.track = options.track;
    this.#expiresAtMs = shell.clock.now() + (options.expiresInMs ?? Infinity);
  }

  /**
   * Takes the ear of the publisher.
   *
   * @throws {HubError} (rejects) where it has none now, or somebody talks to it already; else what the way to it was
   * refused with
   */
  async take(): Promise<void> {
    const { name, publication } = this.#options.stream;
    const backChannel = publication?.backChannel;
    if (backChannel === undefined) {
      throw new HubError("no-back-channel", `The publisher of ${name} cannot be talked to`);
    }
    const talk = await backChannel.take({ onEnded: (why) => this.#lost(why) });
    this.#formats = backChannel.formats;
    // The session may have ended meanwhile.
    if (this.#isOver) return talk.close();
    this.#talk = talk;
    this.#takenAtMs = this.#shell.clock.now();
    this.#tell("rtsp talk started");
  }

  /** Takes a packet of the client; `commit` ends the batch. */
  receive(packet: Uint8Array, { rtcp }: { readonly rtcp: boolean }): void {
    if (this.#isOver) return;
    const nowMs = this.#shell.clock.now();
    if (this.#isFlood(packet, nowMs)) return;
    if (this.#talk === undefined) this.#retake(nowMs);
    if (!rtcp && !isRtcp(packet)) this.#chooseFormat(packet, nowMs);
    this.#ingest?.take(packet, { index: this.track, rtcp, nowMs });
  }

  /** Passes time on; returns what the client is told of its packets. */
  tick(nowMs: number): PublisherRtcp[] {
    if (nowMs >= this.#expiresAtMs) this.close("expired");
    return this.#ingest?.tick(nowMs) ?? [];
  }

  /** Tells the client, as far as RTCP can, that it is not heard any more; nothing where it was not heard before. */
  goodbye(): Uint8Array | undefined {
    return this.#ingest?.goodbye();
  }

  /** The client says nothing more; may be called again. */
  close(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ingest?.end();
    if (this.#talk === undefined) return;
    this.#talk.close();
    this.#tellEnd(reason);
  }

  #isFlood({ length }: Uint8Array, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) this.#bytes = 0;
    this.#second = second;
    this.#bytes += length;
    if (this.#bytes <= MOST_BYTES) return false;
    this.#flooded++;
    return true;
  }

  /** Which form of sound the client has chosen shows in its packets alone. */
  #chooseFormat(packet: Uint8Array, nowMs: number): void {
    if (packet.length < RTP_HEADER_SIZE) return;
    const payloadType = packet[1]! & 0x7f;
    if (this.#format?.rtp?.payloadType === payloadType) return;
    const format = this.#formats.find(({ rtp }) => rtp?.payloadType === payloadType);
    if (format === undefined) return;
    this.#ingest?.end();
    this.#format = format;
    this.#ingest = new RtpSessionIngest({
      write: (unit) => {
        if (unit.role === "media") void this.#talk?.write(unit);
        return true;
      },
      commit: () => {},
    }, {
      tracks: [format],
      media: [this.track],
      ordered: this.#options.ordered,
      ssrc: this.#options.ssrc,
      nowMs,
    });
  }

  #lost(why: string): void {
    if (this.#talk === undefined) return;
    this.#tellEnd(why);
    this.#talk = undefined;
  }

  /** The publisher may have come back, or another have the name that hears the same. */
  #retake(nowMs: number): void {
    const { backChannel } = this.#options.stream.publication ?? {};
    if (this.#isTaking || backChannel === undefined || backChannel.isTaken) return;
    if (nowMs - this.#takenAtMs < RETAKE_MS) return;
    if (nameOf(backChannel.formats) !== nameOf(this.#formats)) return;
    this.#takenAtMs = nowMs;
    this.#isTaking = true;
    this.take().catch((error) =>
      this.#shell.log.debug("rtsp talk failed", { reason: String(error) })
    )
      .finally(() => this.#isTaking = false);
  }

  #tell(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const { connection, stream, address } = this.#options;
    this.#shell.peers.of(address).info(message, { connection, stream: stream.name, ...fields });
  }

  #tellEnd(reason: string): void {
    const { units, dropped } = this.#talk!.statistics;
    this.#tell("rtsp talk ended", {
      reason,
      ...(this.#format?.codec === undefined ? {} : { codec: this.#format.codec }),
      units,
      ...(dropped === 0 ? {} : { dropped }),
      ...(this.#flooded === 0 ? {} : { flooded: this.#flooded }),
    });
  }
}

/** What a client was told of forms of sound. */
function nameOf(formats: readonly Track[]): string {
  return JSON.stringify(formats.map(({ rtp }) => rtp));
}
