import { RtmpClient, type RtmpMedia, type RtmpPublication } from "../client/mod.ts";
import type { Publication } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { parseRtmpUrl } from "../rtmp/mod.ts";
import { type FlvBody, FlvRemuxer } from "../transmux/mod.ts";
import { formatAddress } from "../transport/mod.ts";
import { tellLeftOut } from "../wire/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import {
  closeWriter,
  type RelayConnection,
  type RelayDriver,
  type RelayedUnit,
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
  const { url, client = {} } = options;
  const parsed = parseRtmpUrl(url);
  const { scheme, app, key } = parsed;
  const address = { hostname: parsed.host, port: parsed.port };
  return {
    protocol: "rtmp",
    target: `${scheme}://${formatAddress(address)}/${app.split("?", 1)[0]}`,
    address,
    // The key is what most services know their publishers by.
    secrets: secretsOf(parsed, app, key, `=${key.split("?", 1)[0]}`),
    connect: async (signal) => new RtmpRelayConnection(await connect(url, { ...client, signal })),
  };
}

const connect = RtmpClient.connect.bind(RtmpClient);

class RtmpRelayConnection implements RelayConnection {
  readonly #client: RtmpClient;

  constructor(client: RtmpClient) {
    this.#client = client;
  }

  async play(signal: AbortSignal): Promise<RelaySource> {
    return { units: await this.#client.play(undefined, { signal }), tracks: undefined };
  }

  async publish(
    _: unknown,
    { log, signal }: { readonly log: ServerLog; readonly signal: AbortSignal },
  ): Promise<RelaySink> {
    return new RtmpRelaySink(await this.#client.publish(undefined, { signal }), log);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** Sends units as the bodies of FLV: those of RTMP publishers untouched. */
class RtmpRelaySink implements RelaySink {
  readonly ended: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<RtmpMedia>;
  readonly #log: ServerLog;
  #remuxer = new FlvRemuxer();
  #publication: Publication | undefined;

  constructor(remote: RtmpPublication, log: ServerLog) {
    this.#log = log;
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
      this.#remuxer = new FlvRemuxer();
      this.#remuxer.setTracks(publication?.tracks ?? []);
    }
    const bodies = this.#remuxer.remux(unit);
    const { unsupported } = this.#remuxer;
    if (unsupported.length > 0) {
      tellLeftOut(publication, { format: "rtmp", tracks: unsupported, log: this.#log });
    }
    return bodies;
  }
}
