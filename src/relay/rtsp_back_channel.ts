import { reasonOf } from "../log/mod.ts";
import type { RtspClient, RtspRecording } from "../client/mod.ts";
import type { BackChannelSink, BackChannelSource } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { backChannelOf, type RtpTrack } from "../transmux/mod.ts";
import { withBothLaws } from "../wire/early.ts";
import { RelayFailure } from "./relay_driver.ts";
import { RtspUnitPackets } from "./rtsp_unit_packets.ts";

/** How the source of a pull is reached another time. */
export interface RtspBackChannelOptions {
  /** Connects to it. */
  readonly connect: (signal?: AbortSignal) => Promise<RtspClient>;
  /** What neither log nor talkers may be told. */
  readonly secrets: readonly string[];
}

/** How long a source may take to say whether it has a back channel: what is pulled waits for that. */
const LOOK_MS = 3000;

/**
 * The way to the loudspeaker of a source that is pulled from; `undefined` where it has none, or does not say so in time.
 *
 * It is looked for, and opened for who talks, on connections of their own: a camera hears one talker at a time, and
 * others may want to talk to it; some change what they send where it is set up; and GStreamer's server plays nothing
 * where it was described and is not set up.
 */
export async function findRtspBackChannel(
  options: RtspBackChannelOptions & {
    readonly signal: AbortSignal;
    readonly onNoBackChannel: (reason: string) => void;
  },
): Promise<BackChannelSource | undefined> {
  const { connect, secrets, signal, onNoBackChannel } = options;
  const within = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
  let client: RtspClient | undefined;
  try {
    client = await connect(within);
    const back = backChannelOf(await client.describe({ signal: within, backchannel: true }));
    if (back === undefined) throw new RelayFailure("It describes none");
    const { formats } = back;
    return withBothLaws({ formats, open: () => openTalk(options, formats) });
  } catch (error) {
    if (!signal.aborted) onNoBackChannel(wordsOf(error, secrets));
    return undefined;
  } finally {
    void client?.close();
  }
}

async function openTalk(
  { connect, secrets }: RtspBackChannelOptions,
  formats: readonly RtpTrack[],
): Promise<BackChannelSink> {
  let client: RtspClient | undefined;
  try {
    client = await connect();
    return new RtspTalkSink(client, { recording: await client.talk(), formats, secrets });
  } catch (error) {
    void client?.close();
    throw new RelayFailure(wordsOf(error, secrets));
  }
}

/** A server may repeat what it was asked for. */
function wordsOf(error: unknown, secrets: readonly string[]): string {
  const words = reasonOf(error);
  return secrets.reduce((text, secret) => text.replaceAll(secret, "…"), words);
}

/** Sends what is said as RTP packets: those of RTSP talkers with another source and sequence only. */
class RtspTalkSink implements BackChannelSink {
  readonly ended: Promise<string>;
  readonly #client: RtspClient;
  readonly #recording: RtspRecording;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #formats: readonly RtpTrack[];
  readonly #ended = Promise.withResolvers<string>();
  #packets: RtspUnitPackets | undefined;
  #format: RtpTrack | undefined;

  constructor(
    client: RtspClient,
    options: {
      readonly recording: RtspRecording;
      readonly formats: readonly RtpTrack[];
      readonly secrets: readonly string[];
    },
  ) {
    this.#client = client;
    this.#recording = options.recording;
    this.#formats = options.formats;
    this.ended = this.#ended.promise;
    const [track] = options.recording.tracks;
    this.#writer = track!.getWriter();
    this.#writer.closed.then(
      () => this.#ended.resolve("It was closed"),
      (error) => this.#end(wordsOf(error, options.secrets)),
    );
  }

  async write(unit: MediaUnit): Promise<void> {
    const format = this.#formats.find(({ id }) => id === unit.track);
    if (format === undefined) return;
    if (format !== this.#format) {
      this.#format = format;
      this.#packets = new RtspUnitPackets([format]);
    }
    for (const { packet, reference } of this.#packets!.of(unit)) {
      if (packet !== undefined) await this.#writer.write(packet);
      else this.#recording.tracks[0]!.setReference(reference.rtpTimestamp, reference.unixUs);
    }
  }

  close(): void {
    this.#end("It was closed");
  }

  /** The session ends when the good-bye is out. */
  #end(why: string): void {
    this.#ended.resolve(why);
    void this.#writer.close().catch(() => {}).finally(() => this.#client.close());
  }
}
