/** An RTSP server for tests, which answers as a camera, and otherwise where a test says so. */
import { encodeInterleavedFrame, encodeResponse, RtspDecoder } from "../../src/rtsp/mod.ts";
import type { RtspInterleavedFrame, RtspRequest } from "../../src/rtsp/mod.ts";
import { buildRtcp, buildRtpPacket } from "../../src/rtp/mod.ts";

/** What a test says instead of the default answer; `undefined` is silence. */
export type Answer =
  | {
    readonly status?: number;
    readonly headers?: Record<string, string>;
    readonly body?: string;
  }
  | undefined;

export type Answers = Readonly<
  Record<string, (request: RtspRequest, peer: CameraPeer) => Answer | Promise<Answer>>
>;

export interface CameraOptions {
  readonly sdp?: string;
  /** The `Session` header. */
  readonly session?: string;
  readonly answers?: Answers;
  /** What it listens on instead of TCP without TLS. */
  readonly tls?: Deno.ListenTlsOptions & Deno.TlsCertifiedKeyPem;
}

/** Two tracks of static payload types, as a plain camera describes them. */
export const SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\na=control:*\r\n" +
  "m=audio 0 RTP/AVP 8\r\na=control:trackID=0\r\n" +
  "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";

/** Values that can be waited for. */
export class Mailbox<T> {
  readonly all: T[] = [];
  #watchers: (() => void)[] = [];

  add(value: T): void {
    this.all.push(value);
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  /** The first value that `wanted` accepts, past ones included. */
  async find(wanted: (value: T) => boolean): Promise<T> {
    for (let at = 0;; at++) {
      while (at >= this.all.length) {
        await new Promise<void>((resolve) => this.#watchers.push(resolve));
      }
      if (wanted(this.all[at]!)) return this.all[at]!;
    }
  }
}

/** An RTP packet of G.711 A-law, or of what its options say. */
export function sound(
  sequenceNumber: number,
  options: { payloadType?: number; ssrc?: number; size?: number } = {},
) {
  const { payloadType = 8, ssrc = 7, size = 160 } = options;
  return buildRtpPacket({
    payloadType,
    sequenceNumber,
    timestamp: sequenceNumber * 160,
    ssrc,
    payload: new Uint8Array(size).fill(sequenceNumber & 0xff),
  });
}

/** A good-bye as servers send it at the end. */
export function goodbye(ssrc = 7): Uint8Array {
  return buildRtcp([
    { type: "receiver-report", ssrc, reports: [] },
    { type: "goodbye", ssrcs: [ssrc] },
  ]);
}

/** One way of a track's packets, seen from the camera. */
interface CameraTrack {
  readonly channels?: readonly [number, number];
  readonly udp?: { readonly port: number; readonly sockets: readonly Deno.DatagramConn[] };
}

/** One connection to the camera. */
export class CameraPeer {
  readonly frames = new Mailbox<RtspInterleavedFrame>();
  readonly datagrams = new Mailbox<{ track: number; rtcp: boolean; bytes: Uint8Array }>();
  readonly requests = new Mailbox<RtspRequest>();
  readonly tracks: CameraTrack[] = [];
  readonly #conn: Deno.Conn;
  readonly #options: { readonly sdp: string; readonly session: string };
  #writes: Promise<void> = Promise.resolve();

  constructor(conn: Deno.Conn, options: { sdp: string; session: string }) {
    this.#conn = conn;
    this.#options = options;
  }

  /** Writes after all that was written before. */
  write(bytes: Uint8Array): Promise<void> {
    this.#writes = this.#writes.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    }).catch(() => {});
    return this.#writes;
  }

  text(text: string): Promise<void> {
    return this.write(new TextEncoder().encode(text));
  }

  /** Sends a packet of a track over what was set up. */
  async send(track: number, bytes: Uint8Array, { rtcp = false } = {}): Promise<void> {
    const { channels, udp } = this.tracks[track]!;
    const index = rtcp ? 1 : 0;
    if (channels !== undefined) {
      await this.write(encodeInterleavedFrame(channels[index], bytes));
      return;
    }
    const target = { hostname: "127.0.0.1", port: udp!.port + index, transport: "udp" } as const;
    await udp!.sockets[index]!.send(bytes, target);
  }

  async serve(answers: Answers): Promise<void> {
    const decoder = new RtspDecoder();
    const buffer = new Uint8Array(65536);
    try {
      for (;;) {
        const count = await this.#conn.read(buffer);
        if (count === null) return;
        for (const message of decoder.push(buffer.slice(0, count))) {
          if (message.kind === "frame") this.frames.add(message);
          if (message.kind === "request") await this.#answer(message, answers);
        }
      }
    } catch {
      // The client has gone.
    } finally {
      this.hangUp();
    }
  }

  /** Closes the connection, but not the sockets of media. */
  hangUp(): void {
    close(this.#conn);
  }

  /** Closes all. */
  close(): void {
    this.#closeSockets();
    this.hangUp();
  }

  async #answer(request: RtspRequest, answers: Answers): Promise<void> {
    this.requests.add(request);
    const own = answers[request.method];
    const answer = own === undefined ? this.standard(request) : await own(request, this);
    if (answer === undefined) return;
    const { status = 200, headers = {}, body = "" } = answer;
    const cseq = request.headers.get("CSeq") ?? "";
    await this.write(encodeResponse({ status, headers: { CSeq: cseq, ...headers }, body }));
  }

  /** What a camera answers. */
  standard(request: RtspRequest): Answer {
    const session = { Session: this.#options.session };
    switch (request.method) {
      case "OPTIONS":
        return { headers: { Public: "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN" } };
      case "DESCRIBE":
        return {
          headers: { "Content-Type": "application/sdp", "Content-Base": `${request.url}/` },
          body: this.#options.sdp,
        };
      case "SETUP":
        return { headers: { ...session, Transport: this.#setUp(request) } };
      default:
        return { headers: session };
    }
  }

  /** Forgets the tracks that were set up, as TEARDOWN does. */
  forgetTracks(): void {
    this.#closeSockets();
    this.tracks.length = 0;
  }

  #closeSockets(): void {
    for (const { udp } of this.tracks) for (const socket of udp?.sockets ?? []) close(socket);
  }

  #setUp(request: RtspRequest): string {
    const transport = request.headers.get("Transport")!;
    const interleaved = /interleaved=(\d+)-(\d+)/.exec(transport);
    if (interleaved !== null) {
      this.tracks.push({ channels: [Number(interleaved[1]), Number(interleaved[2])] });
      return transport;
    }
    const port = Number(/client_port=(\d+)/.exec(transport)![1]);
    const track = this.tracks.length;
    const sockets = [false, true].map((rtcp) => {
      const socket = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
      (async () => {
        for await (const [bytes] of socket) this.datagrams.add({ track, rtcp, bytes });
      })();
      return socket;
    });
    this.tracks.push({ udp: { port, sockets } });
    const ports = sockets.map(({ addr }) => (addr as Deno.NetAddr).port).join("-");
    return `${transport};server_port=${ports}`;
  }
}

/** A camera that listens. */
export class Camera implements AsyncDisposable {
  readonly port: number;
  readonly peers = new Mailbox<CameraPeer>();
  readonly #listener: Deno.Listener;
  readonly #serving: Promise<void>;

  constructor(options: CameraOptions = {}) {
    const { answers = {}, sdp = SDP, session = "12345678;timeout=60", tls } = options;
    this.#listener = tls === undefined
      ? Deno.listen({ hostname: "127.0.0.1", port: 0 })
      : Deno.listenTls(tls);
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#serving = this.#accept(answers, { sdp, session });
  }

  get url(): string {
    return `rtsp://127.0.0.1:${this.port}/cam`;
  }

  /** The nth connection. */
  async peer(index = 0): Promise<CameraPeer> {
    await this.peers.find(() => this.peers.all.length > index);
    return this.peers.all[index]!;
  }

  /** Methods and paths of all requests so far. */
  get log(): string[] {
    return this.peers.all.flatMap(({ requests }) =>
      requests.all.map(({ method, url }) => `${method} ${url.replace(/^rtsps?:\/\/[^/]*/, "")}`)
    );
  }

  async #accept(answers: Answers, options: { sdp: string; session: string }): Promise<void> {
    const served: Promise<void>[] = [];
    try {
      for (;;) {
        const peer = new CameraPeer(await this.#listener.accept(), options);
        this.peers.add(peer);
        served.push(peer.serve(answers));
      }
    } catch {
      await Promise.all(served);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    close(this.#listener);
    for (const peer of this.peers.all) peer.close();
    await this.#serving;
  }
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It was closed already.
  }
}
