import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../support/split.ts";
import { audioPacket, RtspPeer, SDP, UdpPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

/** `TestServer` asserts at its end that nothing of the server itself has failed. */
function start(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  return TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL, ...options });
}

interface Scene {
  readonly weir: TestServer;
  readonly peer: RtspPeer;
  readonly url: string;
  /** The status of a request; 0 where the server has closed instead. */
  ask(method: string, headers?: Record<string, string>, path?: string): Promise<number>;
  /** Sets the first track up for playing. */
  setUp(transport?: string): Promise<Record<string, string>>;
}

/** Runs `act` beside a publisher and a bystander, who must not notice. */
async function stage(act: (scene: Scene) => Promise<void>): Promise<void> {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using bystander = await RtspPeer.dial(weir.port);
  await bystander.request("OPTIONS");
  using peer = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  await act({
    weir,
    peer,
    url,
    async ask(method, headers = {}, path = "") {
      await peer.send(peer.encode(method, { url: url + path, headers }));
      for (;;) {
        const message = await peer.message();
        if (message === undefined) return 0;
        if (message.kind === "response") return message.status;
      }
    },
    async setUp(transport = TCP) {
      const response = await peer.request("SETUP", {
        url: `${url}/trackID=0`,
        headers: { Transport: transport },
      });
      assertEquals(response.status, 200);
      return { Session: response.headers.get("Session")!.split(";")[0]! };
    },
  });
  peer.close();
  assertEquals((await bystander.request("OPTIONS")).status, 200);
  const before = weir.server.hub.get("live/cam")!.publication!.statistics.units;
  await publisher.frame(0, audioPacket(1));
  await until(() => weir.server.hub.get("live/cam")!.publication!.statistics.units > before);
  await until(() => weir.server.hub.get("live/cam")!.readerCount === 0);
}

Deno.test("attack: SETUP SETUP PLAY TEARDOWN of one track", async () => {
  await stage(async ({ ask, setUp }) => {
    const session = await setUp();
    assertEquals(await ask("SETUP", { ...session, Transport: TCP }, "/trackID=0"), 400);
    assertEquals(await ask("PLAY", session), 200);
    assertEquals(await ask("TEARDOWN", session), 200);
    assertEquals(await ask("PLAY", session), 454);
  });
});

Deno.test("attack: PLAY PLAY TEARDOWN PLAY", async () => {
  await stage(async ({ ask, setUp }) => {
    const session = await setUp();
    assertEquals(await ask("PLAY", session), 200);
    assertEquals(await ask("PLAY", session), 200);
    assertEquals(await ask("TEARDOWN", session), 200);
    assertEquals(await ask("PLAY", session), 454);
    assertEquals(await ask("PLAY"), 454);
  });
});

Deno.test("attack: ANNOUNCE TEARDOWN RECORD", async () => {
  await stage(async ({ weir, ask, peer, url }) => {
    const announced = await peer.request("ANNOUNCE", {
      url: `${url}3`,
      headers: { "Content-Type": "application/sdp" },
      body: SDP,
    });
    const session = { Session: announced.headers.get("Session")!.split(";")[0]! };
    assertEquals(await ask("TEARDOWN", session, "3"), 200);
    assertEquals(await ask("RECORD", session, "3"), 454);
    assertEquals(weir.server.hub.get("live/cam3"), undefined);
  });
});

Deno.test("attack: a second publisher of a name, with SETUP and RECORD, does not replace the first", async () => {
  await using weir = await start({ hub: { conflict: "reject" } });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using thief = await RtspPeer.dial(weir.port);
  const headers = await thief.announce(TCP);
  assertEquals((await thief.request("RECORD", { headers })).status, 403);
  await thief.frame(0, audioPacket(1));
  await publisher.frame(0, audioPacket(2));
  const { publication } = weir.server.hub.get("live/cam")!;
  await until(() => publication!.statistics.units === 1);
});

Deno.test("attack: empty and odd SETUP paths", async () => {
  for (const path of ["", "/", "//", "/trackID=", "/trackID=-1", "/trackID=99999999999", "/%00"]) {
    await stage(async ({ ask }) => {
      const status = await ask("SETUP", { Transport: TCP }, path);
      assert(status === 0 || status >= 400 || path === "/", `${path}: ${status}`);
    });
  }
  for (const url of ["*", "", "rtsp://", "rtsp://h", "/live/cam", "http://h/live/cam/trackID=0"]) {
    await stage(async ({ peer }) => {
      await peer.send(`SETUP ${url} RTSP/1.0\r\nCSeq: 1\r\nTransport: ${TCP}\r\n\r\n`);
      await peer.conn.closeWrite();
      assert(!(await peer.rest()).startsWith("RTSP/1.0 2"), url);
    });
  }
});

Deno.test("attack: DESCRIBE while the publisher is replaced, again and again", async () => {
  await using weir = await start({ hub: { conflict: "takeover" } });
  const describing = (async () => {
    using peer = await RtspPeer.dial(weir.port);
    for (let round = 0; round < 30; round++) {
      const { status } = await peer.request("DESCRIBE");
      assert(status === 200 || status === 404, String(status));
    }
  })();
  for (let round = 0; round < 10; round++) {
    using publisher = await RtspPeer.dial(weir.port);
    await publisher.record();
  }
  using last = await RtspPeer.dial(weir.port);
  await last.record();
  await describing;
});

Deno.test("each request with each of its headers left out is answered or closed, and harms nobody", async () => {
  const all: Record<string, Record<string, string>> = {
    OPTIONS: { CSeq: "1", "User-Agent": "x" },
    DESCRIBE: { CSeq: "1", Accept: "application/sdp" },
    SETUP: { CSeq: "1", Transport: TCP },
    PLAY: { CSeq: "1", Session: "x", Range: "npt=0-" },
    PAUSE: { CSeq: "1", Session: "x" },
    ANNOUNCE: { CSeq: "1", "Content-Type": "application/sdp", "Content-Length": "0" },
    RECORD: { CSeq: "1", Session: "x" },
    TEARDOWN: { CSeq: "1", Session: "x" },
    GET_PARAMETER: { CSeq: "1", Session: "x" },
    SET_PARAMETER: { CSeq: "1", "Content-Type": "text/parameters" },
  };
  await stage(async ({ weir, url }) => {
    for (const [method, headers] of Object.entries(all)) {
      for (const left of ["", ...Object.keys(headers)]) {
        using peer = await RtspPeer.dial(weir.port);
        const lines = Object.entries(headers).filter(([name]) => name !== left)
          .map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const target = method === "SETUP" ? `${url}/trackID=0` : url;
        await peer.send(`${method} ${target} RTSP/1.0\r\n${lines}\r\n`);
        await peer.conn.closeWrite();
        const answer = await peer.rest();
        assert(answer.startsWith("RTSP/1.0 "), `${method} without ${left}: ${answer}`);
      }
    }
  });
});

Deno.test("a publisher's dialogue that is cut anywhere leaves no stream and no session", async () => {
  await using weir = await start();
  const url = `rtsp://127.0.0.1:${weir.port}/live/cut`;
  const dialogue = `ANNOUNCE ${url} RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n` +
    `Content-Length: ${SDP.length}\r\n\r\n${SDP}` +
    `SETUP ${url}/streamid=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: ${TCP};mode=record\r\n\r\n` +
    `RECORD ${url} RTSP/1.0\r\nCSeq: 3\r\n\r\n$\0\0\xac`;
  for (let from = 0; from < dialogue.length; from += 64) {
    const lengths = Array.from(
      { length: Math.min(64, dialogue.length - from) },
      (_, at) => from + at,
    );
    await Promise.all(lengths.map(async (length) => {
      using peer = await RtspPeer.dial(weir.port);
      await peer.send(Uint8Array.from(dialogue.slice(0, length), (char) => char.charCodeAt(0)));
      await peer.conn.closeWrite();
      await peer.rest();
    }));
  }
  await weir.quiet();
  assertEquals(weir.server.hub.get("live/cut"), undefined);
});

/** Media of every kind that is looked into. */
const RICH_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n" + [
  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1",
  "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000",
  "m=video 0 RTP/AVP 98\r\na=rtpmap:98 VP8/90000",
  "m=video 0 RTP/AVP 99\r\na=rtpmap:99 VP9/90000",
  "m=video 0 RTP/AVP 100\r\na=rtpmap:100 AV1/90000",
  "m=audio 0 RTP/AVP 101\r\na=rtpmap:101 mpeg4-generic/48000/2\r\n" +
  "a=fmtp:101 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190",
  "m=audio 0 RTP/AVP 102\r\na=rtpmap:102 MP4A-LATM/48000/2\r\na=fmtp:102 cpresent=1",
  "m=audio 0 RTP/AVP 103\r\na=rtpmap:103 opus/48000/2",
  "m=audio 0 RTP/AVP 14",
  "m=audio 0 RTP/AVP 104\r\na=rtpmap:104 AC3/48000",
  "m=video 0 RTP/AVP 105\r\na=rtpmap:105 MP4V-ES/90000",
  "m=application 0 RTP/AVP 106\r\na=rtpmap:106 vnd.onvif.metadata/90000",
].map((media, index) => `${media}\r\na=control:streamid=${index}\r\n`).join("");
const RICH_TYPES = [96, 97, 98, 99, 100, 101, 102, 103, 14, 104, 105, 106];

/** Packets with right headers and any payload, or with any bytes at all. */
function* oddPackets(seed: number, count: number): Generator<{ track: number; bytes: Uint8Array }> {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const numbers = RICH_TYPES.map(() => 0);
  for (let round = 0; round < count; round++) {
    const track = below(RICH_TYPES.length);
    const bytes = Uint8Array.from({ length: below(60) }, () => below(256));
    if (bytes.length >= 12 && random() < 0.9) {
      const view = new DataView(bytes.buffer);
      bytes[0] = random() < 0.9 ? 0x80 : 0x80 | below(64);
      bytes[1] = RICH_TYPES[track]! | (random() < 0.5 ? 0x80 : 0);
      view.setUint16(
        2,
        numbers[track] = (numbers[track]! + (random() < 0.95 ? 1 : below(100))) & 0xffff,
      );
      view.setUint32(4, random() < 0.9 ? round * 90 : below(2 ** 32));
      view.setUint32(8, track);
    }
    yield { track, bytes };
  }
}

async function announceAll(peer: RtspPeer, url: string, transport: (track: number) => string) {
  const announced = await peer.request("ANNOUNCE", {
    url,
    headers: { "Content-Type": "application/sdp" },
    body: RICH_SDP,
  });
  assertEquals(announced.status, 200);
  const headers = { Session: announced.headers.get("Session")!.split(";")[0]! };
  for (const track of RICH_TYPES.keys()) {
    const { status } = await peer.request("SETUP", {
      url: `${url}/streamid=${track}`,
      headers: { ...headers, Transport: `${transport(track)};mode=record` },
    });
    assertEquals(status, 200);
  }
  assertEquals((await peer.request("RECORD", { url, headers })).status, 200);
  return headers;
}

Deno.test("odd payloads of every codec over TCP, with a player, break nothing (seeds 1 to 5)", async () => {
  await using weir = await start();
  for (let seed = 1; seed <= 5; seed++) {
    const url = `rtsp://127.0.0.1:${weir.port}/live/odd${seed}`;
    using peer = await RtspPeer.dial(weir.port);
    const headers = await announceAll(
      peer,
      url,
      (track) => `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`,
    );
    using player = await RtspPeer.dial(weir.port);
    let session: Record<string, string> = {};
    for (const track of RICH_TYPES.keys()) {
      const setUp = await player.request("SETUP", {
        url: `${url}/trackID=${track}`,
        headers: { ...session, Transport: "RTP/AVP/TCP;unicast" },
      });
      assertEquals(setUp.status, 200, `track ${track}`);
      session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
    }
    assertEquals((await player.request("PLAY", { url, headers: session })).status, 200);
    const ended = player.rest();
    for (const { track, bytes } of oddPackets(seed, 3000)) {
      await peer.frame(track * 2 + (bytes.length % 11 === 0 ? 1 : 0), bytes);
    }
    assertEquals((await peer.request("TEARDOWN", { url, headers })).status, 200, `seed ${seed}`);
    player.close();
    await ended;
  }
});

Deno.test("odd payloads of every codec over UDP break nothing (seed 6)", async () => {
  await using weir = await start();
  const url = `rtsp://127.0.0.1:${weir.port}/live/odd`;
  using peer = await RtspPeer.dial(weir.port);
  await using sockets = new AsyncDisposableStack();
  const media = RICH_TYPES.map(() => sockets.use(new UdpPeer()));
  const headers = await announceAll(
    peer,
    url,
    (track) => `RTP/AVP;unicast;client_port=${media[track]!.port}-${61_000 + track}`,
  );
  const rtp = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!.port;
  for (const { track, bytes } of oddPackets(6, 3000)) {
    await media[track]!.send(bytes, rtp + (bytes.length % 11 === 0 ? 1 : 0));
  }
  assertEquals((await peer.request("TEARDOWN", { url, headers })).status, 200);
});
