/** RTSP's publisher, and its players over TCP and UDP. */
import {
  createPacketizer,
  rtpMarker,
  rtpPayloadType,
  RtpSender,
  rtpSequenceNumber,
  ticksFromUs,
} from "../../src/rtp/mod.ts";
import {
  encodeInterleavedFrame,
  encodeRequest,
  RtspDecoder,
  type RtspRequestInit,
  type RtspResponse,
} from "../../src/rtsp/mod.ts";
import { formatSdp, parseSdp } from "../../src/sdp/mod.ts";
import { sdpOfTracks } from "../../src/transmux/mod.ts";
import { type Meter, PlayerPictures } from "./meter.ts";
import { receive } from "./rtmp_peer.ts";
import {
  AAC_CONFIG,
  AVC_CONFIG,
  isSlice,
  type PictureMark,
  readMark,
  STAMP_IN_NAL,
  testStream,
} from "./test_stream.ts";

const RTP_HEADER = 12;
const FU_A = 28;

class Connection {
  readonly conn: Deno.TcpConn;
  readonly url: string;
  readonly decoder = new RtspDecoder();
  #sequence = 0;
  #session: string | undefined;

  private constructor(conn: Deno.TcpConn, url: string) {
    this.conn = conn;
    this.url = url;
  }

  static async open(port: number, name: string): Promise<Connection> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new Connection(conn, `rtsp://127.0.0.1:${port}/live/${name}`);
  }

  async send(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) at += await this.conn.write(piece.subarray(at));
  }

  /** Media that comes with the answer is passed over. */
  async request(
    method: string,
    options: {
      readonly url?: string;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    } = {},
  ): Promise<RtspResponse> {
    const { url = this.url, headers, body } = options;
    const request: RtspRequestInit = {
      method,
      url,
      headers: {
        CSeq: String(++this.#sequence),
        ...(this.#session === undefined ? {} : { Session: this.#session }),
        ...headers,
      },
    };
    await this.send(encodeRequest(body === undefined ? request : { ...request, body }));
    while (true) {
      const target = new Uint8Array(64 * 1024);
      const count = await this.conn.read(target);
      if (count === null) throw new Error(`The server closed at ${method}`);
      for (const message of this.decoder.push(target.subarray(0, count))) {
        if (message.kind !== "response") continue;
        if (message.status !== 200) throw new Error(`${method}: ${message.status}`);
        this.#session ??= message.headers.get("Session")?.split(";")[0];
        return message;
      }
    }
  }
}

/** Finds the marks in the packets of one player. */
class MarkFinder {
  readonly #pictures: { push(mark: PictureMark): void };
  readonly #payloadType: number;
  #mark: PictureMark | undefined;

  constructor(payloadType: number, pictures: { push(mark: PictureMark): void }) {
    this.#payloadType = payloadType;
    this.#pictures = pictures;
  }

  push(packet: Uint8Array): void {
    if (rtpPayloadType(packet) !== this.#payloadType) return;
    const isFragment = (packet[RTP_HEADER]! & 31) === FU_A;
    const header = packet[RTP_HEADER + (isFragment ? 1 : 0)]!;
    if (isSlice(header & 31) && (!isFragment || header > 127)) {
      // A fragment's two bytes of header stand for the NAL unit's one.
      this.#mark = readMark(packet, RTP_HEADER + STAMP_IN_NAL + (isFragment ? 1 : 0));
    }
    if (!rtpMarker(packet) || this.#mark === undefined) return;
    this.#pictures.push(this.#mark);
    this.#mark = undefined;
  }
}

/** What a server tells of a stream. */
interface Described {
  /** The video's, by which its packets are known. */
  readonly payloadType: number;
  /** Where the tracks are set up, the video's first. */
  readonly urls: readonly string[];
}

async function describe(connection: Connection): Promise<Described> {
  const { headers, body } = await connection.request("DESCRIBE", {
    headers: { Accept: "application/sdp" },
  });
  const { media } = parseSdp(new TextDecoder().decode(body));
  const ordered = media.toSorted((a, b) => Number(b.kind === "video") - Number(a.kind === "video"));
  const base = (headers.get("Content-Base") ?? connection.url).replace(/\/?$/, "/");
  return {
    payloadType: ordered[0]?.formats[0]?.payloadType ?? NaN,
    urls: ordered.map(({ control = "" }) =>
      control.startsWith("rtsp://") ? control : base + control
    ),
  };
}

/** Opens a player over TCP; resolves when its first pictures have come. */
export async function playRtspTcp(
  name: string,
  options: { readonly port: number; readonly meter: Meter; readonly parses: boolean },
): Promise<void> {
  const { port, meter, parses } = options;
  const pictures = new PlayerPictures(meter);
  const connection = await Connection.open(port, name);
  const { urls, payloadType } = await describe(connection);
  for (const [track, url] of urls.entries()) {
    const Transport = `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`;
    await connection.request("SETUP", { url, headers: { Transport } });
  }
  await connection.request("PLAY");
  const { promise, resolve } = Promise.withResolvers<void>();
  const finder = new MarkFinder(payloadType, pictures);
  void receive({ conn: connection.conn, meter }, (piece) => {
    resolve();
    if (!parses && pictures.hasBegun) return;
    for (const message of connection.decoder.push(piece.slice())) {
      if (message.kind === "frame" && message.channel === 0) finder.push(message.payload);
    }
  });
  await promise;
}

/** Opens a player over UDP; resolves when its first packets have come. */
export async function playRtspUdp(
  name: string,
  options: { readonly port: number; readonly meter: Meter; readonly parses: boolean },
): Promise<void> {
  const { port, meter, parses } = options;
  const connection = await Connection.open(port, name);
  const { urls, payloadType } = await describe(connection);
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const [track, url] of urls.entries()) {
    const { rtp, ports } = bindPair();
    const Transport = `RTP/AVP;unicast;client_port=${ports.join("-")}`;
    await connection.request("SETUP", { url, headers: { Transport } });
    // Loss is counted by packets.
    const pictures = { push: (mark: PictureMark) => meter.picture(mark) };
    const finder = parses && track === 0 ? new MarkFinder(payloadType, pictures) : undefined;
    void receivePackets(rtp, { meter, finder, onPacket: resolve });
  }
  await connection.request("PLAY");
  await promise;
}

/** Reports are left in the second socket's buffer, which has room for those of some minutes. */
function bindPair(): { rtp: Deno.DatagramConn; ports: [number, number]; rtcp: Deno.DatagramConn } {
  while (true) {
    const rtp = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const { port } = rtp.addr as Deno.NetAddr;
    try {
      const rtcp = Deno.listenDatagram({
        transport: "udp",
        hostname: "127.0.0.1",
        port: port + 1,
      });
      return { rtp, rtcp, ports: [port, port + 1] };
    } catch {
      rtp.close();
    }
  }
}

async function receivePackets(
  socket: Deno.DatagramConn,
  options: {
    readonly meter: Meter;
    readonly finder: MarkFinder | undefined;
    readonly onPacket: () => void;
  },
): Promise<void> {
  const { meter, finder, onPacket } = options;
  const target = new Uint8Array(2048);
  let newest: number | undefined;
  while (true) {
    const [packet] = await socket.receive(target);
    if (packet.length < RTP_HEADER) continue;
    onPacket();
    const sequence = rtpSequenceNumber(packet);
    const step = newest === undefined ? 1 : (sequence - newest) << 16 >> 16;
    if (step > 0) newest = sequence;
    if (meter.isCounting) {
      meter.bytes += packet.length;
      meter.received++;
      meter.expected += Math.max(step, 0);
    }
    finder?.push(packet);
  }
}

/** Starts to publish, interleaved. */
export async function publishRtsp(
  name: string,
  options: { readonly port: number; readonly mbps: number; readonly phase: number },
): Promise<void> {
  const { port, mbps, phase } = options;
  const connection = await Connection.open(port, name);
  const { description, tracks } = sdpOfTracks([
    { kind: "video", id: 0, codec: "h264", config: AVC_CONFIG },
    { kind: "audio", id: 0, codec: "aac", config: AAC_CONFIG },
  ]);
  await connection.request("ANNOUNCE", {
    headers: { "Content-Type": "application/sdp" },
    body: formatSdp(description),
  });
  for (const track of [0, 1]) {
    const Transport = `RTP/AVP/TCP;unicast;mode=record;interleaved=${track * 2}-${track * 2 + 1}`;
    const url = `${connection.url}/trackID=${track}`;
    await connection.request("SETUP", { url, headers: { Transport } });
  }
  await connection.request("RECORD");
  void drain(connection.conn);
  const outputs = tracks.map(({ rtp }, track) => ({
    channel: track * 2,
    packetizer: createPacketizer(rtp)!,
    sender: new RtpSender({ ...rtp, ssrc: track + 1, sequenceNumber: 0 }),
  }));
  void (async () => {
    for await (const { kind, timeMs, part } of testStream(mbps, phase)) {
      const { channel, packetizer, sender } = outputs[kind === "video" ? 0 : 1]!;
      const timestamp = ticksFromUs(Math.round(timeMs * 1000), sender.clockRate);
      const frames = packetizer.packetize({ timestamp, parts: [part] }).map((payload) =>
        encodeInterleavedFrame(channel, sender.build(payload))
      );
      await connection.send(await new Blob(frames as Uint8Array<ArrayBuffer>[]).bytes());
    }
  })();
}

async function drain(conn: Deno.TcpConn): Promise<void> {
  const target = new Uint8Array(4096);
  while (await conn.read(target) !== null);
}
