/** A client of WHEP and WHIP without a browser: it finds its way, shakes hands, and counts what comes. */
import { SrtpReceiver, SrtpSender } from "../../src/rtp/mod.ts";
import { parseSdp, type SdpMedia } from "../../src/sdp/mod.ts";
import {
  buildStunRequest,
  type DtlsIdentity,
  isStun,
  isStunAuthentic,
  parseStunRequest,
  stunAnswer,
} from "../../src/webrtc/mod.ts";
import { DtlsTestClient } from "../webrtc/dtls_client.ts";
import { newIdentity, random } from "../webrtc/dtls_peer.ts";
import { offer, OFFER_ICE } from "../webrtc/offers.ts";

/** One identity does for all clients of a test: to make one takes long. */
let identity: DtlsIdentity | undefined;

/** The payload types that are offered for H.264, and for its packets that are sent again. */
export const OFFERED_VIDEO = { payloadType: 102, retransmissionType: 103 };

/** The lines of `a=rtcp-fb` and of packets that are sent again. */
const VIDEO = [
  `a=fmtp:${OFFERED_VIDEO.payloadType} packetization-mode=1;profile-level-id=42e01f`,
  `a=fmtp:${OFFERED_VIDEO.retransmissionType} apt=${OFFERED_VIDEO.payloadType}`,
  `a=rtcp-fb:${OFFERED_VIDEO.payloadType} nack`,
  `a=rtcp-fb:${OFFERED_VIDEO.payloadType} nack pli`,
];

/** An offer of H.264 and Opus with the client's own fingerprint. */
export function offerOf(
  direction: "recvonly" | "sendonly",
  options: { readonly retransmission?: boolean } = {},
): string {
  identity ??= newIdentity();
  const { retransmission = true } = options;
  const { payloadType, retransmissionType } = OFFERED_VIDEO;
  const formats = [
    `${payloadType} H264/90000`,
    ...(retransmission ? [`${retransmissionType} rtx/90000`] : []),
  ];
  return offer([
    ["video", direction, formats, VIDEO],
    ["audio", direction, ["111 opus/48000/2", "0 PCMU/8000"], []],
  ]).replaceAll(/a=fingerprint:.*/g, `a=fingerprint:sha-256 ${identity.fingerprint.value}`)
    // It begins DTLS itself, whoever answers.
    .replaceAll("a=setup:actpass", "a=setup:active");
}

/** Posts an offer. */
export function post(
  url: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/sdp", ...headers },
    body,
  });
}

/** Room for one datagram, and for many: without, each has the largest that there may be, which costs more than all else. */
const DATAGRAM_BYTES = 2048;
const SLAB_BYTES = 32 * 1024;

/** What is not answered is sent again after this, milliseconds. */
const AGAIN_MS = 500;

/** A client that is not connected after this gives up, milliseconds. */
const CONNECT_MS = 10_000;

/** Where it is on its way to a connection: what it sends again. */
type Step = "checking" | "nominating" | "shaking";

/**
 * A session from its answer on. It is a full agent of ICE in the controlling role, with one way to try: it checks that,
 * nominates it once it is answered, and answers the checks of the other side (RFC 8445, 7 and 8).
 */
export class WebRtcClient implements AsyncDisposable {
  /** Takes the packets that come, still protected; nothing does by default. */
  onPacket: ((packet: Uint8Array) => void) | undefined;
  /** The media sections of the answer. */
  readonly media: readonly SdpMedia[];
  /** The URL of the session. */
  readonly session: string;
  /** The headers of the answer. */
  readonly headers: Headers;
  sender: SrtpSender | undefined;
  receiver: SrtpReceiver | undefined;
  readonly dtls: DtlsTestClient;
  readonly #socket: Deno.DatagramConn;
  readonly #server: Deno.NetAddr;
  readonly #receiving: Promise<void>;
  readonly #tieBreaker = random(8);
  #step: Step = "checking";
  /** The transactions of the requests of its step: an answer may come later than the next request is sent. */
  readonly #awaited = new Set<string>();
  #flight: readonly Uint8Array[] = [];
  readonly #connected = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(
    url: string,
    answer: { readonly headers: Headers; readonly text: string },
    options: ConstructorParameters<typeof DtlsTestClient>[1] = {},
  ) {
    this.headers = answer.headers;
    this.session = new URL(answer.headers.get("location")!, url).href;
    this.media = parseSdp(answer.text).media;
    const [, hostname, port] = / udp \d+ (\d+\.[\d.]+) (\d+) typ host/i.exec(answer.text)!;
    this.#server = { transport: "udp", hostname: hostname!, port: Number(port) };
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    this.dtls = new DtlsTestClient(identity!, options);
    this.#receiving = this.#receive();
  }

  /** Posts an offer to `url`, and expects that it is accepted. */
  static async begin(
    url: string,
    body: string,
    options: ConstructorParameters<typeof DtlsTestClient>[1] = {},
  ): Promise<WebRtcClient> {
    const response = await post(url, body);
    const text = await response.text();
    if (response.status !== 201) throw new Error(`${response.status} ${text}`);
    return new WebRtcClient(url, { headers: response.headers, text }, options);
  }

  /** Finds its way and shakes hands; rejects where that takes longer than `withinMs`. */
  async connect({ withinMs = CONNECT_MS }: { readonly withinMs?: number } = {}): Promise<this> {
    await this.#sendStep();
    // Datagrams may be lost where many clients come at once.
    const again = setInterval(() => void this.#sendStep(), AGAIN_MS);
    const late = setTimeout(() => {
      const error = new Error(`Not connected within ${withinMs} ms: still ${this.#step}`);
      this.#connected.reject(error);
    }, withinMs);
    try {
      await this.#connected.promise;
    } finally {
      clearInterval(again);
      clearTimeout(late);
    }
    return this;
  }

  /** Resolves when the server has said that it is over. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** A request of ICE as the server expects it, which nominates its way if not told otherwise. */
  request(
    change: {
      readonly password?: string;
      readonly username?: string;
      readonly isNominating?: boolean;
    } = {},
  ): Uint8Array {
    const attributes = this.media.flatMap(({ attributes = [] }) => attributes);
    const value = (name: string) => attributes.find((one) => one.name === name)!.value!;
    return buildStunRequest({
      transactionId: random(12),
      username: change.username ?? `${value("ice-ufrag")}:${OFFER_ICE.fragment}`,
      password: change.password ?? value("ice-pwd"),
      isNominating: change.isNominating ?? true,
      tieBreaker: this.#tieBreaker,
    });
  }

  /** Sends a datagram. */
  async send(datagram: Uint8Array): Promise<void> {
    await this.#socket.send(datagram, this.#server);
  }

  /** Protects and sends an RTP packet. */
  async sendRtp(packet: Uint8Array): Promise<void> {
    await this.send(this.sender!.protect([packet])[0]!);
  }

  /** Protects and sends a compound RTCP packet. */
  async sendRtcp(packet: Uint8Array): Promise<void> {
    await this.send(this.sender!.protectRtcp(packet));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#receiving;
  }

  async #receive(): Promise<void> {
    try {
      for (let slab = new Uint8Array(SLAB_BYTES), used = 0;;) {
        if (used + DATAGRAM_BYTES > slab.length) {
          slab = new Uint8Array(SLAB_BYTES);
          used = 0;
        }
        const room = slab.subarray(used, used + DATAGRAM_BYTES);
        const [datagram] = await this.#socket.receive(room);
        used += datagram.length;
        if (datagram[0]! >= 128) this.onPacket?.(datagram);
        else if (datagram[0]! >= 20) await this.#takeDtls(datagram);
        else if (isStun(datagram)) await this.#takeStun(datagram);
      }
    } catch {
      // The socket was closed.
    }
  }

  async #takeDtls(datagram: Uint8Array): Promise<void> {
    this.dtls.receive(datagram);
    await this.#flush();
    const { keys, isClosed } = this.dtls;
    if (isClosed) this.#closed.resolve();
    if (keys === undefined || this.sender !== undefined) return;
    this.sender = new SrtpSender(keys.local);
    this.receiver = new SrtpReceiver(keys.remote);
    this.#connected.resolve();
  }

  async #takeStun(datagram: Uint8Array): Promise<void> {
    const request = parseStunRequest(datagram);
    if (request !== undefined) {
      const { password } = OFFER_ICE;
      if (!isStunAuthentic(request, password)) return;
      return await this.send(stunAnswer(request, { ...this.#server, password }));
    }
    const isAnswer = datagram[0] === 1 && datagram[1] === 1 &&
      this.#awaited.has(datagram.subarray(8, 20).toHex());
    if (!isAnswer) return;
    this.#awaited.clear();
    this.#step = this.#step === "checking" ? "nominating" : "shaking";
    await this.#sendStep();
  }

  async #sendStep(): Promise<void> {
    if (this.#step !== "shaking") {
      const request = this.request({ isNominating: this.#step === "nominating" });
      this.#awaited.add(request.subarray(8, 20).toHex());
      return await this.send(request);
    }
    if (this.dtls.output.length > 0) return await this.#flush();
    for (const datagram of this.#flight) await this.send(datagram);
  }

  async #flush(): Promise<void> {
    const { output } = this.dtls;
    this.dtls.output = [];
    if (output.length > 0) this.#flight = output;
    for (const datagram of output) await this.send(datagram);
  }
}
