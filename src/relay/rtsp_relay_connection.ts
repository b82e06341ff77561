import type { RtspClient, RtspRecording } from "../client/mod.ts";
import type { Clock, Publication, Stream } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { RtpTrack } from "../transmux/mod.ts";
import { DatagramPace } from "../transport/mod.ts";
import { areCompatible, describeStream } from "../wire/early.ts";
import {
  closeWriter,
  type RelayConnection,
  type RelayedUnit,
  RelayFailure,
  type RelayMove,
  type RelaySink,
  type RelaySource,
} from "./relay_driver.ts";
import { findRtspBackChannel, type RtspBackChannelOptions } from "./rtsp_back_channel.ts";
import { RtspUnitPackets } from "./rtsp_unit_packets.ts";

/** How long the tracks of a stream are waited for before it is announced, milliseconds. */
const DESCRIBE_WAIT_MS = 3000;

/** A connection by which a stream is pulled or pushed over RTSP; loaded with the client, when the first one is needed. */
export class RtspRelayConnection implements RelayConnection {
  readonly moved: Promise<RelayMove>;
  readonly #client: RtspClient;
  readonly #backChannel: RtspBackChannelOptions | undefined;

  /** `backChannel` is left out where nobody is to talk to who is pulled from. */
  constructor(
    client: RtspClient,
    options: {
      readonly backChannel: RtspBackChannelOptions | undefined;
      readonly moved: Promise<RelayMove>;
    },
  ) {
    this.#client = client;
    this.moved = options.moved;
    this.#backChannel = options.backChannel;
  }

  async play(
    signal: AbortSignal,
    { onNoBackChannel }: { readonly onNoBackChannel: (reason: string) => void },
  ): Promise<RelaySource> {
    const back = this.#backChannel;
    const playback = await this.#client.play({ signal });
    const backChannel = back && await findRtspBackChannel({ ...back, signal, onNoBackChannel });
    return {
      units: playback,
      tracks: playback.tracks.map(({ track }) => track),
      backChannel,
    };
  }

  async publish(
    stream: Stream,
    options: { readonly clock: Clock; readonly log: ServerLog; readonly signal: AbortSignal },
  ): Promise<RelaySink | undefined> {
    const { clock, log, signal } = options;
    const { publication } = stream;
    const described = await describeStream(stream, { clock, log, waitMs: DESCRIBE_WAIT_MS });
    if (!stream.isLive) return undefined;
    if (described === undefined) {
      throw new RelayFailure(`Nothing that RTP carries within ${DESCRIBE_WAIT_MS} ms`);
    }
    await this.#client.announce(described.description, { signal });
    const recording = await this.#client.record({ signal });
    const { tracks } = described;
    return new RtspRelaySink(recording, { stream, publication, tracks, clock, log });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** Sends units as RTP packets: those of RTSP publishers with another source and sequence only. */
class RtspRelaySink implements RelaySink {
  readonly ended: Promise<void>;
  readonly #recording: RtspRecording;
  readonly #writers: readonly WritableStreamDefaultWriter<Uint8Array>[];
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #log: ServerLog;
  readonly #packets: RtspUnitPackets;
  /** Of datagrams; a connection says by itself when it takes no more. */
  readonly #pace: DatagramPace | undefined;
  /** The publication whose tracks are known to be those announced. */
  #publication: Publication | undefined;

  constructor(
    recording: RtspRecording,
    options: {
      readonly stream: Stream;
      readonly publication: Publication | undefined;
      readonly tracks: readonly RtpTrack[];
      readonly clock: Clock;
      readonly log: ServerLog;
    },
  ) {
    this.#recording = recording;
    this.#writers = recording.tracks.map((track) => track.getWriter());
    this.#stream = options.stream;
    this.#publication = options.publication;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#packets = new RtspUnitPackets(options.tracks);
    this.#pace = recording.protocol === "udp" ? new DatagramPace(this.#clock) : undefined;
    const ends = this.#writers.map(({ closed }) => closed.then(() => {}, () => {}));
    this.ended = Promise.race(ends);
  }

  async send({ unit, publication }: RelayedUnit): Promise<boolean> {
    if (publication !== this.#publication) {
      if (!await this.#isAsAnnounced()) return false;
      this.#publication = publication;
    }
    for (const { track, packet, reference } of this.#packets.of(unit)) {
      if (packet === undefined) {
        // The client sends reports of its own: it needs to know which time belongs to which timestamp.
        this.#recording.tracks[track]!.setReference(reference.rtpTimestamp, reference.unixUs);
      } else {
        await this.#pace?.next();
        await this.#writers[track]!.write(packet);
      }
    }
    return true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#writers.map(closeWriter));
  }

  /** Another publisher has come: whether it has the tracks that the remote server was told of. */
  async #isAsAnnounced(): Promise<boolean> {
    const options = { clock: this.#clock, log: this.#log, waitMs: DESCRIBE_WAIT_MS };
    const described = await describeStream(this.#stream, options);
    return described !== undefined && areCompatible(described.tracks, this.#packets.tracks);
  }
}
