import type { Clock } from "../../../hub/mod.ts";
import { isRtcp, type SrtpJob, srtpProfile, SrtpReceiver, SrtpSender } from "../../../rtp/mod.ts";
import type { DatagramPeer } from "../../../transport/mod.ts";
import {
  DtlsClient,
  type DtlsOptions,
  DtlsServer,
  type DtlsSide,
  isDtls,
  isStunAuthentic,
  stunAnswer,
  type StunRequest,
} from "../../../webrtc/mod.ts";

/** A session that does not come to be connected ends after this, milliseconds. */
const SETUP_MS = 10_000;

/**
 * Without a sign of the peer a session ends after this, milliseconds: agents ask for consent each 5 s (RFC 7675, 5.1),
 * and players report each second.
 */
const SILENT_MS = 20_000;

/** Ways that a peer may have at one time: one for each pair of addresses that it tries. */
const MAX_WAYS = 16;

/** The ways to protect RTP, the fastest first: see `bench/srtp_bench.ts`. */
const PROFILES = [
  srtpProfile("AES_CM_128_HMAC_SHA1_80"),
  srtpProfile("AEAD_AES_128_GCM"),
  srtpProfile("AEAD_AES_256_GCM"),
];

/** A name fragment and a password of ICE (RFC 8445, 5.3). */
export interface IceCredentials {
  readonly fragment: string;
  readonly password: string;
}

/** Where the datagrams of a link go and come from. */
export interface LinkPort {
  /** Its number. */
  readonly port: number;
  /** Sends one datagram. */
  send(bytes: Uint8Array, peer: DatagramPeer): Promise<void>;
  /**
   * Sends datagrams in order: browsers ask again for what has not come before its followers. `undefined` where all have
   * left already. Neither run nor peer changes after.
   */
  sendRun(run: readonly Uint8Array[], peer: DatagramPeer): Promise<void> | undefined;
  /** Has datagrams of a peer brought to the link. */
  admit(peer: DatagramPeer, link: WebRtcLink): void;
  /** Has no more of them brought. */
  dismiss(peer: DatagramPeer): void;
}

/** A packet that is to be sent, and how its header is to be changed. */
export type LinkJob = Omit<SrtpJob, "target" | "at">;

/** A way to the peer: its address, and the port of this side. */
interface Way {
  readonly peer: DatagramPeer;
  readonly port: LinkPort;
}

/** Who uses a link. */
export interface LinkOwner {
  /** Media may flow. */
  connected(): void;
  /** An RTP packet has come. */
  takeRtp(packet: Uint8Array): void;
  /** A compound RTCP packet has come. */
  takeRtcp(packet: Uint8Array): void;
  /** It is over, and not by its owner; `reason` is for log and hooks. */
  ended(end: { readonly reason: string; readonly message: string }): void;
}

/** What a link is made of. */
export interface WebRtcLinkOptions extends Pick<DtlsOptions, "identity" | "fingerprints"> {
  /** Whether the peer waits for this side to begin DTLS. */
  readonly beginsDtls: boolean;
  /** Address of the client that has asked for the session, by HTTP. */
  readonly remoteAddress: string;
  readonly credentials: IceCredentials;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
}

/**
 * The transport of one session of WebRTC: ICE's lite side, DTLS, and the protection of its packets. The peer finds the
 * way, and proves by its password that it is there, before anything else of it is looked at.
 */
export class WebRtcLink {
  /** Set by its owner. */
  owner: LinkOwner | undefined;
  /** Address of the client that has asked for the session, by HTTP. */
  readonly remoteAddress: string;
  readonly #clock: Clock;
  readonly #dtls: DtlsSide;
  /** Passwords by name fragment: two while ICE restarts. */
  readonly #passwords = new Map<string, string>();
  readonly #ways = new Map<string, Way>();
  /** The way that the peer uses. */
  #way: Way | undefined;
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;
  readonly #openedMs: number;
  #heardMs: number;
  #isOver = false;

  /** Waits for the peer. */
  constructor(options: WebRtcLinkOptions) {
    this.remoteAddress = options.remoteAddress;
    this.#clock = options.clock;
    const dtls = { ...options, srtpProfiles: PROFILES };
    this.#dtls = options.beginsDtls ? new DtlsClient(dtls) : new DtlsServer(dtls);
    this.#passwords.set(options.credentials.fragment, options.credentials.password);
    this.#openedMs = this.#heardMs = options.clock.now();
  }

  /** Whether media may flow. */
  get isConnected(): boolean {
    return this.#sender !== undefined && !this.#isOver;
  }

  /** Its name fragments: by these requests of its peer are known. */
  get fragments(): Iterable<string> {
    return this.#passwords.keys();
  }

  /** Packets of the peer that were not authentic, or had come before. */
  get rejected(): number {
    const { rejected = 0, replayed = 0 } = this.#receiver?.stats ?? {};
    return rejected + replayed;
  }

  /** ICE begins anew with these: those before are good until then, and no longer than one more time. */
  renew({ fragment, password }: IceCredentials): string | undefined {
    this.#passwords.set(fragment, password);
    if (this.#passwords.size <= 2) return undefined;
    const [oldest] = this.#passwords.keys();
    this.#passwords.delete(oldest!);
    return oldest;
  }

  /** Takes a request of ICE by one of its name fragments; false where it is not authentic. */
  takeStun(request: StunRequest, way: Way): boolean {
    const password = this.#passwords.get(request.username.split(":")[0]!);
    if (this.#isOver || password === undefined || !isStunAuthentic(request, password)) return false;
    this.#heardMs = this.#clock.now();
    this.#admit(way);
    if (request.isNominating || this.#way === undefined) this.#way = way;
    void way.port.send(stunAnswer(request, { ...way.peer, password }), way.peer);
    this.#dtls.start(this.#heardMs);
    this.#flush();
    return true;
  }

  /** Takes a datagram of a way that was proved. */
  take(datagram: Uint8Array): void {
    if (this.#isOver) return;
    if (isDtls(datagram)) return this.#takeDtls(datagram);
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    const isControl = isRtcp(datagram) || (datagram.length > 1 && isFeedback(datagram[1]!));
    const packet = isControl ? receiver.unprotectRtcp(datagram) : receiver.unprotect(datagram);
    if (packet === undefined) return;
    this.#heardMs = this.#clock.now();
    if (isControl) this.owner?.takeRtcp(packet);
    else this.owner?.takeRtp(packet);
  }

  /**
   * Protects and sends packets, all at once; resolves when they are on their way, with their bytes. Nothing where it is
   * not connected.
   */
  async sendRtp(jobs: readonly LinkJob[]): Promise<number> {
    const sender = this.#sender;
    if (sender === undefined || this.#way === undefined || this.#isOver) return 0;
    const { port, peer } = this.#way;
    let size = 0;
    for (const { packet } of jobs) size += packet.length + sender.overhead;
    const target = new Uint8Array(size);
    let at = 0;
    const placed = jobs.map((job): SrtpJob => {
      const one = { ...job, target, at };
      at += job.packet.length + sender.overhead;
      return one;
    });
    sender.run(placed);
    const run = placed.map(({ at, packet }) =>
      target.subarray(at, at + packet.length + sender.overhead)
    );
    const leaving = port.sendRun(run, peer);
    if (leaving !== undefined) await leaving;
    return size;
  }

  /** Protects and sends a compound RTCP packet. */
  sendRtcp(packet: Uint8Array): void {
    if (this.#sender === undefined || this.#way === undefined || this.#isOver) return;
    const { port, peer } = this.#way;
    void port.send(this.#sender.protectRtcp(packet), peer);
  }

  /** Passes time on. */
  tick(): void {
    if (this.#isOver) return;
    const now = this.#clock.now();
    this.#dtls.tick(now);
    this.#flush();
    if (!this.isConnected && now - this.#openedMs >= SETUP_MS) {
      const message = this.#way === undefined
        ? `The client has not reached the UDP port in ${SETUP_MS} ms`
        : `The DTLS handshake was not finished in ${SETUP_MS} ms`;
      this.#end({ reason: "setup-timeout", message });
    } else if (now - this.#heardMs >= SILENT_MS) {
      this.#end({ reason: "idle-timeout", message: `No sign of the client for ${SILENT_MS} ms` });
    }
  }

  /** Ends it, which is not connected yet, since its address has begun more than others can wait for. */
  giveUp(): void {
    if (this.#isOver) return;
    const message = "The address has begun too many sessions that are not connected yet";
    this.#end({ reason: "too-many", message });
  }

  /** Tells the peer that it is over, and gives up what it holds; harmless when repeated. */
  close(): void {
    if (this.#isOver) return;
    this.#dtls.close();
    this.#flush();
    this.#isOver = true;
    for (const { port, peer } of this.#ways.values()) port.dismiss(peer);
    this.#ways.clear();
  }

  #takeDtls(datagram: Uint8Array): void {
    this.#dtls.receive(datagram, this.#clock.now());
    this.#flush();
    if (this.#dtls.isClosed) {
      const isFarewell = this.isConnected;
      return this.#end({
        reason: isFarewell ? "closed" : "dtls",
        message: this.#dtls.reason,
      });
    }
    const { keys } = this.#dtls;
    if (keys === undefined || this.#sender !== undefined) return;
    this.#heardMs = this.#clock.now();
    this.#sender = new SrtpSender(keys.local);
    this.#receiver = new SrtpReceiver(keys.remote);
    this.owner?.connected();
  }

  #flush(): void {
    const way = this.#way;
    for (const datagram of this.#dtls.takeOutput()) void way?.port.send(datagram, way.peer);
  }

  #admit(way: Way): void {
    const key = `${way.peer.hostname}|${way.peer.port}|${way.port.port}`;
    if (this.#ways.has(key)) return;
    if (this.#ways.size >= MAX_WAYS) this.#dismissOldest();
    this.#ways.set(key, way);
    way.port.admit(way.peer, this);
  }

  #dismissOldest(): void {
    for (const [key, way] of this.#ways) {
      if (way === this.#way) continue;
      this.#ways.delete(key);
      return way.port.dismiss(way.peer);
    }
  }

  #end(end: { readonly reason: string; readonly message: string }): void {
    this.close();
    this.owner?.ended(end);
  }
}

/** Feedback and extended reports, which share a port with RTP (RFC 5761, 4). */
function isFeedback(type: number): boolean {
  return type >= 205 && type <= 207;
}
