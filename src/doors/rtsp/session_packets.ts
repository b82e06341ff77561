import type { RtspServerSession } from "../../rtsp/mod.ts";
import type { DatagramPeer } from "../../transport/mod.ts";
import type { RtspCarrier } from "./media_session.ts";
import type { DatagramHandler } from "./rtp_sockets.ts";
import type { RtspDatagrams } from "./rtsp_datagrams.ts";
import { protectionOf } from "./session_protection.ts";

/** Packets and their bytes, counted up. */
export interface Traffic {
  packets: number;
  bytes: number;
}

/** Counts a packet. */
export function count(traffic: Traffic, packet: Uint8Array): void {
  traffic.packets++;
  traffic.bytes += packet.length;
}

/** What one session sends beside the media of its player, and the datagrams that are for it. */
export class SessionPackets {
  /** What was sent. */
  readonly sent: Traffic = { packets: 0, bytes: 0 };
  readonly #session: RtspServerSession;
  readonly #datagrams: RtspDatagrams;
  readonly #carrier: RtspCarrier;
  readonly #peers: DatagramPeer[] = [];

  /** Receives nothing until `listen`. */
  constructor(
    session: RtspServerSession,
    options: { readonly datagrams: RtspDatagrams; readonly carrier: RtspCarrier },
  ) {
    this.#session = session;
    this.#datagrams = options.datagrams;
    this.#carrier = options.carrier;
  }

  /** Whether datagrams of the client are received. */
  get isListening(): boolean {
    return this.#peers.length > 0;
  }

  /** Has the datagrams from a port of the client handled: RTP, or with `rtcp` RTCP. */
  listen(port: number, options: { rtcp: boolean; handler: DatagramHandler }): void {
    const peer = { hostname: this.#session.address, port };
    this.#datagrams.sockets?.register(peer, options);
    this.#peers.push(peer);
  }

  /** Sends a datagram to a port of the client. */
  knock(plain: Uint8Array, to: { readonly port: number; readonly rtcp: boolean }): void {
    const { port, rtcp } = to;
    const packet = protectionOf(this.#session)?.protect(plain, { rtcp }) ?? plain;
    count(this.sent, packet);
    const peer = { hostname: this.#session.address, port };
    void this.#datagrams.sockets?.send(packet, { peer, rtcp });
  }

  /** Sends RTCP about a track, the way that its packets take. */
  sendRtcp(plain: Uint8Array, track: number): void {
    const { tracks } = this.#session;
    const transport = tracks.find((candidate) => candidate.track === track)?.transport;
    if (transport?.kind === "udp") {
      return this.knock(plain, { port: transport.clientPorts[1], rtcp: true });
    }
    const packet = protectionOf(this.#session)?.protect(plain, { rtcp: true }) ?? plain;
    count(this.sent, packet);
    if (transport?.kind === "multicast") {
      const peer = { hostname: transport.address, port: transport.ports[1] };
      void this.#datagrams.multicast?.sockets.send(packet, { peer, rtcp: true });
    } else if (transport?.kind === "tcp") {
      const frame = new Uint8Array(4 + packet.length);
      frame.set([0x24, transport.channels[1], packet.length >> 8, packet.length & 0xff]);
      frame.set(packet, 4);
      this.#carrier.outbox.send([frame]);
    }
  }

  /** What a packet that came for a track holds; `undefined` where it is protected and not authentic. */
  open(
    packet: Uint8Array,
    of: { readonly track: number; readonly rtcp: boolean },
  ): Uint8Array | undefined {
    const protection = protectionOf(this.#session);
    return protection === undefined ? packet : protection.unprotect(packet, of);
  }

  /** Receives nothing more. */
  close(): void {
    for (const peer of this.#peers) this.#datagrams.sockets?.unregister(peer);
    this.#peers.length = 0;
  }
}
