import type { SdpMedia } from "../sdp/mod.ts";
import { RtspError, type RtspTransport } from "../rtsp/mod.ts";
import {
  bindDatagramPair,
  type DatagramPair,
  type DatagramPeer,
  type DatagramSocket,
  plainAddress,
} from "../transport/mod.ts";
import { LinkProtection } from "./link_protection.ts";
import type { RtspClientConnection, RtspRequestOptions } from "./rtsp_client_connection.ts";

/** The carrier of media: datagrams, or the RTSP connection. */
export type RtspLinkProtocol = "udp" | "tcp";

/** A packet that has come. */
export interface RtspLinkPacket {
  /** RTP or RTCP packet. */
  readonly bytes: Uint8Array;
  /** Whether it is RTCP. */
  readonly rtcp: boolean;
}

/** The way of one track's packets. */
export interface RtspLink {
  /** The protocol that carries them. */
  readonly protocol: RtspLinkProtocol;
  /** Sends a packet; resolves when there is room for the next. */
  send(bytes: Uint8Array, options: { readonly rtcp: boolean }): Promise<void> | undefined;
  /** Frees what it holds. */
  close(): void;
}

/** A track that is to be set up. */
export interface RtspLinkRequest {
  /** Its media section. */
  readonly media: SdpMedia;
  /** Whether it is the back channel: this side sends it in a session that plays. */
  readonly isBackChannel?: boolean;
  /** Takes its packets. */
  readonly receive: (packet: RtspLinkPacket) => void;
}

/** Options of {@linkcode setUpLinks}. */
export interface RtspLinkOptions extends RtspRequestOptions {
  /** The protocols to try, in order. */
  readonly protocols: readonly RtspLinkProtocol[];
  /** Which way media flows. */
  readonly mode: "play" | "record";
  /** Whether the connection is encrypted: only then keys can be told by it, and plain datagrams are not taken. */
  readonly isEncrypted: boolean;
}

/**
 * Sets tracks up over the first of the protocols that the server takes, all over the same one: servers
 * refuse sessions of both.
 *
 * @throws {RtspError} (rejects) `unsupported-transport` if it takes none, and what else it refused with
 */
export async function setUpLinks(
  connection: RtspClientConnection,
  requests: readonly RtspLinkRequest[],
  options: RtspLinkOptions,
): Promise<RtspLink[]> {
  const { protocols, mode } = options;
  for (const [attempt, protocol] of protocols.entries()) {
    const links: RtspLink[] = [];
    try {
      for (const [index, request] of requests.entries()) {
        links.push(await setUpLink(connection, request, { ...options, protocol, index }));
      }
      return links;
    } catch (error) {
      for (const link of links) link.close();
      if (attempt === protocols.length - 1 || !isUnsupported(error)) throw error;
      if (links.length === 0 && mode === "record") continue;
      if (connection.sessionId === undefined) continue;
      // After an ANNOUNCE there is no second beginning.
      if (mode === "record") throw error;
      await connection.ask("done", (session) => session.teardown(), options);
    }
  }
  throw new TypeError("Cannot set tracks up as there is no protocol to try");
}

/** A program without the permission for UDP can still play over its connection. */
function isUnsupported(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable ||
    error instanceof RtspError && error.code === "unsupported-transport";
}

interface OneLinkOptions extends RtspLinkOptions {
  readonly protocol: RtspLinkProtocol;
  readonly index: number;
}

async function setUpLink(
  connection: RtspClientConnection,
  request: RtspLinkRequest,
  options: OneLinkOptions,
): Promise<RtspLink> {
  const profile = profileOf(request.media, options);
  const protection = profile === "SAVP"
    ? new LinkProtection(request.media, { mode: options.mode })
    : undefined;
  const offer: RtspTransport = {
    protocol: options.protocol,
    profile,
    delivery: "unicast",
    ...(options.mode === "record" ? { mode: "record" } : {}),
  };
  if (options.protocol === "tcp") {
    const channels = [options.index * 2, options.index * 2 + 1] as const;
    const reply = await ask({ ...offer, interleaved: channels });
    return protectedLink(
      protection,
      request,
      (receiving) =>
        new TcpLink(connection, { ...receiving, channels: reply.interleaved ?? channels }),
    );
  }
  const { localAddress, remoteAddress } = connection.transport;
  const pair = await bindDatagramPair({
    hostname: localAddress ?? (remoteAddress.includes(":") ? "::" : "0.0.0.0"),
    port: 0,
  });
  try {
    const reply = await ask({ ...offer, clientPort: [pair.rtp.port, pair.rtcp.port] });
    return protectedLink(
      protection,
      request,
      (receiving) => new UdpLink(pair, { ...receiving, remoteAddress, reply }),
    );
  } catch (error) {
    closePair(pair);
    throw error;
  }

  async function ask(transport: RtspTransport): Promise<RtspTransport> {
    const answer = await connection.ask(
      "set-up",
      (session) =>
        session.setup(request.media.control, [transport], {
          mikey: protection?.message,
          isBackChannel: request.isBackChannel,
        }),
      options,
    );
    protection?.expect(answer.keyMgmt);
    return checkReply(answer.transport, transport);
  }
}

/** The profile of a track: servers with AVPF tracks want to be asked for AVPF. */
function profileOf({ protocol }: SdpMedia, { isEncrypted, ...options }: OneLinkOptions): string {
  const profile = /\/(S?AVPF?)$/i.exec(protocol)?.[1]?.toUpperCase() ?? "AVP";
  const isProtected = profile.startsWith("S");
  const why = isProtected && !isEncrypted
    ? "The track is encrypted (SRTP), and the connection that would tell its key is not"
    : !isProtected && isEncrypted && options.protocol === "udp"
    ? "The track is not protected beside the encrypted connection"
    : undefined;
  if (why !== undefined) throw new RtspError("unsupported-transport", why, { status: 461 });
  return profile === "SAVPF" ? "SAVP" : profile;
}

/** A link whose packets are protected where they have to be. */
function protectedLink(
  protection: LinkProtection | undefined,
  request: RtspLinkRequest,
  open: (request: RtspLinkRequest) => RtspLink,
): RtspLink {
  if (protection === undefined) return open(request);
  const link = open({
    ...request,
    receive: ({ bytes, rtcp }) => {
      const plain = protection.unprotect(bytes, { rtcp });
      if (plain !== undefined) request.receive({ bytes: plain, rtcp });
    },
  });
  return {
    protocol: link.protocol,
    send: (bytes, options) => link.send(protection.protect(bytes, options), options),
    close: () => link.close(),
  };
}

/** Some servers answer with what they like better than what they were asked for. */
function checkReply(reply: RtspTransport, offer: RtspTransport): RtspTransport {
  if (reply.protocol === offer.protocol && reply.delivery !== "multicast") return reply;
  const answered = reply.delivery === "multicast" ? "multicast" : reply.protocol;
  const message = `The server answers with ${answered} where ${offer.protocol} was asked for`;
  throw new RtspError("unsupported-transport", message, { status: 461 });
}

/** Packets as interleaved frames of the RTSP connection. */
class TcpLink implements RtspLink {
  readonly protocol = "tcp";
  readonly #connection: RtspClientConnection;
  readonly #channels: readonly [rtp: number, rtcp: number];

  constructor(
    connection: RtspClientConnection,
    options: RtspLinkRequest & { readonly channels: readonly [number, number] },
  ) {
    const { channels, receive } = options;
    const [rtp, rtcp] = channels;
    if (rtp === rtcp || connection.hasChannel(rtp) || connection.hasChannel(rtcp)) {
      const message = `Channels ${rtp}-${rtcp} are in use already`;
      throw new RtspError("malformed-transport", message);
    }
    this.#connection = connection;
    this.#channels = channels;
    connection.onFrame(rtp, (bytes) => receive({ bytes, rtcp: false }));
    connection.onFrame(rtcp, (bytes) => receive({ bytes, rtcp: true }));
  }

  send(bytes: Uint8Array, { rtcp }: { readonly rtcp: boolean }): Promise<void> | undefined {
    return this.#connection.sendFrame(this.#channels[rtcp ? 1 : 0], bytes);
  }

  close(): void {
    for (const channel of this.#channels) this.#connection.forgetChannel(channel);
  }
}

/**
 * Packets as datagrams. They are sent to the server's own address only, whatever `source` it names: a
 * server should not be able to aim this program at others. They are taken from the server's address or
 * its `source`, at the port that it named, or where it named none, at that of the first datagram.
 */
class UdpLink implements RtspLink {
  readonly protocol = "udp";
  readonly #pair: DatagramPair;
  readonly #peers: readonly [rtp: UdpPeer, rtcp: UdpPeer];
  #isClosed = false;

  constructor(
    pair: DatagramPair,
    options: RtspLinkRequest & { readonly remoteAddress: string; readonly reply: RtspTransport },
  ) {
    const { receive, remoteAddress, reply } = options;
    this.#pair = pair;
    const peer = (port: number | undefined) => new UdpPeer(remoteAddress, reply.source, port);
    this.#peers = [peer(reply.serverPort?.[0]), peer(reply.serverPort?.[1])];
    const listen = (socket: DatagramSocket, index: 0 | 1): void => {
      const from = this.#peers[index];
      socket.receive((bytes, sender) => {
        if (from.takes(sender)) receive({ bytes, rtcp: index === 1 });
      });
    };
    listen(pair.rtp, 0);
    listen(pair.rtcp, 1);
  }

  async send(bytes: Uint8Array, { rtcp }: { readonly rtcp: boolean }): Promise<void> {
    const target = this.#peers[rtcp ? 1 : 0].target;
    if (target === undefined || this.#isClosed) return;
    await (rtcp ? this.#pair.rtcp : this.#pair.rtp).send(bytes, target);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closePair(this.#pair);
  }
}

/** One of the server's two ports. */
class UdpPeer {
  readonly #address: string;
  readonly #source: string | undefined;
  #port: number | undefined;
  #latched: string | undefined;

  constructor(address: string, source: string | undefined, port: number | undefined) {
    this.#address = address;
    this.#source = source && plainAddress(source);
    this.#port = port || undefined;
  }

  /** Where to send, once that is known. */
  get target(): DatagramPeer | undefined {
    return this.#port === undefined ? undefined : { hostname: this.#address, port: this.#port };
  }

  /** Whether a datagram is the server's. */
  takes({ hostname, port }: DatagramPeer): boolean {
    if (this.#latched === undefined) {
      if (hostname !== this.#address && hostname !== this.#source) return false;
      if (this.#port !== undefined && port !== this.#port) return false;
      this.#latched = hostname;
      this.#port = port;
    }
    return hostname === this.#latched && port === this.#port;
  }
}

function closePair(pair: DatagramPair): void {
  pair.rtp.close();
  pair.rtcp.close();
}
