import type { Clock, StreamReader, WireEntry, WireRun } from "../../../hub/mod.ts";
import {
  buildRtcp,
  parseRtcp,
  parseRtpPacket,
  readFeedback,
  type RtcpFeedback,
  RTP_HEADER_SIZE,
  RtpError,
  rtpSequenceNumber,
  rtpTimestamp,
} from "../../../rtp/mod.ts";
import { DatagramPace } from "../../../transport/mod.ts";
import { FRAME_HEADER_BYTES } from "../../../wire/mod.ts";
import { CatchUp } from "./catch_up.ts";
import { SentPackets } from "./sent_packets.ts";
import { ShownOrder } from "./shown_order.ts";
import type { LinkJob, WebRtcLink } from "./webrtc_link.ts";

/** Packets that the link is given at a time. */
const BATCH_PACKETS = 32;

/**
 * A player that has lost the picture is sent the kept key frame so often at most, milliseconds; each time that it asks
 * again within ten seconds it waits twice as long: one that cannot decode the stream asks all the time.
 */
const KEY_FRAME_MS = { first: 500, longest: 8000, calm: 10_000 } as const;

/** Packets of each kind that can be asked for again: a second of 10 Mb/s, and of sound 2.5 s. */
const KEPT_PACKETS = { video: 1024, audio: 128 } as const;

/** Packets that are sent again in a second at most: what asks for more is a line that cannot carry it. */
const MOST_AGAIN = 500;

/** Numbers that are missing before a packet, and that the player is to see missing too. */
const MOST_MISSING = 64;

/** A track that is sent to a player. */
export interface WhepTrack {
  /** Its place in the wire format. */
  readonly index: number;
  readonly kind: "video" | "audio";
  /** Its source, of the wire format. */
  readonly ssrc: number;
  /** The payload type of the player. */
  readonly payloadType: number;
  /** How packets are sent again; as they were, where it is absent. */
  readonly retransmission?: { readonly ssrc: number; readonly payloadType: number };
  /** The first sequence numbers: random. */
  readonly sequenceNumber: number;
}

interface SendingTrack extends WhepTrack {
  nextSequence: number;
  nextRetransmission: number;
  /** The number that the last packet had in the wire format. */
  lastShared: number | undefined;
  readonly sent: SentPackets;
  /** Of pictures alone. */
  readonly order: ShownOrder | undefined;
}

/** Sends a stream to one player of WebRTC, and answers what it asks for. */
export class WhepPlayer {
  /** Packets that were sent again. */
  sentAgain = 0;
  /** How often the kept key frame was sent since the player asked for one. */
  keyFramesAgain = 0;
  /** Packets that the player has reported lost. */
  lost = 0;
  readonly #link: WebRtcLink;
  readonly #reader: StreamReader;
  readonly #clock: Clock;
  readonly #pace: DatagramPace;
  readonly #tracks: ReadonlyMap<number, SendingTrack>;
  readonly #onBytes: (count: number) => void;
  readonly #catchUp = new CatchUp();
  #isRunning = false;
  #isSending = false;
  #isBeginning = true;
  /** Resolves when the rest of a stream that has ended was sent. */
  #rest: PromiseWithResolvers<void> | undefined;
  #skips = 0;
  #keyFrameMs = -Infinity;
  #keyFrameWaitMs: number = KEY_FRAME_MS.first;
  #again = { fromMs: 0, packets: 0 };
  readonly #onWake = (): void => void this.#pump();

  /** Sends nothing until `start`. */
  constructor(
    options: {
      readonly link: WebRtcLink;
      readonly reader: StreamReader;
      readonly clock: Clock;
      readonly tracks: readonly WhepTrack[];
      /** Is told of the bytes that have left. */
      readonly onBytes: (count: number) => void;
    },
  ) {
    this.#link = options.link;
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.#pace = new DatagramPace(options.clock);
    this.#onBytes = options.onBytes;
    this.#tracks = new Map(options.tracks.map((track) => [track.index, {
      ...track,
      nextSequence: track.sequenceNumber,
      nextRetransmission: track.sequenceNumber,
      lastShared: undefined,
      sent: new SentPackets(KEPT_PACKETS[track.kind]),
      order: track.kind === "video" ? new ShownOrder() : undefined,
    }]));
  }

  /** Pictures that were not sent, for they come in another order than they are shown in. */
  get leftOut(): number {
    return this.#tracks.values().reduce((sum, { order }) => sum + (order?.lateCount ?? 0), 0);
  }

  /** Starts: at the newest key frame. */
  start(): void {
    this.#isRunning = true;
    void this.#pump();
  }

  /** The stream has ended; resolves when all of it is on its way, or the player has stopped. */
  async finish(): Promise<void> {
    if (!this.#isRunning) return;
    this.#rest ??= Promise.withResolvers<void>();
    void this.#pump();
    await this.#rest.promise;
  }

  /** Sends nothing more; the player is told. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#rest?.resolve();
    const ssrcs = [...this.#tracks.values()].map(({ ssrc }) => ssrc);
    if (ssrcs.length === 0) return;
    this.#link.sendRtcp(buildRtcp([
      { type: "receiver-report", ssrc: ssrcs[0]!, reports: [] },
      { type: "goodbye", ssrcs },
    ]));
  }

  /** Takes what the player tells and asks for. */
  takeRtcp(bytes: Uint8Array): void {
    try {
      for (const packet of parseRtcp(bytes)) {
        if (packet.type === "unknown") {
          for (const asked of readFeedback(packet)) this.#answer(asked);
        } else if (packet.type === "receiver-report") {
          for (const { cumulativeLost } of packet.reports) {
            this.lost = Math.max(this.lost, cumulativeLost);
          }
        }
      }
    } catch (error) {
      // It costs the report alone.
      if (!(error instanceof RtpError)) throw error;
    }
  }

  #answer(asked: RtcpFeedback): void {
    if (asked.type === "nack") return this.#sendAgain(asked);
    const now = this.#clock.now();
    const sinceMs = now - this.#keyFrameMs;
    if (!this.#isRunning || sinceMs < this.#keyFrameWaitMs) return;
    this.#keyFrameWaitMs = sinceMs >= KEY_FRAME_MS.calm
      ? KEY_FRAME_MS.first
      : Math.min(KEY_FRAME_MS.longest, this.#keyFrameWaitMs * 2);
    this.#keyFrameMs = now;
    this.keyFramesAgain++;
    this.#reader.cursor.rewind();
    this.#isBeginning = true;
    void this.#pump();
  }

  #sendAgain({ mediaSsrc, missing }: Extract<RtcpFeedback, { type: "nack" }>): void {
    const track = this.#tracks.values().find(({ ssrc }) => ssrc === mediaSsrc);
    if (track === undefined) return;
    const now = this.#clock.now();
    if (now - this.#again.fromMs >= 1000) this.#again = { fromMs: now, packets: 0 };
    const known = missing.flatMap((number) => track.sent.get(number) ?? [])
      .slice(0, Math.max(0, MOST_AGAIN - this.#again.packets));
    this.#again.packets += known.length;
    this.sentAgain += known.length;
    const { retransmission, payloadType } = track;
    const jobs = known.map(({ packet, sequenceNumber, timestamp }) =>
      retransmission === undefined ? { packet, payloadType, sequenceNumber, timestamp } : {
        packet: retransmissionOf(packet, { sequenceNumber, ssrc: retransmission.ssrc }),
        payloadType: retransmission.payloadType,
        sequenceNumber: track.nextRetransmission++ & 0xffff,
        timestamp,
      }
    );
    if (jobs.length > 0) void this.#link.sendRtp(jobs).then(this.#onBytes);
  }

  async #pump(): Promise<void> {
    if (this.#isSending || !this.#isRunning) return;
    this.#isSending = true;
    const { cursor } = this.#reader;
    while (this.#isRunning) {
      if (this.#isBeginning) this.#begin(cursor.peek()?.runs ?? []);
      const run = cursor.takeRun();
      if (run === undefined) {
        this.#rest?.resolve();
        cursor.wait(this.#onWake);
        break;
      }
      if (cursor.skips !== this.#skips) this.#begin([run]);
      // Reports of the sender's clock: what the player needs to place the first packets.
      this.#sendReports(cursor.takePreamble());
      await this.#send(run.bytes, run.entries);
    }
    this.#isSending = false;
  }

  /** The player goes on elsewhere, at the first message of what lies ahead. */
  #begin(ahead: readonly WireRun[]): void {
    const first = ahead[0]?.entries[0];
    const newest = ahead.at(-1)?.entries.at(-1);
    if (first === undefined || newest === undefined) return;
    this.#isBeginning = false;
    this.#skips = this.#reader.cursor.skips;
    this.#catchUp.begin({ fromUs: first.timeUs, headUs: newest.timeUs });
    for (const track of this.#tracks.values()) {
      track.lastShared = undefined;
      track.order?.reset();
    }
  }

  async #send(bytes: Uint8Array, entries: readonly WireEntry[]): Promise<void> {
    let jobs: LinkJob[] = [];
    for (const { start, end, timeUs } of entries) {
      const channel = bytes[start + 1]!;
      const packet = bytes.subarray(start + FRAME_HEADER_BYTES, end);
      const track = this.#tracks.get(channel >> 1);
      if (track === undefined) continue;
      if ((channel & 1) === 1) this.#link.sendRtcp(packet);
      else {
        const job = this.#jobOf(packet, { track, timeUs });
        if (job !== undefined) jobs.push(job);
      }
      if (jobs.length < BATCH_PACKETS) continue;
      await this.#leave(jobs);
      jobs = [];
      if (!this.#isRunning) return;
    }
    if (jobs.length > 0) await this.#leave(jobs);
  }

  async #leave(jobs: readonly LinkJob[]): Promise<void> {
    const pause = this.#pace.next(jobs.length);
    if (pause !== undefined) await pause;
    if (this.#isRunning) this.#onBytes(await this.#link.sendRtp(jobs));
  }

  /** The job that sends a packet; `undefined` where it is not sent. */
  #jobOf(
    packet: Uint8Array,
    { track, timeUs }: { readonly track: SendingTrack; readonly timeUs: number },
  ): LinkJob | undefined {
    const { order } = track;
    if (order === undefined && this.#catchUp.skipsAudio(timeUs)) return undefined;
    const own = rtpTimestamp(packet);
    const shared = rtpSequenceNumber(packet);
    // What the publisher has lost is to be seen missing.
    const missing = track.lastShared === undefined ? 0 : (shared - track.lastShared - 1) & 0xffff;
    if (missing <= MOST_MISSING) track.nextSequence += missing;
    track.lastShared = shared;
    if (order?.isLate(own)) return undefined;
    const timestamp = order === undefined ? own : this.#catchUp.timestampOf(own, timeUs);
    const sequenceNumber = track.nextSequence++ & 0xffff;
    track.sent.add({ packet, sequenceNumber, timestamp });
    return { packet, payloadType: track.payloadType, sequenceNumber, timestamp };
  }

  #sendReports(frames: Uint8Array): void {
    for (let at = 0; at + FRAME_HEADER_BYTES <= frames.length;) {
      const end = at + FRAME_HEADER_BYTES + (frames[at + 2]! << 8 | frames[at + 3]!);
      const isOfTrack = this.#tracks.has(frames[at + 1]! >> 1);
      if (isOfTrack) this.#link.sendRtcp(frames.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
  }
}

/** A packet of another source that holds one that was lost: its number, and its payload (RFC 4588, 4). */
function retransmissionOf(
  packet: Uint8Array,
  { sequenceNumber, ssrc }: { readonly sequenceNumber: number; readonly ssrc: number },
): Uint8Array {
  const { payload, marker } = parseRtpPacket(packet);
  const bytes = new Uint8Array(RTP_HEADER_SIZE + 2 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, marker ? 0x80 : 0);
  view.setUint32(8, ssrc);
  view.setUint16(RTP_HEADER_SIZE, sequenceNumber);
  bytes.set(payload, RTP_HEADER_SIZE + 2);
  return bytes;
}
