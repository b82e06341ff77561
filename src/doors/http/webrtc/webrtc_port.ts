import { bindDatagram, type DatagramPeer, type DatagramSocket } from "../../../transport/mod.ts";
import { isStun, parseStunRequest } from "../../../webrtc/mod.ts";
import type { LinkPort, WebRtcLink } from "./webrtc_link.ts";

/**
 * A UDP port of sessions of WebRTC: of all, where it is the only one. A datagram counts only where it is a request of ICE by who knows a
 * session's password, or comes from an address that has made such a request.
 */
export class WebRtcPort implements LinkPort {
  /** Datagrams of strangers, dropped. */
  strangers = 0;
  readonly #socket: DatagramSocket;
  readonly #links = new Map<string, WebRtcLink>();
  readonly #peers = new Map<string, WebRtcLink>();
  readonly #receiving: Promise<void>;

  private constructor(socket: DatagramSocket) {
    this.#socket = socket;
    this.#receiving = socket.receive((bytes, peer) => this.#take(bytes, peer));
  }

  /** Binds the port. Throws what the system says. */
  static async bind(address: DatagramPeer): Promise<WebRtcPort> {
    return new WebRtcPort(await bindDatagram(address));
  }

  /** Address that it is bound to. */
  get hostname(): string {
    return this.#socket.hostname;
  }

  /** Its number. */
  get port(): number {
    return this.#socket.port;
  }

  /** How many sessions it has. */
  get size(): number {
    return this.#links.size;
  }

  /** Has requests of ICE by a name fragment brought to a link. */
  add(fragment: string, link: WebRtcLink): void {
    this.#links.set(fragment, link);
  }

  /** Has no more of them brought. */
  remove(fragment: string): void {
    this.#links.delete(fragment);
  }

  admit(peer: DatagramPeer, link: WebRtcLink): void {
    this.#peers.set(keyOf(peer), link);
  }

  dismiss(peer: DatagramPeer): void {
    this.#peers.delete(keyOf(peer));
  }

  send(bytes: Uint8Array, peer: DatagramPeer): Promise<void> {
    return this.#socket.send(bytes, peer);
  }

  sendRun(run: readonly Uint8Array[], peer: DatagramPeer): Promise<void> | undefined {
    return this.#socket.sendRun(run, peer);
  }

  /** Frees the port. */
  async close(): Promise<void> {
    this.#socket.close();
    await this.#receiving;
  }

  #take(bytes: Uint8Array, peer: DatagramPeer): void {
    if (!isStun(bytes)) {
      const link = this.#peers.get(keyOf(peer));
      if (link === undefined) this.strangers++;
      else link.take(bytes);
      return;
    }
    const request = parseStunRequest(bytes);
    const link = request && this.#links.get(request.username.split(":")[0]!);
    if (request === undefined || link?.takeStun(request, { peer, port: this }) !== true) {
      this.strangers++;
    }
  }
}

function keyOf({ hostname, port }: DatagramPeer): string {
  return `${hostname}|${port}`;
}
