import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  encodeRequest,
  RtspDecoder,
  type RtspMessage,
  type RtspResponse,
} from "../../../src/rtsp/mod.ts";
import { fixedUsers } from "../../../mod.ts";
import { ignoreWithout, RunningProcess } from "../../support/process.ts";
import { assertFfmpegPlays } from "../../support/real_clients.ts";
import { audioPacket, RtspPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** UDP is on, so that its absence in tunnels shows. */
function start(): Promise<TestServer> {
  return TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    rtp: LOCAL,
    timing: { describeWaitMs: 200 },
  });
}

const GET = (cookie: string) =>
  `GET /live/cam HTTP/1.0\r\nUser-Agent: test\r\nx-sessioncookie: ${cookie}\r\n` +
  "Accept: application/x-rtsp-tunnelled\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n";
const POST = (cookie: string) =>
  `POST /live/cam HTTP/1.0\r\nUser-Agent: test\r\nx-sessioncookie: ${cookie}\r\n` +
  "Content-Type: application/x-rtsp-tunnelled\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
  "Content-Length: 32767\r\nExpires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n";

/** The response of HTTP to a tunnel's request. */
async function head(peer: RtspPeer): Promise<string> {
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const bytes = await peer.read();
    if (bytes === undefined) break;
    text += new TextDecoder().decode(bytes);
  }
  return text;
}

/** A client on both ways of a tunnel. */
class HttpTunnel implements Disposable {
  readonly down: RtspPeer;
  readonly up: RtspPeer;

  private constructor(down: RtspPeer, up: RtspPeer) {
    this.down = down;
    this.up = up;
  }

  static async open(port: number, cookie = "tunnel1"): Promise<HttpTunnel> {
    const tunnel = new HttpTunnel(await RtspPeer.dial(port), await RtspPeer.dial(port));
    await tunnel.down.send(GET(cookie));
    assertMatch(await head(tunnel.down), /^HTTP\/1\.[01] 200 OK\r\n/);
    await tunnel.up.send(POST(cookie));
    assertMatch(await head(tunnel.up), /^HTTP\/1\.[01] 200 OK\r\n/);
    return tunnel;
  }

  async request(
    method: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<RtspResponse> {
    const track = headers.Transport?.includes("mode=record") ? "streamid=0" : "trackID=0";
    const bytes = encodeRequest({
      method,
      url: `rtsp://h/live/cam${method === "SETUP" ? `/${track}` : ""}`,
      headers: { CSeq: "7", ...headers },
      ...(body === undefined ? {} : { body }),
    });
    await this.up.send(bytes.toBase64());
    return await this.down.response();
  }

  [Symbol.dispose](): void {
    this.down.close();
    this.up.close();
  }
}

Deno.test("a tunnel's GET is answered as its clients expect, and RTSP works then (R130)", async () => {
  await using weir = await start();
  using down = await RtspPeer.dial(weir.port);
  await down.send(GET("abc"));
  const answer = await head(down);
  assertMatch(answer, /^HTTP\/1\.[01] 200 OK\r\n/);
  assertMatch(answer, /\r\nContent-Type: application\/x-rtsp-tunnelled\r\n/);
  assertMatch(answer, /\r\nCache-Control: no-cache\r\n/);
  assertMatch(answer, /\r\nPragma: no-cache\r\n/);
  assertMatch(answer, /\r\nConnection: close\r\n/);
  assert(!/Content-Length/i.test(answer));
  using up = await RtspPeer.dial(weir.port);
  // The first requests come with the POST itself, and in pieces that are no whole groups of base64.
  const requests = ["OPTIONS", "DESCRIBE"].map((method, index) =>
    encodeRequest({ method, url: "rtsp://h/live/cam", headers: { CSeq: String(index + 1) } })
      .toBase64()
  ).join("\r\n");
  await up.send(POST("abc") + requests.slice(0, 41));
  assertMatch(await head(up), /^HTTP\/1\.[01] 200 OK\r\n/);
  await up.send(requests.slice(41, 43));
  await up.send(requests.slice(43));
  assertEquals((await down.response()).status, 200);
  const described = await down.response();
  assertEquals(described.status, 404);
  assertEquals(described.headers.get("CSeq"), "2");
});

Deno.test("media is published and played through tunnels, never over UDP (R067, R130)", async () => {
  await using weir = await start();
  using publisher = await HttpTunnel.open(weir.port, "publisher");
  const announced = await publisher.request(
    "ANNOUNCE",
    { "Content-Type": "application/sdp" },
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n" +
      "m=audio 0 RTP/AVP 0\r\na=control:streamid=0\r\n",
  );
  const session = { Session: announced.headers.get("Session")!.split(";")[0]! };
  const udp = { ...session, Transport: "RTP/AVP;unicast;client_port=5000-5001;mode=record" };
  assertEquals((await publisher.request("SETUP", udp)).status, 461);
  const tcp = { ...session, Transport: "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record" };
  assertEquals((await publisher.request("SETUP", tcp)).status, 200);
  assertEquals((await publisher.request("RECORD", session)).status, 200);

  using player = await HttpTunnel.open(weir.port, "player");
  const setUp = await player.request("SETUP", {
    Transport: "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1",
  });
  assertEquals(setUp.status, 200);
  assertMatch(setUp.headers.get("Transport")!, /^RTP\/AVP\/TCP;unicast;interleaved=0-1/);
  const played = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  assertEquals((await player.request("PLAY", played)).status, 200);
  for (let number = 0; number < 20; number++) {
    const payload = audioPacket(number);
    const frame = Uint8Array.of(0x24, 0, payload.length >> 8, payload.length & 0xff, ...payload);
    await publisher.up.send(frame.toBase64());
  }
  for (let number = 0; number < 20;) {
    const { channel, payload } = await player.down.nextFrame();
    if (channel !== 0) continue;
    assertEquals(payload.subarray(12), audioPacket(number++).subarray(12));
  }
});

Deno.test("a POST that no GET waits for is refused and closed (R131)", async () => {
  await using weir = await start();
  using down = await RtspPeer.dial(weir.port);
  await down.send(GET("right"));
  await head(down);
  using up = await RtspPeer.dial(weir.port);
  await up.send(POST("wrong"));
  assertMatch(await up.rest(), /^HTTP\/1\.1 400 /);
  // The GET still waits for its own.
  using right = await RtspPeer.dial(weir.port);
  await right.send(POST("right"));
  assertMatch(await head(right), / 200 OK/);
});

const OPTIONS = (cseq: number) =>
  encodeRequest({ method: "OPTIONS", url: "rtsp://h/s", headers: { CSeq: String(cseq) } })
    .toBase64();

Deno.test("a client closes its POST and opens another, as often as it likes (R130)", async () => {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using tunnel = await HttpTunnel.open(weir.port, "c");
  const setUp = await tunnel.request("SETUP", { Transport: "RTP/AVP/TCP;interleaved=0-1" });
  const session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  tunnel.up.close();
  for (let number = 0; number < 3; number++) {
    using up = await RtspPeer.dial(weir.port);
    // The request comes with the POST itself, and ends without padding.
    const play = encodeRequest({
      method: "PLAY",
      url: "rtsp://h/live/cam",
      headers: { CSeq: "9", ...session },
    });
    await up.send(POST("c") + play.toBase64({ omitPadding: true }));
    assertMatch(await head(up), / 200 OK/);
    assertEquals((await tunnel.down.response()).status, 200);
  }
  // The media goes on while there is no POST.
  await until(() => weir.server.connectionCount === 2);
  for (let number = 0; number < 20; number++) await publisher.frame(0, audioPacket(number));
  for (let number = 0; number < 20;) {
    const { channel, payload } = await tunnel.down.nextFrame();
    if (channel === 0) assertEquals(payload.subarray(12), audioPacket(number++).subarray(12));
  }
  tunnel.down.close();
  await until(() => weir.server.connectionCount === 1);
});

Deno.test("a POST while another is open is read after it, which is then closed; a third is refused (R131)", async () => {
  await using weir = await start();
  using tunnel = await HttpTunnel.open(weir.port, "c");
  using second = await RtspPeer.dial(weir.port);
  await second.send(POST("c") + OPTIONS(2));
  assertMatch(await head(second), / 200 OK/);
  using third = await RtspPeer.dial(weir.port);
  await third.send(POST("c"));
  assertMatch(await third.rest(), /^HTTP\/1\.1 400 /);
  // What is on its way over the first comes first.
  await tunnel.up.send(OPTIONS(1));
  assertEquals((await tunnel.down.response()).headers.get("CSeq"), "1");
  assertEquals(await tunnel.up.rest(), "");
  assertEquals((await tunnel.down.response()).headers.get("CSeq"), "2");
  await second.send(OPTIONS(3));
  assertEquals((await tunnel.down.response()).headers.get("CSeq"), "3");
});

Deno.test("a second GET with a cookie that waits is refused, the first is not", async () => {
  await using weir = await start();
  using first = await RtspPeer.dial(weir.port);
  await first.send(GET("same"));
  await head(first);
  using second = await RtspPeer.dial(weir.port);
  await second.send(GET("same"));
  // And not told 200 before.
  assertMatch(await second.rest(), /^HTTP\/1\.1 400 /);
  using up = await RtspPeer.dial(weir.port);
  await up.send(POST("same"));
  assertMatch(await head(up), / 200 OK/);
});

Deno.test("GET and POST on one connection close it and nothing else (R134, CVE-2019-6256)", async () => {
  await using weir = await start();
  using bystander = await HttpTunnel.open(weir.port, "bystander");
  using together = await RtspPeer.dial(weir.port);
  await together.send(GET("x1") + POST("x1"));
  assertEquals(await together.rest(), "");
  using after = await RtspPeer.dial(weir.port);
  await after.send(GET("x2"));
  assertMatch(await head(after), / 200 OK/);
  await after.send(POST("x2"));
  assertEquals(await after.rest(), "");
  // Once it is paired, too.
  const paired = await HttpTunnel.open(weir.port, "x3");
  await paired.down.send(POST("x3"));
  assertEquals(await paired.down.rest(), "");
  assertEquals(await paired.up.rest(), "");
  paired[Symbol.dispose]();
  assertEquals((await bystander.request("OPTIONS")).status, 200);
  assertEquals(
    weir.log.lines.filter(({ fields }) => fields.reason === "malformed-tunnel").length,
    3,
  );
});

Deno.test("RTSP first and HTTP then closes: the role is that of the first request", async () => {
  await using weir = await start();
  using peer = await RtspPeer.dial(weir.port);
  assertEquals((await peer.request("OPTIONS")).status, 200);
  await peer.send(GET("late"));
  assertMatch(await peer.rest(), /^HTTP\/1\.1 400 /);
});

Deno.test("a tunnel ends with its GET, and leaves nothing behind", async () => {
  await using weir = await start();
  for (const hasPost of [true, false]) {
    const tunnel = await HttpTunnel.open(weir.port);
    assertEquals((await tunnel.request("OPTIONS")).status, 200);
    if (!hasPost) tunnel.up.close();
    tunnel.down.close();
    if (hasPost) assertEquals(await tunnel.up.rest(), "");
    tunnel[Symbol.dispose]();
    await weir.quiet();
    using late = await RtspPeer.dial(weir.port);
    await late.send(POST("tunnel1"));
    assertMatch(await late.rest(), /^HTTP\/1\.1 400 /);
  }
  // A GET that goes before its POST: the cookie is free again.
  const lonely = await RtspPeer.dial(weir.port);
  await lonely.send(GET("tunnel1"));
  await head(lonely);
  lonely.close();
  await weir.quiet();
  using again = await HttpTunnel.open(weir.port);
  assertEquals((await again.request("OPTIONS")).status, 200);
});

Deno.test("what is no base64 ends the tunnel", async () => {
  await using weir = await start();
  using tunnel = await HttpTunnel.open(weir.port);
  await tunnel.up.send("OPTIONS * RTSP/1.0\r\n");
  assertEquals(await tunnel.down.rest(), "");
  await weir.log.line(({ fields }) => fields.reason === "malformed-tunnel");
});

Deno.test("half-open tunnels of one address are bounded", async () => {
  await using weir = await start();
  await using peers = new AsyncDisposableStack();
  let refused = 0;
  for (let number = 0; number < 40; number++) {
    const peer = peers.use(await RtspPeer.dial(weir.port));
    await peer.send(GET(`cookie${number}`));
    if (/400/.test(await head(peer))) refused++;
  }
  assertEquals(refused, 8);
  // One that gets its POST makes room.
  const up = peers.use(await RtspPeer.dial(weir.port));
  await up.send(POST("cookie0"));
  assertMatch(await head(up), / 200 OK/);
  const next = peers.use(await RtspPeer.dial(weir.port));
  await next.send(GET("next"));
  assertMatch(await head(next), / 200 OK/);
});

/** Messages that come through a WebSocket. */
class SocketReader {
  readonly #decoder = new RtspDecoder();
  readonly #messages: RtspMessage[] = [];
  #wake: () => void = () => {};
  readonly ended: Promise<CloseEvent>;

  constructor(socket: WebSocket) {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#messages.push(...this.#decoder.push(new Uint8Array(data)));
      this.#wake();
    };
    this.ended = new Promise((resolve) => socket.onclose = resolve);
  }

  async next(kind: RtspMessage["kind"]): Promise<RtspMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message?.kind === kind) return message;
      if (message === undefined) await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

Deno.test("a WebSocket with rtsp.onvif.org carries RTSP and media (R067, R133)", async () => {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  const socket = new WebSocket(`ws://127.0.0.1:${weir.port}/live/cam`, "rtsp.onvif.org");
  const reader = new SocketReader(socket);
  await new Promise((resolve) => socket.onopen = resolve);
  assertEquals(socket.protocol, "rtsp.onvif.org");
  const request = async (method: string, headers: Record<string, string> = {}) => {
    const url = method === "SETUP" ? "rtsp://h/live/cam/trackID=0" : "rtsp://h/live/cam";
    const bytes = encodeRequest({ method, url, headers: { CSeq: "1", ...headers } });
    // A message may be cut anywhere.
    socket.send(bytes.slice(0, 11));
    socket.send(bytes.slice(11));
    return await reader.next("response") as RtspResponse;
  };
  assertEquals((await request("OPTIONS")).status, 200);
  assertEquals((await request("DESCRIBE")).status, 200);
  const udp = { Transport: "RTP/AVP;unicast;client_port=5000-5001" };
  assertEquals((await request("SETUP", udp)).status, 461);
  const setUp = await request("SETUP", { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" });
  const session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  assertEquals((await request("PLAY", session)).status, 200);
  for (let number = 0; number < 20; number++) await publisher.frame(0, audioPacket(number));
  for (let number = 0; number < 20;) {
    const frame = await reader.next("frame");
    if (frame.kind !== "frame" || frame.channel !== 0) continue;
    assertEquals(frame.payload.subarray(12), audioPacket(number++).subarray(12));
  }
  socket.close();
  assertEquals((await reader.ended).wasClean, true);
  publisher.close();
  await weir.quiet();
});

Deno.test("a WebSocket client is told 1009 when a frame of its is too large (R133)", async () => {
  await using weir = await start();
  for (const bytes of [300_000, 5_000_000]) {
    const socket = new WebSocket(`ws://127.0.0.1:${weir.port}/live/cam`, "rtsp.onvif.org");
    socket.onerror = (event) => event.preventDefault();
    const reader = new SocketReader(socket);
    await new Promise((resolve) => socket.onopen = resolve);
    socket.send(new Uint8Array(bytes));
    assertEquals((await reader.ended).code, 1009);
  }
});

Deno.test("a WebSocket of another subprotocol is refused (R132)", async () => {
  await using weir = await start();
  const socket = new WebSocket(`ws://127.0.0.1:${weir.port}/live/cam`, "chat");
  socket.onerror = (event) => event.preventDefault();
  await new Promise((resolve) => socket.onclose = resolve);
  assert(weir.log.lines.some(({ fields }) => fields.reason === "malformed-tunnel"));
});

const UPGRADE = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  "Sec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n";

Deno.test("a page of another host plays by a WebSocket, and publishes by credentials alone", async () => {
  const users = { alice: "wonderland" };
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    hooks: { authenticate: fixedUsers(users, { anonymous: ["publish", "play"] }) },
  });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  const statuses = async (origin: string, query = "") => {
    using peer = await RtspPeer.dial(weir.port);
    await peer.send(UPGRADE.replace("\r\n\r\n", `\r\nOrigin: ${origin}\r\n\r\n`));
    await head(peer);
    const ask = async (method: string, url: string, body = "") => {
      const type: Record<string, string> = body === "" ? {} : { "Content-Type": "application/sdp" };
      const headers = { CSeq: "1", ...type };
      await peer.send(masked(2, encodeRequest({ method, url, headers, body })));
      return Number(/ (\d+) /.exec(await head(peer))?.[1]);
    };
    return [
      await ask("DESCRIBE", "rtsp://h/live/cam"),
      await ask("ANNOUNCE", `rtsp://h/live/other${query}`, "m=audio 0 RTP/AVP 0\r\n"),
    ];
  };
  assertEquals(await statuses("http://h:8080"), [200, 200]);
  assertEquals(await statuses("http://other.example"), [200, 403]);
  assertEquals(await statuses("http://other.example", "?user=alice&pass=wonderland"), [200, 200]);
});

/** A client's frame: masked with zeros. */
function masked(opcode: number, payload: Uint8Array | string): Uint8Array {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const length = bytes.length < 126
    ? [0x80 | bytes.length]
    : [0x80 | 126, bytes.length >> 8, bytes.length & 0xff];
  return Uint8Array.of(0x80 | opcode, ...length, 0, 0, 0, 0, ...bytes);
}

Deno.test("pings are answered between the frames, and a close is closed (R133)", async () => {
  await using weir = await start();
  using peer = await RtspPeer.dial(weir.port);
  await peer.send(UPGRADE);
  assertMatch(await head(peer), /^HTTP\/1\.1 101 [\s\S]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  await peer.send(masked(9, "hello"));
  assertEquals(await peer.read(), Uint8Array.of(0x8a, 5, ...new TextEncoder().encode("hello")));
  await peer.send(masked(8, Uint8Array.of(3, 232)));
  assertEquals(await peer.read(), Uint8Array.of(0x88, 2, 3, 232));
  assertEquals(await peer.rest(), "");
});

Deno.test("frames that break RFC 6455 end the connection with the status code for it (R133)", async () => {
  await using weir = await start();
  const wrong = [
    [1002, Uint8Array.of(0x82, 1, 0x41)], // no mask
    [1002, Uint8Array.of(0xc2, 0x81, 0, 0, 0, 0, 0x41)], // an extension
    [1002, masked(3, "")], // no opcode
    [1002, masked(0, "x")], // the continuation of nothing
    [1002, masked(9, new Uint8Array(126))], // a ping that is too long
    [1009, Uint8Array.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)], // 4 GiB
  ] as const;
  for (const [code, bytes] of wrong) {
    using peer = await RtspPeer.dial(weir.port);
    await peer.send(UPGRADE);
    await head(peer);
    await peer.send(bytes);
    assertEquals(await peer.read(), Uint8Array.of(0x88, 2, code >> 8, code & 0xff));
    assertEquals(await peer.rest(), "");
  }
  await weir.quiet();
  const told = weir.log.lines.filter(({ fields }) => /websocket/.test(String(fields.reason)));
  assertEquals(told.length, wrong.length);
});

Deno.test({
  name: "ffmpeg plays through an HTTP tunnel (R130)",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using weir = await start();
    using publisher = await RtspPeer.dial(weir.port);
    await publisher.record();
    const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
    await assertFfmpegPlays(url, { transport: "http", publisher });
    await until(() => weir.server.connectionCount === 1);
  },
});

Deno.test({
  name: "GStreamer plays through an HTTP tunnel (R130)",
  ignore: ignoreWithout("gst-launch-1.0"),
  async fn() {
    await using weir = await start();
    using publisher = await RtspPeer.dial(weir.port);
    await publisher.record();
    await using player = new RunningProcess("gst-launch-1.0", [
      ...["-q", "rtspsrc", `location=rtsph://127.0.0.1:${weir.port}/live/cam`],
      ...["protocols=tcp+http", "!", "rtppcmudepay", "!", "identity", "eos-after=25"],
      ...["!", "fdsink"],
    ]);
    let number = 0;
    const feeding = setInterval(() => {
      publisher.frame(0, audioPacket(number++)).catch(() => {});
    }, 20);
    try {
      // Its exit code does not count: at its own end it may cancel the PAUSE that it was about to send.
      const { stdout, stderr } = await player.ended;
      assert(stdout.length >= 24 * 160, stderr);
      const firsts = stdout.filter((_, at) => at % 160 === 0);
      assert(firsts.every((value, at) => at === 0 || value === (firsts[at - 1]! + 1) % 256));
    } finally {
      clearInterval(feeding);
    }
    const { fields } = await weir.log.line(({ message }) => message === "rtsp play started");
    assertEquals(fields.transport, "tcp");
    await until(() => weir.server.connectionCount === 1);
  },
});
