/**
 * The one place that names the packages which speak to NATS. They are loaded by a server that is one machine of a
 * cluster, so that others need none.
 *
 * @module
 */
import type * as JetStream from "npm:@nats-io/jetstream@3.4.0";
import type * as Kv from "npm:@nats-io/kv@3.4.0";
import type * as Transport from "npm:@nats-io/transport-node@3.4.0";

/** A connection to NATS servers. */
export type NatsConnection = Transport.NatsConnection;

/** A bucket of keys and values. */
export type KeyValueBucket = Kv.KV;

/** What the packages export, as far as it is used. */
export interface NatsPackages {
  readonly connect: typeof Transport.connect;
  readonly jetstream: typeof JetStream.jetstream;
  readonly JetStreamApiError: typeof JetStream.JetStreamApiError;
  readonly Kvm: typeof Kv.Kvm;
}

/** Not literals where they are imported: Deno would download the packages before it starts, used or not. */
const TRANSPORT = "npm:@nats-io/transport-node@3.4.0";
const JETSTREAM = "npm:@nats-io/jetstream@3.4.0";
const KV = "npm:@nats-io/kv@3.4.0";

/**
 * Loads the packages.
 *
 * @throws {TypeError} if they are neither in the cache nor to be downloaded
 */
export async function loadNats(): Promise<NatsPackages> {
  const { connect } = await import(TRANSPORT) as typeof Transport;
  const { jetstream, JetStreamApiError } = await import(JETSTREAM) as typeof JetStream;
  const { Kvm } = await import(KV) as typeof Kv;
  return { connect, jetstream, JetStreamApiError, Kvm };
}
