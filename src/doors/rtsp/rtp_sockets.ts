import {
  bindDatagramPair,
  canReach,
  type DatagramPeer,
  type DatagramSocket,
} from "../../transport/mod.ts";

/** Takes one datagram of a registered peer. */
export type DatagramHandler = (bytes: Uint8Array) => void;

/**
 * The server's RTP and RTCP sockets: one pair for all sessions. A datagram counts only when it comes
 * from the address and port that a session has registered.
 */
export class RtpSockets {
  /** Datagrams of strangers, dropped. */
  strangers = 0;
  /** Takes RTCP of peers that are not registered, instead. */
  onStrangeRtcp: ((bytes: Uint8Array, peer: DatagramPeer) => void) | undefined;
  readonly #sockets: readonly [rtp: DatagramSocket, rtcp: DatagramSocket];
  readonly #handlers: readonly [Map<string, DatagramHandler>, Map<string, DatagramHandler>] = [
    new Map(),
    new Map(),
  ];
  readonly #receiving: Promise<unknown>;

  private constructor(sockets: readonly [DatagramSocket, DatagramSocket]) {
    this.#sockets = sockets;
    this.#receiving = Promise.all(sockets.map((socket, index) =>
      socket.receive((bytes, peer) => {
        const handler = this.#handlers[index]!.get(keyOf(peer));
        if (handler !== undefined) handler(bytes);
        else if (index === 1 && this.onStrangeRtcp !== undefined) this.onStrangeRtcp(bytes, peer);
        else this.strangers++;
      })
    ));
  }

  /**
   * Binds the pair: `port` and the next one, or a free pair for port 0.
   *
   * @throws {RangeError} if the port is odd (RFC 3550, 11)
   */
  static async bind(address: DatagramPeer): Promise<RtpSockets> {
    const { rtp, rtcp } = await bindDatagramPair(address);
    return new RtpSockets([rtp, rtcp]);
  }

  /** Address that they are bound to. */
  get hostname(): string {
    return this.#sockets[0].hostname;
  }

  /** Ports of RTP and RTCP. */
  get ports(): readonly [number, number] {
    return [this.#sockets[0].port, this.#sockets[1].port];
  }

  /** Whether these sockets are of the address family of a client; those on `::` are of both. */
  canReach(address: string): boolean {
    return canReach(this.#sockets[0].hostname, address);
  }

  /** Has datagrams of `peer` handled: RTP, or with `rtcp` RTCP. */
  register(peer: DatagramPeer, options: { rtcp: boolean; handler: DatagramHandler }): void {
    this.#handlers[options.rtcp ? 1 : 0].set(keyOf(peer), options.handler);
  }

  /** Forgets `peer`. */
  unregister(peer: DatagramPeer): void {
    for (const handlers of this.#handlers) handlers.delete(keyOf(peer));
  }

  /** Sends one datagram from the RTP port, or with `rtcp` from the RTCP port. */
  send(
    bytes: Uint8Array,
    options: { readonly peer: DatagramPeer; readonly rtcp: boolean },
  ): Promise<void> {
    return this.#sockets[options.rtcp ? 1 : 0].send(bytes, options.peer);
  }

  /** Sends datagrams of one peer, in order: see {@linkcode DatagramSocket.sendRun}. */
  sendRun(
    packets: readonly Uint8Array[],
    options: { readonly peer: DatagramPeer; readonly rtcp: boolean },
  ): Promise<void> | undefined {
    return this.#sockets[options.rtcp ? 1 : 0].sendRun(packets, options.peer);
  }

  /**
   * Makes ready to send to multicast groups. Throws what the system says where there is no way to
   * `group`.
   */
  async openMulticast(group: DatagramPeer, ttl: number): Promise<void> {
    for (const socket of this.#sockets) await socket.openMulticast(group, ttl);
  }

  /** Frees the ports. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await this.#receiving;
  }
}

function keyOf(peer: DatagramPeer): string {
  return `${peer.hostname}|${peer.port}`;
}
