import type { UnitQueue } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import {
  type AlignedTrack,
  buildRtcp,
  buildRtpPacket,
  SDES_CNAME,
  TrackAligner,
} from "../rtp/mod.ts";
import type { RtspRange, RtspRtpInfo } from "../rtsp/mod.ts";
import { RtspError } from "../rtsp/mod.ts";
import type { SessionDescription } from "../sdp/mod.ts";
import { RtpTrackIngest, tracksOfSdp, UnitBudget } from "../transmux/mod.ts";
import type { RtspRequestOptions } from "./rtsp_client_connection.ts";
import { DEFAULT_MAX_LAG_BYTES, type PlaybackBounds, playbackQueue } from "./playback_bounds.ts";
import type { RtspLink, RtspLinkPacket, RtspLinkProtocol, RtspLinkRequest } from "./rtsp_link.ts";
import { RtspTrack } from "./rtsp_track.ts";

/** The server's answer to PLAY. */
export interface RtspPlayAnswer {
  /** Where each track begins, as far as the server tells. */
  readonly rtpInfo: readonly RtspRtpInfo[];
  /** The range that is played, where the server tells it. */
  readonly range: RtspRange | undefined;
}

/** The client of a playback, as the playback sees it. */
export interface RtspPlaybackControl {
  /** Asks the server to pause. */
  pause(options: RtspRequestOptions): Promise<void>;
  /** Asks the server to play on, or from elsewhere. */
  play(range: RtspRange | undefined, options: RtspRequestOptions): Promise<RtspPlayAnswer>;
  /** Readers have made room. */
  wanted(): void;
  /** The reader wants no more at all. */
  cancelled(): void;
}

/** Receiver reports go out this often. */
const REPORT_INTERVAL_MS = 5000;

/** The last packets may come after the good-bye, which has its own port. */
const GOODBYE_MS = 500;

/** Options of an {@linkcode RtspPlayback}. */
export interface RtspPlaybackOptions {
  /** The description of the stream by the server. */
  readonly description: SessionDescription;
  /** Indexes of the media that are played. */
  readonly indexes: readonly number[];
  /** SSRC of the client's own reports. */
  readonly ssrc: number;
  /** How the client is called in its own reports. */
  readonly cname: string;
  /** Bounds of the units that are not read in time. */
  readonly bounds?: PlaybackBounds;
  /** The client. */
  readonly control: RtspPlaybackControl;
}

/**
 * A stream that is played: a readable of units of all tracks, in the order of their arrival, each with the
 * RTP packets that carry it. The packets of single tracks can be read from {@linkcode tracks} instead.
 * It closes when the server ends the stream (RTCP BYE), and errors with an `RtspError` when the server or
 * the connection fails, or no packet comes. Cancel it to stop.
 *
 * A reader that is slow holds back the server over TCP, once 8 MiB wait, unless `whenSlow` is `skip`; over UDP
 * units are dropped then up to a key frame, and packets, where these are read, as they come; both are counted.
 */
export class RtspPlayback extends ReadableStream<MediaUnit> {
  /** The tracks that are played. */
  readonly tracks: readonly RtspTrack[];
  readonly #control: RtspPlaybackControl;
  readonly #ingests: readonly RtpTrackIngest[];
  readonly #times: readonly AlignedTrack[];
  readonly #ssrc: number;
  readonly #cname: string;
  readonly #controller: ReadableStreamDefaultController<MediaUnit>;
  readonly #bounds: PlaybackBounds;
  readonly #maxLagBytes: number;
  #queue: UnitQueue;
  readonly #hasVideo: boolean;
  #links: readonly RtspLink[] = [];
  #isWanted = false;
  #isServing = false;
  #isRead = false;
  #waitingBytes = 0;
  #order = 0;
  #answer: RtspPlayAnswer = { rtpInfo: [], range: undefined };
  #isPlaying = false;
  #hasPackets = false;
  #mediaAtMs = 0;
  #reportAtMs = 0;
  #leftAtMs: number | undefined;
  #end: { readonly error: unknown } | undefined;

  /** Made by `RtspClient.play`. */
  constructor(options: RtspPlaybackOptions) {
    let controller: ReadableStreamDefaultController<MediaUnit>;
    super({
      start: (own) => {
        controller = own;
      },
      pull: () => {
        this.#claim();
        this.#isWanted = true;
        this.#serve();
        this.#control.wanted();
      },
      cancel: () => this.#cancel(),
    }, { highWaterMark: 0 });
    this.#controller = controller!;
    this.#control = options.control;
    this.#ssrc = options.ssrc;
    this.#cname = options.cname;
    const aligner = new TrackAligner();
    const budget = new UnitBudget();
    const known = tracksOfSdp(options.description);
    const ingests: RtpTrackIngest[] = [];
    const times: AlignedTrack[] = [];
    this.tracks = options.indexes.map((index) => {
      const track = known[index]!;
      const aligned = aligner.addTrack({ clockRate: track.rtp?.clockRate || 90_000 });
      times.push(aligned);
      ingests.push(new RtpTrackIngest({ track, time: aligned, budget }));
      const media = options.description.media[index]!;
      return new RtspTrack({
        index,
        media,
        track,
        aligned,
        control: this.#trackControl(),
        ssrc: this.#ssrc,
      });
    });
    const { bounds = {} } = options;
    this.#bounds = bounds;
    this.#maxLagBytes = bounds.maxLagBytes ?? DEFAULT_MAX_LAG_BYTES;
    this.#queue = playbackQueue(bounds, { canHold: true });
    this.#hasVideo = this.tracks.some(({ track }) => track.kind === "video");
    this.#ingests = ingests;
    this.#times = times;
  }

  /** The protocol that carries the packets. It changes when nothing comes over UDP. */
  get protocol(): RtspLinkProtocol {
    return this.#links[0]?.protocol ?? "tcp";
  }

  /** The server's answer to PLAY. */
  get answer(): RtspPlayAnswer {
    return this.#answer;
  }

  /** Whether media flows, as far as the answers of the server tell. */
  get isPlaying(): boolean {
    return this.#isPlaying;
  }

  /** Whether so much waits that nothing more should be read. */
  get isFull(): boolean {
    const { whenSlow = "hold" } = this.#bounds;
    if (this.#end !== undefined || (whenSlow === "skip" && this.#isRead)) return false;
    return this.#waitingBytes + this.#queue.waitingBytes >= this.#maxLagBytes;
  }

  /** Units that were dropped since the reader was slow. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Whether the sources of all tracks have said good-bye. */
  get hasLeft(): boolean {
    return this.tracks.every(({ hasLeft }) => hasLeft);
  }

  /** Whether nothing more should be read from the connection. */
  get holdsBack(): boolean {
    return this.isFull && this.protocol === "tcp";
  }

  /**
   * Asks the server to pause; resolves when it has agreed.
   *
   * @throws {RtspError} (rejects) what the server refused with, or why the connection ended
   */
  async pause(options: RtspRequestOptions = {}): Promise<void> {
    this.#throwIfEnded();
    await this.#control.pause(options);
    this.#isPlaying = false;
  }

  /**
   * Asks the server to go on after a pause; resolves when it has agreed.
   *
   * @throws {RtspError} (rejects) as `pause`
   */
  async resume(options: RtspRequestOptions = {}): Promise<void> {
    this.#throwIfEnded();
    if (this.#isPlaying) return;
    this.#expectAnew();
    this.#begun(await this.#control.play(undefined, options));
  }

  /**
   * Asks the server to play `range`; resolves when it has agreed. What was not read of the media before
   * is dropped. A live stream stays where it is.
   *
   * @throws {RtspError} (rejects) as `pause`; `malformed-range` where the server cannot
   */
  async seek(range: RtspRange, options: RtspRequestOptions = {}): Promise<void> {
    this.#throwIfEnded();
    // While it plays, a PLAY would wait for its end (RFC 2326, 10.5).
    if (this.#isPlaying) await this.pause(options);
    for (const track of this.tracks) track.clear();
    this.#queue = this.#emptyQueue();
    this.#expectAnew();
    this.#begun(await this.#control.play(range, options));
  }

  /** Called by the client: what is to be set up. */
  requests(): RtspLinkRequest[] {
    return this.tracks.map((track) => ({
      media: track.media,
      receive: (packet) => this.#take(track, packet),
    }));
  }

  /** Called by the client: packets come over `links` from now on. */
  begin(links: readonly RtspLink[]): void {
    this.closeLinks();
    this.#links = links;
    this.#hasPackets = false;
    if (this.#queue.length === 0) this.#queue = this.#emptyQueue();
    this.#expectAnew();
    for (const link of links) if (link.protocol === "udp") this.#punch(link);
  }

  /** Called by the client: the server plays. */
  started(answer: RtspPlayAnswer): void {
    this.#begun(answer);
    this.#reportAtMs = performance.now();
  }

  /** Called by the client: frees what carries the packets. */
  closeLinks(): void {
    for (const link of this.#links) link.close();
    this.#links = [];
  }

  /** Called by the client: how long the server has owed packets, milliseconds, and whether any has come. */
  silence(nowMs: number): { readonly ms: number; readonly hasPackets: boolean } {
    if (!this.#isPlaying || this.isFull) this.#mediaAtMs = nowMs;
    return { ms: nowMs - this.#mediaAtMs, hasPackets: this.#hasPackets };
  }

  /** Called by the client: passes time on. */
  tick(nowMs: number): void {
    for (const track of this.tracks) {
      track.tick(nowMs);
      this.#ask(track, nowMs);
    }
    this.#endPictures(nowMs);
    if (nowMs - this.#reportAtMs >= REPORT_INTERVAL_MS) {
      this.#reportAtMs = nowMs;
      for (const [index, link] of this.#links.entries()) this.#report(this.tracks[index]!, link);
    }
    if (!this.hasLeft) this.#leftAtMs = undefined;
    else this.#leftAtMs ??= nowMs;
    if (this.#leftAtMs !== undefined && nowMs - this.#leftAtMs >= GOODBYE_MS) {
      this.#control.cancelled();
    }
  }

  /** Called by the client: nothing more comes; with an error, that is why. What waits can be read. */
  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#isPlaying = false;
    this.closeLinks();
    // What fails behind the end is no failure.
    const reason = this.hasLeft ? undefined : error;
    for (const track of this.tracks) track.end(reason);
    this.#end = { error: reason };
    this.#serve();
  }

  #trackControl() {
    return {
      admit: (bytes: number) => {
        // What one read has brought is kept over TCP, and dropped only where an answer is read for.
        const isTcp = this.protocol === "tcp";
        const waiting = this.#waitingBytes + (isTcp ? this.#queue.waitingBytes : 0);
        if (waiting >= (isTcp ? 2 : 1) * this.#maxLagBytes) return undefined;
        this.#waitingBytes += bytes;
        return this.#order++;
      },
      release: (bytes: number) => {
        this.#waitingBytes -= bytes;
        this.#control.wanted();
      },
      isRead: () => this.#isRead,
      cancelled: () => {
        if (this.tracks.every(({ isCancelled }) => isCancelled)) this.#control.cancelled();
      },
    };
  }

  #emptyQueue(): UnitQueue {
    return playbackQueue(this.#bounds, { canHold: this.protocol === "tcp" });
  }

  #throwIfEnded(): void {
    if (this.#end === undefined) return;
    throw this.#end.error ?? new RtspError("closed", "The playback has ended");
  }

  /** Sequence numbers and timestamps may begin anew. */
  #expectAnew(): void {
    for (const track of this.tracks) track.begin({ ordered: this.protocol === "tcp" });
  }

  #begun(answer: RtspPlayAnswer): void {
    this.#answer = answer;
    this.#isPlaying = true;
    this.#mediaAtMs = performance.now();
  }

  #take(track: RtspTrack, packet: RtspLinkPacket): void {
    const nowMs = performance.now();
    this.#mediaAtMs = nowMs;
    this.#hasPackets = true;
    track.take(packet, nowMs);
    this.#ask(track, nowMs);
    if (this.#isRead) this.#serve();
  }

  /** Asks for what is missing; over TCP nothing is lost on this way, and the server knows what was before. */
  #ask(track: RtspTrack, nowMs: number): void {
    const link = this.#links[this.tracks.indexOf(track)];
    if (link?.protocol !== "udp") return;
    const requests = track.requests(nowMs);
    if (requests.length === 0) return;
    const report = { type: "receiver-report", ssrc: this.#ssrc, reports: [] } as const;
    link.send(buildRtcp([report, ...requests]), { rtcp: true });
  }

  /** Opens the way through firewalls with a packet without payload and an empty report. */
  #punch(link: RtspLink): void {
    const fields = { payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: this.#ssrc };
    link.send(buildRtpPacket({ ...fields, payload: new Uint8Array(0) }), { rtcp: false });
    link.send(this.#receiverReport([]), { rtcp: true });
  }

  #report(track: RtspTrack, link: RtspLink): void {
    const block = track.report(performance.now());
    // Over UDP it keeps the way through firewalls open too.
    if (block === undefined && link.protocol === "tcp") return;
    link.send(this.#receiverReport(block === undefined ? [] : [block]), { rtcp: true });
  }

  #receiverReport(reports: NonNullable<ReturnType<RtspTrack["report"]>>[]): Uint8Array {
    const items = [{ type: SDES_CNAME, text: this.#cname }];
    return buildRtcp([
      { type: "receiver-report", ssrc: this.#ssrc, reports },
      { type: "source-description", chunks: [{ ssrc: this.#ssrc, items }] },
    ]);
  }

  /** The first read of a unit: from now on packets become units. */
  #claim(): void {
    if (this.#isRead) return;
    if (this.tracks.some(({ packets }) => packets.locked)) {
      throw new TypeError("Cannot read units as packets of a track are read");
    }
    this.#isRead = true;
    for (const ingest of this.#ingests) {
      this.#add(ingest.header());
    }
  }

  #add(units: readonly MediaUnit[]): void {
    for (const unit of units) {
      const isMedia = unit.role === "media";
      this.#queue.push(unit, {
        startPoint: isMedia && (unit.kind === "video" ? unit.keyFrame : !this.#hasVideo),
        ...(isMedia ? { timeMs: performance.now() } : {}),
      });
    }
  }

  /** Makes units of what has come, and gives their reader the next one, if it waits for one. */
  #serve(): void {
    // What is given to one reader makes the next one ask at once.
    if (this.#isServing || !this.#isRead) return;
    this.#isServing = true;
    for (let units = this.#nextUnits(); units !== undefined; units = this.#nextUnits()) {
      this.#add(units);
    }
    while (this.#isWanted) {
      const next = this.#queue.next();
      if (next === undefined) {
        if (this.#end !== undefined) this.#finish(this.#end.error);
        break;
      }
      this.#isWanted = false;
      this.#controller.enqueue(next.unit);
    }
    this.#isServing = false;
  }

  /** Gives out pictures behind which nothing comes, and no marker will. */
  #endPictures(nowMs: number): void {
    if (!this.#isRead || this.#end !== undefined) return;
    for (const ingest of this.#ingests) this.#add(ingest.tick(nowMs));
    this.#serve();
  }

  #finish(error: unknown): void {
    this.#isWanted = false;
    if (error === undefined) this.#controller.close();
    else this.#controller.error(error);
  }

  /** The units that the earliest packet completes, or that the end does. */
  #nextUnits(): MediaUnit[] | undefined {
    let earliest: number | undefined;
    for (const [index, { next }] of this.tracks.entries()) {
      if (next === undefined) continue;
      if (earliest === undefined || next.order < this.tracks[earliest]!.next!.order) {
        earliest = index;
      }
    }
    if (earliest === undefined) {
      if (this.#end === undefined) return undefined;
      const rest = this.#ingests.flatMap((ingest) => ingest.flush());
      return rest.length > 0 ? rest : undefined;
    }
    const ingest = this.#ingests[earliest]!;
    const { packet, arrivalMs, restarts } = this.tracks[earliest]!.shift()!;
    const units: MediaUnit[] = [];
    for (const other of this.#ingests) if (other !== ingest) units.push(...other.passOver());
    if (restarts) units.push(...ingest.restart());
    if (restarts) this.#times[earliest]!.restart();
    units.push(...ingest.push(packet, arrivalMs));
    return units;
  }

  #cancel(): void {
    this.#isRead = true;
    this.#isWanted = false;
    this.#control.cancelled();
  }
}
