import type { RtmpClient, RtmpMedia, RtmpPublication } from "../client/mod.ts";
import type { Publication } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { FlvError, plainAudioBody, plainVideoBody } from "../flv/mod.ts";
import { CapsEx, parseRtmpUrl, type RtmpUrl } from "../rtmp/mod.ts";
import { type FlvBody, FlvRemuxer, type LossPolicy } from "../transmux/mod.ts";
import { formatAddress } from "../transport/mod.ts";
import { tellLeftOut } from "../wire/early.ts";
import type { ServerLog } from "../log/mod.ts";
import {
  closeWriter,
  loadClients,
  type RelayConnection,
  type RelayDriver,
  type RelayedUnit,
  type RelayMove,
  type RelaySink,
  type RelaySource,
  secretsOf,
} from "./relay_driver.ts";
import type { RelayOptions } from "./relay_options.ts";

/**
 * What relays need of RTMP.
 *
 * @throws {RtmpError} `url` when the URL cannot be parsed
 */
export function rtmpRelayDriver(options: RelayOptions): RelayDriver {
  const { url, client = {}, onLoss = "pass" } = options;
  const parsed = parseRtmpUrl(url);
  const { app, key } = parsed;
  const at = (remote: RtmpUrl): RelayMove => {
    const address = { hostname: remote.host, port: remote.port };
    return {
      target: `${remote.scheme}://${formatAddress(address)}/${remote.app.split("?", 1)[0]}`,
      address,
      connect: async (signal) => {
        const { RtmpClient } = await loadClients();
        const { promise: moved, resolve } = Promise.withResolvers<RelayMove>();
        const onMove = (url: RtmpUrl): void => resolve(at(url));
        const connected = await RtmpClient.connect(remote, { ...client, signal, onMove });
        return new RtmpRelayConnection(connected, { onLoss, moved });
      },
    };
  };
  return {
    ...at(parsed),
    protocol: "rtmp",
    // The key is what most services know their publishers by.
    secrets: secretsOf(parsed, app, key, `=${key.split("?", 1)[0]}`),
  };
}

class RtmpRelayConnection implements RelayConnection {
  readonly moved: Promise<RelayMove>;
  readonly #client: RtmpClient;
  readonly #onLoss: LossPolicy;

  constructor(
    client: RtmpClient,
    { onLoss, moved }: { readonly onLoss: LossPolicy; readonly moved: Promise<RelayMove> },
  ) {
    this.#client = client;
    this.#onLoss = onLoss;
    this.moved = moved;
  }

  async play(signal: AbortSignal): Promise<RelaySource> {
    return { units: await this.#client.play(undefined, { signal }), tracks: undefined };
  }

  async publish(
    _: unknown,
    { log, signal }: { readonly log: ServerLog; readonly signal: AbortSignal },
  ): Promise<RelaySink> {
    const remote = await this.#client.publish(undefined, { signal });
    const { capsEx } = this.#client.capabilities;
    return new RtmpRelaySink(remote, {
      log,
      multitrack: (capsEx & CapsEx.Multitrack) !== 0,
      onLoss: this.#onLoss,
    });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/**
 * Sends units as the bodies of FLV: those of RTMP publishers untouched. A server that does not say that it takes
 * several tracks gets the first of each kind, as one of before Enhanced RTMP knows it: its players take no others.
 */
class RtmpRelaySink implements RelaySink {
  readonly ended: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<RtmpMedia>;
  readonly #log: ServerLog;
  readonly #multitrack: boolean;
  readonly #onLoss: LossPolicy;
  #remuxer = new FlvRemuxer();
  #publication: Publication | undefined;

  constructor(
    remote: RtmpPublication,
    options: {
      readonly log: ServerLog;
      readonly multitrack: boolean;
      readonly onLoss: LossPolicy;
    },
  ) {
    this.#log = options.log;
    this.#multitrack = options.multitrack;
    this.#onLoss = options.onLoss;
    this.#writer = remote.getWriter();
    this.ended = this.#writer.closed.then(() => {}, () => {});
  }

  async send({ unit, publication }: RelayedUnit): Promise<boolean> {
    for (const { kind, dtsUs, body } of this.#bodies(unit, publication)) {
      await this.#writer.write({ kind, timestampMs: Math.round(dtsUs / 1000), body });
    }
    return true;
  }

  async close(): Promise<void> {
    await closeWriter(this.#writer);
  }

  #bodies(unit: MediaUnit, publication: Publication | undefined): readonly FlvBody[] {
    if (unit.payload.format !== "flv" && this.#publication !== publication) {
      this.#publication = publication;
      this.#remuxer = new FlvRemuxer({ multitrack: this.#multitrack, onLoss: this.#onLoss });
      this.#remuxer.setTracks(publication?.tracks ?? []);
    }
    const bodies = this.#remuxer.remux(unit).flatMap((flv) => this.#taken(flv));
    const { unsupported } = this.#remuxer;
    if (unsupported.length > 0) {
      tellLeftOut(publication, { format: "rtmp", tracks: unsupported, log: this.#log });
    }
    return bodies;
  }

  #taken(flv: FlvBody): FlvBody[] {
    if (this.#multitrack || flv.kind === "data") return [flv];
    try {
      const body = flv.kind === "video" ? plainVideoBody(flv.body) : plainAudioBody(flv.body);
      return body === undefined ? [] : [{ ...flv, body }];
    } catch (error) {
      if (error instanceof FlvError) return [flv];
      throw error;
    }
  }
}
