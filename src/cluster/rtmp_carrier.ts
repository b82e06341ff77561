import type { RtmpClient } from "../client/mod.ts";
import { PEER_PARAMETER, PEER_TALK, readPeerNews } from "../gate/mod.ts";
import { reasonOf, type ServerLog } from "../log/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { parseRtmpUrl } from "../rtmp/mod.ts";
import { type Clock, repeat } from "../time/mod.ts";
import type { Carrier, PullEnd, PullSink } from "./carrier.ts";
import type { Holder } from "./directory.ts";
import { PeerTalkers } from "./peer_talk.ts";
import { signPeerToken } from "./peer_token.ts";

/** Options of an {@linkcode RtmpCarrier}. */
export interface RtmpCarrierOptions {
  /** The name of this machine. */
  readonly node: string;
  /** What all machines of the cluster share. */
  readonly secret: string;
  /** Milliseconds since 1970. */
  readonly unixMs: () => number;
  /** Time and timers. */
  readonly clock: Clock;
  /** The log for lines about the server. */
  readonly log: ServerLog;
  /** PEM certificates that RTMPS trusts besides the system's. */
  readonly caCerts?: readonly string[] | undefined;
}

/** How long a token is good, seconds: for clocks that differ, and a connection that takes its time. */
const TOKEN_SECONDS = 60;

/** How long another machine may take to answer, milliseconds. */
const TIMEOUT_MS = 5000;

/** A stream that nothing comes of for so long is lost, milliseconds: its machine may be behind a dead network. */
const SILENT_MS = 10_000;

/** Brings streams from other machines, by Enhanced RTMP. */
export class RtmpCarrier implements Carrier {
  readonly #options: RtmpCarrierOptions;
  /** What it connects with, loaded with the first carrier: a server that is alone has no use for it. */
  readonly #clients: Promise<typeof import("../client/mod.ts")> = import("../client/mod.ts");

  /** Connects to nobody yet. */
  constructor(options: RtmpCarrierOptions) {
    this.#options = options;
    this.#clients.catch(() => {});
  }

  /** Fetches a stream from another machine. */
  async pull(
    holder: Holder,
    { name, signal, sink }: {
      readonly name: string;
      readonly signal: AbortSignal;
      readonly sink: PullSink;
    },
  ): Promise<PullEnd> {
    const { node, secret, unixMs, clock, log, caCerts } = this.#options;
    const expires = Math.floor(unixMs() / 1000) + TOKEN_SECONDS;
    const token = signPeerToken({ node, name, expires }, secret);
    const parsed = parseRtmpUrl(`${holder.url!.replace(/\/+$/, "")}/${encodedName(name)}`);
    // With the application, so that it is shown at connect, where others may be asked who they are.
    const url = { ...parsed, app: `${parsed.app}?${PEER_PARAMETER}=${token}` };
    const silence = new AbortController();
    const over = AbortSignal.any([signal, silence.signal]);
    let client: RtmpClient | undefined;
    let streamId = 0;
    const talkers = new PeerTalkers((text) => {
      try {
        client?.notify(PEER_TALK, [text], { streamId });
      } catch {
        // The connection has ended: what fetches hears of it next.
        talkers.close();
      }
    });
    let lastMs = clock.now();
    const look = (): boolean => {
      if (clock.now() - lastMs < SILENT_MS) return true;
      silence.abort(new Error("nothing comes"));
      return false;
    };
    const looking = repeat(look, { clock, ms: SILENT_MS / 10 });
    try {
      const { RtmpClient } = await this.#clients;
      client = await RtmpClient.connect(url, {
        signal: over,
        timeoutMs: TIMEOUT_MS,
        onCall: (called, [text]) => {
          if (called === PEER_TALK) talkers.receive(text);
        },
        ...(caCerts === undefined ? {} : { caCerts }),
      });
      const playback = await client.play(undefined, { signal: over });
      const { information } = playback;
      streamId = playback.streamId;
      const backChannel = talkers.source(information);
      if (!sink.start({ ...readPeerNews(information), backChannel })) return "unwanted";
      await playback.pipeTo(
        new WritableStream<MediaUnit>({
          write(unit) {
            lastMs = clock.now();
            sink.take([unit]);
          },
        }),
        { signal: over },
      );
      return "ended";
    } catch (error) {
      if (signal.aborted) return "unwanted";
      const why = reasonOf(error);
      log.debug("a stream cannot be fetched from another machine", {
        stream: name,
        node: holder.member,
        reason: why.replaceAll(token, "…"),
      });
      return "lost";
    } finally {
      looking.cancel();
      talkers.close();
      await client?.close();
    }
  }
}

function encodedName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
