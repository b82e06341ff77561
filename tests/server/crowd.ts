/** One publisher and one player by each door, and what their clients see when they are sent away. */
import { assertEquals } from "@std/assert";
import type { Server } from "../../mod.ts";
import { encodeFlvHeader, encodeFlvTag, FlvTagType } from "../../src/flv/mod.ts";
import { parseRtcp } from "../../src/rtp/mod.ts";
import { BODIES, RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { RtspPeer, UdpPeer } from "../support/rtsp_peer.ts";
import { until } from "../support/test_server.ts";
import { offerOf, WebRtcClient } from "../support/webrtc_client.ts";

/** What a client saw of its end, in a word or two of its protocol. */
type Told = Promise<string>;

/** Clients of every door, all of which show the same query. */
export class Crowd implements AsyncDisposable {
  /** What each client saw as it was sent away. */
  readonly told = new Map<string, Told>();
  readonly #stack = new AsyncDisposableStack();
  readonly #server: Server;
  readonly #name: string;
  readonly #query: (action: "publish" | "play", name: string) => string;

  private constructor(
    server: Server,
    name: string,
    query: (action: "publish" | "play", name: string) => string,
  ) {
    this.#server = server;
    this.#name = name;
    this.#query = query;
  }

  /** Has all come in; they play `live/cam`, and publish streams whose names begin with `name`. */
  static async enter(
    server: Server,
    options: {
      readonly name: string;
      readonly query: (action: "publish" | "play", name: string) => string;
    },
  ): Promise<Crowd> {
    const crowd = new Crowd(server, options.name, options.query);
    const doors = [
      ...[crowd.#rtmpPublisher(), crowd.#rtmpPlayer(), crowd.#flvPublisher(), crowd.#hls()],
      ...[crowd.#rtspPublisher("tcp"), crowd.#rtspPublisher("udp")],
      ...[crowd.#rtspPlayer("tcp"), crowd.#rtspPlayer("udp")],
      ...["flv", "ts", "mp4"].flatMap((kind) => [crowd.#body(kind), crowd.#socket(kind)]),
      ...[crowd.#whep(), crowd.#whip()],
    ];
    await Promise.all(doors);
    return crowd;
  }

  /** Words of all ends; rejects where one does not come in time. */
  async words(): Promise<Record<string, string>> {
    const entries = Array.from(this.told, async ([name, told]) => [name, await told] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  #port(protocol: string): number {
    return this.#server.addresses.find((one) => one.protocol === protocol)!.port;
  }

  #http(path: string, scheme = "http"): string {
    return `${scheme}://127.0.0.1:${this.#port("http")}/${path}`;
  }

  #play(): string {
    return this.#query("play", "live/cam");
  }

  /** The name of a stream to publish, and the query for it. */
  #publish(kind: string): { readonly key: string; readonly query: string } {
    const key = `${this.#name}-${kind}`;
    return { key, query: this.#query("publish", `live/${key}`) };
  }

  #tell(name: string, told: Told): void {
    this.told.set(name, told);
    told.catch(() => {});
  }

  async #rtmpPublisher(): Promise<void> {
    const { key, query } = this.#publish("rtmp");
    const client = this.#stack.use(await RtmpClient.open(this.#port("rtmp"), `live?${query}`));
    await client.publish(`${key}?${query}`);
    this.#tell("rtmp publish", lastStatus(client));
  }

  async #rtmpPlayer(): Promise<void> {
    const client = this.#stack.use(
      await RtmpClient.open(this.#port("rtmp"), `live?${this.#play()}`),
    );
    await client.play(`cam?${this.#play()}`);
    this.#tell("rtmp play", lastStatus(client));
  }

  #rtspUrl(name: string, query: string): string {
    return `rtsp://127.0.0.1:${this.#port("rtsp")}/live/${name}?${query}`;
  }

  async #rtsp(url: string): Promise<RtspPeer> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.#port("rtsp") });
    return this.#stack.use(new RtspPeer(conn, { url }));
  }

  async #rtspPublisher(kind: "tcp" | "udp"): Promise<void> {
    const { key, query } = this.#publish(`rtsp-${kind}`);
    const peer = await this.#rtsp(this.#rtspUrl(key, query));
    if (kind === "tcp") {
      await peer.record();
      return this.#tell("rtsp tcp publish", peer.rest().then(() => "closed"));
    }
    const { transport, goodbye } = this.#udp();
    const headers = await peer.announce(transport);
    assertEquals((await peer.request("RECORD", { headers })).status, 200);
    this.#tell("rtsp udp publish", goodbye());
  }

  async #rtspPlayer(kind: "tcp" | "udp"): Promise<void> {
    const url = this.#rtspUrl("cam", this.#play());
    const peer = await this.#rtsp(url);
    const described = await peer.request("DESCRIBE");
    assertEquals(described.status, 200);
    const { transport, goodbye } = this.#udp();
    const control = /a=control:(\S*trackID=\d+)/.exec(
      new TextDecoder().decode(described.body),
    )![1]!;
    const base = described.headers.get("Content-Base") ?? url;
    const setUp = await peer.request("SETUP", {
      url: new URL(control, base).href,
      headers: {
        Transport: kind === "udp" ? transport : "RTP/AVP/TCP;unicast;interleaved=0-1",
      },
    });
    assertEquals(setUp.status, 200, setUp.reason);
    const headers = { Session: setUp.headers.get("Session")!.split(";")[0]! };
    assertEquals((await peer.request("PLAY", { headers })).status, 200);
    this.#tell(
      `rtsp ${kind} play`,
      kind === "udp" ? goodbye() : peer.rest().then(() => "closed"),
    );
  }

  #udp(): { readonly transport: string; readonly goodbye: () => Told } {
    const [media, rtcp] = [this.#stack.use(new UdpPeer()), this.#stack.use(new UdpPeer())];
    return {
      transport: `RTP/AVP;unicast;client_port=${media.port}-${rtcp.port}`,
      goodbye: async () => {
        for (;;) {
          const packets = parseRtcp(await rtcp.receive());
          if (packets.some(({ type }) => type === "goodbye")) return "goodbye";
        }
      },
    };
  }

  async #flvPublisher(): Promise<void> {
    const { key, query } = this.#publish("flv");
    const ended = Promise.withResolvers<void>();
    this.#stack.defer(() => ended.resolve());
    const body = ReadableStream.from((async function* () {
      yield encodeFlvHeader({ hasAudio: false, hasVideo: true });
      yield encodeFlvTag({ type: FlvTagType.Video, timestampMs: 0, body: BODIES.videoConfig });
      await ended.promise;
    })());
    const answering = fetch(this.#http(`live/${key}.flv?${query}`), { method: "POST", body });
    await until(() =>
      this.#server.tickets.values().some(({ info }) =>
        info.stream === `live/${key}` && info.state === "live"
      )
    );
    this.#tell(
      "http-flv publish",
      answering.then(async (answer) => `${answer.status} ${(await answer.json()).code}`),
    );
  }

  async #body(kind: string): Promise<void> {
    const answer = await fetch(this.#http(`live/cam.${kind}?${this.#play()}`));
    assertEquals(answer.status, 200);
    const reader = answer.body!.getReader();
    this.#stack.defer(() => reader.cancel().catch(() => {}));
    await reader.read();
    this.#tell(`http-${kind} play`, ended(reader));
  }

  async #socket(kind: string): Promise<void> {
    const socket = new WebSocket(this.#http(`live/cam.${kind}?${this.#play()}`, "ws"));
    this.#stack.defer(() => socket.close());
    const closed = new Promise<string>((resolve) =>
      socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`)
    );
    await new Promise((resolve) => socket.onmessage = resolve);
    this.#tell(`ws-${kind} play`, closed);
  }

  /** A player of HLS asks again and again: it is told with the next request. */
  async #hls(): Promise<void> {
    const first = await fetch(this.#http(`live/cam/index.m3u8?${this.#play()}`));
    const base = first.url;
    const [main] = (await first.text()).split("\n").filter((line) => /^[^#]/.test(line));
    const playlist = new URL(main!, base);
    const ask = async (): Promise<number> => {
      const answer = await fetch(playlist);
      await answer.body?.cancel();
      return answer.status;
    };
    assertEquals(await ask(), 200);
    let isOver = false;
    const asking = async (): Promise<string> => {
      for (;;) {
        const status = await ask();
        if (status !== 200 || isOver) return String(status);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const told = asking();
    this.#stack.defer(async () => {
      isOver = true;
      await told;
    });
    this.#tell("http-hls play", told);
  }

  async #whep(): Promise<void> {
    const url = this.#http(`live/cam/whep?${this.#play()}`);
    const client = await WebRtcClient.begin(url, offerOf("recvonly"));
    this.#stack.use(client);
    await client.connect();
    this.#tell("whep play", client.closed.then(() => "closed"));
  }

  async #whip(): Promise<void> {
    const { key, query } = this.#publish("whip");
    const url = this.#http(`live/${key}/whip?${query}`);
    const client = await WebRtcClient.begin(url, offerOf("sendonly"));
    this.#stack.use(client);
    await client.connect();
    this.#tell("whip publish", client.closed.then(() => "closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Reads until the server closes; resolves with the last status that it has sent. */
async function lastStatus(client: RtmpClient): Promise<string> {
  let last = "nothing";
  for (const message of await client.drain()) {
    if ("name" in message && message.name === "onStatus") last = statusCode(message) ?? last;
  }
  return last;
}

/** Reads a body to its end, in order or not. */
async function ended(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  try {
    while (!(await reader.read()).done);
    return "ended";
  } catch {
    return "broken off";
  }
}
