/** A client of WHEP and WHIP without a browser: it finds its way, shakes hands, and counts what comes. */
import { SrtpReceiver, SrtpSender } from "../../src/rtp/mod.ts";
import { parseSdp, type SdpMedia } from "../../src/sdp/mod.ts";
import { buildStunRequest, type DtlsIdentity } from "../../src/webrtc/mod.ts";
import { DtlsTestClient } from "../webrtc/dtls_client.ts";
import { newIdentity, random } from "../webrtc/dtls_peer.ts";
import { offer } from "../webrtc/offers.ts";

/** One identity does for all clients of a test: to make one takes long. */
let identity: DtlsIdentity | undefined;

/** The lines of `a=rtcp-fb` and of packets that are sent again, for payload type 102. */
const VIDEO = [
  "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f",
  "a=fmtp:103 apt=102",
  "a=rtcp-fb:102 nack",
  "a=rtcp-fb:102 nack pli",
];

/** An offer of H.264 and Opus with the client's own fingerprint. */
export function offerOf(
  direction: "recvonly" | "sendonly",
  options: { readonly retransmission?: boolean } = {},
): string {
  identity ??= newIdentity();
  const { retransmission = true } = options;
  const formats = ["102 H264/90000", ...(retransmission ? ["103 rtx/90000"] : [])];
  return offer([
    ["video", direction, formats, VIDEO],
    ["audio", direction, ["111 opus/48000/2", "0 PCMU/8000"], []],
  ]).replaceAll(/a=fingerprint:.*/g, `a=fingerprint:sha-256 ${identity.fingerprint.value}`);
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

/** What is not answered is sent again after this, milliseconds. */
const AGAIN_MS = 500;

/** A session from its answer on. */
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
    const [, hostname, port] = / (\d+\.[\d.]+) (\d+) typ host/.exec(answer.text)!;
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

  /** Finds its way and shakes hands. */
  async connect(): Promise<this> {
    await this.send(this.request());
    await this.#flush();
    // Datagrams may be lost where many clients come at once.
    const again = setInterval(() => {
      void this.send(this.request());
      for (const datagram of this.#flight) void this.send(datagram);
    }, AGAIN_MS);
    await this.#connected.promise.finally(() => clearInterval(again));
    return this;
  }

  /** Resolves when the server has said that it is over. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** A request of ICE as the server expects it. */
  request(change: { readonly password?: string; readonly username?: string } = {}): Uint8Array {
    const attributes = this.media.flatMap(({ attributes = [] }) => attributes);
    const value = (name: string) => attributes.find((one) => one.name === name)!.value!;
    return buildStunRequest({
      transactionId: random(12),
      username: change.username ?? `${value("ice-ufrag")}:EsAw`,
      password: change.password ?? value("ice-pwd"),
      isNominating: true,
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
      for await (const [datagram] of this.#socket) {
        if (datagram[0]! >= 128) this.onPacket?.(datagram);
        else if (datagram[0]! >= 20) {
          this.dtls.receive(datagram);
          await this.#flush();
          const { keys, isClosed } = this.dtls;
          if (isClosed) this.#closed.resolve();
          if (keys === undefined || this.sender !== undefined) continue;
          this.sender = new SrtpSender(keys.local);
          this.receiver = new SrtpReceiver(keys.remote);
          this.#connected.resolve();
        }
      }
    } catch {
      // The socket was closed.
    }
  }

  async #flush(): Promise<void> {
    const { output } = this.dtls;
    this.dtls.output = [];
    if (output.length > 0) this.#flight = output;
    for (const datagram of output) await this.send(datagram);
  }
}
