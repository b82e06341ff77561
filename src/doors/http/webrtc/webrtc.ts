import { generateKeyPairSync } from "node:crypto";
import { lookup } from "node:dns/promises";
import {
  canReach,
  explainListenErrors,
  isLoopback,
  type ListenAddress,
  ServerError,
} from "../../../transport/mod.ts";
import { type DtlsIdentity, selfSignedIdentity, type WebRtcOffer } from "../../../webrtc/mod.ts";
import { boundedAddress } from "../../../gate/mod.ts";
import type { Clock } from "../../../hub/mod.ts";
import { type IceCredentials, WebRtcLink } from "./webrtc_link.ts";
import { WebRtcPort } from "./webrtc_port.ts";

/** Options of WebRTC. */
export interface WebRtcOptions {
  /** The UDP port of all sessions, or the first. */
  readonly address: ListenAddress;
  /** How many ports there are, from that one on. Default 1. */
  readonly ports?: number;
  /** Hexadecimal digits that the ids of this part's sessions begin with, so that others know whose they are. */
  readonly idPrefix?: string;
}

/** What the door adds to the options. */
export interface WebRtcReach {
  /**
   * Addresses or names at which clients reach that port, where it is not the host that their requests are for: behind a
   * proxy, or where addresses are translated. It is asked with each session.
   */
  readonly hosts: () => readonly string[] | undefined;
}

/** Sessions that are not connected yet; each goes after 10 s. */
const MOST_UNCONNECTED = 200;

/** Addresses that an answer tells. */
const MOST_CANDIDATES = 8;

/** A certificate is made with the first session, and lasts as long as the server does. */
const VALID_MS = 10 * 365 * 86_400_000;

/** What all sessions of WebRTC share: the UDP ports and the certificate. */
export class WebRtc {
  readonly #options: WebRtcOptions & WebRtcReach;
  /** Each session, and the port that it was given. */
  readonly #links = new Map<WebRtcLink, WebRtcPort>();
  /** Further ports, for clients of this machine, by the address. */
  readonly #own = new Map<string, Promise<WebRtcPort>>();
  #ports: Promise<readonly WebRtcPort[]> | undefined;
  #identity: DtlsIdentity | undefined;
  #isClosed = false;

  /** Opens nothing yet. */
  constructor(options: WebRtcOptions & WebRtcReach) {
    this.#options = options;
  }

  /**
   * Binds the ports, once; resolves with the first.
   *
   * @throws {ServerError} `address-in-use` or `address-not-available`
   */
  async open(): Promise<WebRtcPort> {
    return (await this.#opened())[0]!;
  }

  async #opened(): Promise<readonly WebRtcPort[]> {
    if (this.#isClosed) {
      throw new ServerError("state", "Cannot use WebRTC as the server has stopped");
    }
    const { address, ports = 1 } = this.#options;
    this.#ports ??= bindAll(address, ports);
    try {
      return await this.#ports;
    } catch (error) {
      this.#ports = undefined;
      throw error;
    }
  }

  /** What the ids of sessions begin with. */
  get idPrefix(): string {
    return this.#options.idPrefix ?? "";
  }

  /** How many ports there are. */
  get portCount(): number {
    return this.#options.ports ?? 1;
  }

  /**
   * Whether a further session may begin for a client: those that are not connected yet are bounded. Where there are as
   * many as may be, the address that has the most of them loses its oldest, unless the client would then have as many.
   */
  makeRoom(remoteAddress: string): boolean {
    const unconnected = [...this.#links.keys()].filter(({ isConnected }) => !isConnected);
    if (unconnected.length < MOST_UNCONNECTED) return true;
    const byAddress = Map.groupBy(unconnected, (link) => boundedAddress(link.remoteAddress));
    const most = byAddress.values().reduce((one, other) => other.length > one.length ? other : one);
    const own = byAddress.get(boundedAddress(remoteAddress))?.length ?? 0;
    // One that nobody owns yet is being begun.
    const oldest = most.find(({ owner }) => owner !== undefined);
    if (oldest === undefined || most.length <= own + 1) return false;
    oldest.giveUp();
    return true;
  }

  /** The certificate's fingerprint. */
  get fingerprint(): DtlsIdentity["fingerprint"] {
    return this.#known.fingerprint;
  }

  /** Begins the transport of a session. */
  async link(
    offer: WebRtcOffer,
    { remoteAddress, clock }: { readonly remoteAddress: string; readonly clock: Clock },
  ): Promise<{ readonly link: WebRtcLink; readonly credentials: IceCredentials }> {
    const credentials = newCredentials();
    const link = new WebRtcLink({
      identity: this.#known,
      fingerprints: offer.fingerprints,
      beginsDtls: offer.waitsForDtls,
      remoteAddress,
      credentials,
      clock,
      random,
    });
    const [first, ...others] = await this.#opened();
    const port = others.reduce((least, one) => one.size < least.size ? one : least, first!);
    this.#links.set(link, port);
    for (const one of await this.#portsOf(link)) one.add(credentials.fragment, link);
    return { link, credentials };
  }

  /** ICE begins anew for a session; returns its new credentials. */
  async renew(link: WebRtcLink): Promise<IceCredentials> {
    const credentials = newCredentials();
    const given = link.renew(credentials);
    for (const port of await this.#portsOf(link)) {
      if (given !== undefined) port.remove(given);
      port.add(credentials.fragment, link);
    }
    return credentials;
  }

  /** Ends the transport of a session; harmless when repeated. */
  async release(link: WebRtcLink): Promise<void> {
    link.close();
    const ports = await this.#portsOf(link);
    this.#links.delete(link);
    for (const port of ports) {
      for (const fragment of link.fragments) port.remove(fragment);
    }
  }

  /** Where a client at `remoteAddress`, whose request is for `host`, reaches its session. */
  async candidates(
    link: WebRtcLink,
    { host, remoteAddress }: { readonly host: string; readonly remoteAddress: string },
  ): Promise<{ readonly hostname: string; readonly port: number }[]> {
    const { hostname, port } = this.#links.get(link) ?? await this.open();
    const isAny = hostname === "0.0.0.0" || hostname === "::";
    const hosts = this.#options.hosts() ?? [isAny ? host : hostname];
    const found = new Set<string>();
    for (const one of hosts) for (const address of await addressesOf(one)) found.add(address);
    const reachable = [...found].filter((address) => canReach(hostname, address))
      .slice(0, MOST_CANDIDATES);
    return await Promise.all(reachable.map(async (address) => {
      const isOwn = isAny && isLoopback(address) && isLoopback(remoteAddress);
      return { hostname: address, port: isOwn ? await this.#ownPort(link, address) : port };
    }));
  }

  /**
   * The port for clients of this machine that have asked for `localhost`. A browser sends from an address of its network
   * even to there, and what a socket of all addresses answers then comes from that network, where it is not expected: so
   * these have a socket of that one address.
   */
  async #ownPort(link: WebRtcLink, address: string): Promise<number> {
    let port = this.#own.get(address);
    if (port === undefined) {
      this.#own.set(address, port = bind({ hostname: address, port: 0 }));
      port.catch(() => this.#own.delete(address));
    }
    const bound = await port;
    if (this.#links.has(link)) { for (const fragment of link.fragments) bound.add(fragment, link); }
    return bound.port;
  }

  async #portsOf(link: WebRtcLink): Promise<WebRtcPort[]> {
    const port = this.#links.get(link);
    return [...(port === undefined ? [] : [port]), ...await Promise.all(this.#own.values())];
  }

  /** Frees the ports. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const link of this.#links.keys()) link.close();
    this.#links.clear();
    const ports = await this.#ports?.catch(() => []) ?? [];
    for (const port of [...ports, ...this.#own.values()]) await (await port).close();
    this.#own.clear();
  }

  get #known(): DtlsIdentity {
    const now = Date.now();
    this.#identity ??= selfSignedIdentity({
      ...generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
      serial: random(8),
      notBefore: new Date(now - 86_400_000),
      notAfter: new Date(now + VALID_MS),
    });
    return this.#identity;
  }
}

/** Random bytes fit for secrets. */
export function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** At least 24 bits of fragment and 128 of password (RFC 8445, 5.3), in letters that ICE allows. */
function newCredentials(): IceCredentials {
  return { fragment: random(6).toHex(), password: random(16).toHex() };
}

/** Binds so many ports, all or none. */
async function bindAll(
  { port, ...address }: ListenAddress,
  count: number,
): Promise<readonly WebRtcPort[]> {
  const bound: WebRtcPort[] = [];
  try {
    for (let at = 0; at < count; at++) {
      // Port 0 is any that is free, for each.
      bound.push(await bind({ ...address, port: port === 0 ? 0 : port + at }));
    }
    return bound;
  } catch (error) {
    for (const one of bound) await one.close();
    throw error;
  }
}

function bind({ hostname = "0.0.0.0", port }: ListenAddress): Promise<WebRtcPort> {
  const address = { hostname, port };
  return explainListenErrors("webrtc", address, () => WebRtcPort.bind(address));
}

async function addressesOf(host: string): Promise<string[]> {
  const plain = host.replace(/^\[(.*)\]$/, "$1");
  if (/^[\d.]+$/.test(plain) || plain.includes(":")) return [plain];
  try {
    return (await lookup(plain, { all: true })).map(({ address }) => address);
  } catch {
    // A name that this machine does not know leads nowhere from here.
    return [];
  }
}
