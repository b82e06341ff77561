import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Server, ServerError } from "../../src/server/mod.ts";
import { encodeRequest } from "../../src/rtsp/mod.ts";
import { makeCertificate } from "../support/certificate.ts";
import {
  assertDecodes,
  ffmpeg,
  makeRecording,
  packetsOf,
  publishArguments,
  TemporaryFolder,
} from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { audioPacket, RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ignore = ignoreWithout("openssl");
const ignoreFfmpeg = ignore || ignoreWithout("ffmpeg");

/** RTSP with and without TLS, or RTMP so; UDP is on, so that its absence on TLS shows. */
async function start(protocol: "rtsp" | "rtmp") {
  const tls = await makeCertificate();
  const weir = await TestServer.start({
    rtmp: false,
    [protocol]: LOCAL,
    [`${protocol}s`]: LOCAL,
    ...(protocol === "rtsp" ? { rtp: LOCAL } : {}),
    tls,
    hub: { lingerMs: 300, maxLagMs: 60_000 },
    timing: { closeMs: 200 },
  });
  const port = (name: string) =>
    weir.server.addresses.find((address) => address.protocol === name)!.port;
  const secure = port(`${protocol}s`);
  return {
    weir,
    plain: port(protocol),
    secure,
    async dial(): Promise<RtspPeer> {
      return new RtspPeer(await Deno.connectTls({ ...LOCAL, port: secure, caCerts: [tls.cert] }));
    },
    [Symbol.asyncDispose]: () => weir[Symbol.asyncDispose](),
  };
}

function play(peer: RtspPeer, transport: string) {
  const { port } = peer.conn.remoteAddr as Deno.NetAddr;
  return peer.request("SETUP", {
    url: `rtsps://127.0.0.1:${port}/live/cam/trackID=0`,
    headers: { Transport: transport },
  });
}

Deno.test({
  name: "RTSPS carries interleaved media, and no datagrams",
  ignore,
  async fn() {
    await using server = await start("rtsp");
    using publisher = await server.dial();
    await publisher.record();
    using player = await server.dial();
    assertEquals((await play(player, "RTP/AVP;unicast;client_port=5000-5001")).status, 461);
    assertEquals((await play(player, "RTP/AVP;multicast")).status, 461);
    const setUp = await play(player, "RTP/AVP/TCP;unicast;interleaved=0-1");
    const headers = { Session: setUp.headers.get("Session")!.split(";")[0]! };
    assertEquals((await player.request("PLAY", { headers })).status, 200);
    for (let number = 0; number < 10; number++) await publisher.frame(0, audioPacket(number));
    for (let number = 0; number < 10;) {
      const { channel, payload } = await player.nextFrame();
      if (channel !== 0) continue;
      assertEquals(payload.subarray(12), audioPacket(number++).subarray(12));
    }
    // The same stream without TLS.
    using plain = await RtspPeer.dial(server.plain);
    assertEquals((await plain.request("DESCRIBE")).status, 200);
  },
});

const GET = "GET / HTTP/1.0\r\nx-sessioncookie: tls\r\n\r\n";
const POST = "POST / HTTP/1.0\r\nx-sessioncookie: tls\r\n\r\n";
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

Deno.test({
  name: "both tunnels work over TLS, and never together with one that does not (R130, R133)",
  ignore,
  async fn() {
    await using server = await start("rtsp");
    using down = await server.dial();
    await down.send(GET);
    assertMatch(text(await down.read()), /^HTTP\/1\.1 200 /);
    using plain = await RtspPeer.dial(server.plain);
    await plain.send(POST);
    assertMatch(await plain.rest(), /^HTTP\/1\.1 400 /);
    using up = await server.dial();
    await up.send(POST);
    assertMatch(text(await up.read()), /^HTTP\/1\.1 200 /);
    const options = encodeRequest({
      method: "OPTIONS",
      url: "rtsp://h/s",
      headers: { CSeq: "1" },
    });
    await up.send(options.toBase64());
    assertEquals((await down.response()).status, 200);

    using socket = await server.dial();
    await socket.send(
      "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        "Sec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n",
    );
    assertMatch(text(await socket.read()), /^HTTP\/1\.1 101 /);
    await socket.send(Uint8Array.of(0x82, 0x80 | options.length, 0, 0, 0, 0, ...options));
    assertMatch(text((await socket.read())?.subarray(4)), /^RTSP\/1\.0 200 /);
  },
});

for (const protocol of ["rtsp", "rtmp"] as const) {
  Deno.test({
    name:
      `failed TLS handshakes on ${protocol}s end one connection each, and are told once a second`,
    ignore,
    async fn() {
      await using server = await start(protocol);
      const { weir, secure } = server;
      // What a server says of its permissions as it starts is not of its clients.
      const linesAtStart = weir.log.lines.length;
      using bystander = await server.dial();
      await (bystander.conn as Deno.TlsConn).handshake();
      const begin = performance.now();
      for (let tries = 0; tries < 20; tries++) {
        for (
          const bytes of ["OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "\x03" + "\0".repeat(1536)]
        ) {
          using peer = await RtspPeer.dial(secure);
          await peer.send(bytes);
          await peer.rest();
        }
      }
      await assertRejects(async () => {
        using conn = await Deno.connectTls({ ...LOCAL, port: secure });
        await conn.handshake();
      }, Deno.errors.InvalidData);
      const of = (level: string) =>
        weir.log.lines.slice(linesAtStart).filter((line) => line.level === level);
      const failed = () => of("debug").filter(({ fields }) => fields.reason === "tls-handshake");
      await until(() => failed().length === 41);
      // One that goes before it has said anything is nothing to tell of.
      (await RtspPeer.dial(secure)).close();
      await until(() => weir.server.connectionCount === 1);

      const seconds = (performance.now() - begin) / 1000;
      const told = of("info").filter(({ message }) => message.includes("shake hands for TLS"));
      assertEquals(of("warn"), []);
      assert(told.length >= 1 && told.length <= 1 + seconds, `${told.length} in ${seconds} s`);
      assertEquals(told[0]?.fields.count, 1);
      assertEquals(failed().length, 41);
      if (protocol === "rtsp") assertEquals((await bystander.request("OPTIONS")).status, 200);
      else {
        await bystander.send(Uint8Array.of(3, ...new Uint8Array(1536)));
        assertEquals((await bystander.read())?.[0], 3);
      }
    },
  });
}

Deno.test({
  name: "ffmpeg publishes and plays by RTMPS, and gets every frame",
  ignore: ignoreFfmpeg,
  async fn() {
    await using server = await start("rtmp");
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 2 });
    const url = `rtmps://127.0.0.1:${server.secure}/live/cam`;
    await using player = ffmpeg(["-i", url, "-c", "copy", received]);
    await server.weir.log.line(({ message }) => message === "rtmp play waits for a publisher");
    await using publisher = ffmpeg(publishArguments(source, url, { paced: false }));
    assertEquals((await publisher.ended).code, 0);
    assertEquals((await player.ended).code, 0);
    const hashes = async (path: string) => (await packetsOf(path)).map(({ hash }) => hash);
    assertEquals(await hashes(received), await hashes(source));
    await assertDecodes(received);
  },
});

Deno.test({
  name: "ffmpeg publishes and plays by RTSPS",
  ignore: ignoreFfmpeg,
  async fn() {
    await using server = await start("rtsp");
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 2 });
    const url = `rtsps://127.0.0.1:${server.secure}/live/cam`;
    await using publisher = ffmpeg([
      ...["-re", "-stream_loop", "20", "-i", source, "-c", "copy"],
      ...["-rtsp_transport", "tcp", "-f", "rtsp", url],
    ]);
    await until(() => (server.weir.server.hub.get("live/cam")?.lastDtsUs ?? 0) > 0);
    await using player = ffmpeg(["-i", url, "-frames:v", "50", "-f", "framemd5", "-"]);
    const { code, stdout, stderr } = await player.ended;
    assertEquals([code, stderr], [0, ""]);
    const frames = text(stdout).split("\n").filter((line) => line.startsWith("0,"));
    assertEquals(frames.length, 50);
    publisher.kill("SIGTERM");
    await publisher.ended;
  },
});

Deno.test("a certificate that is none is told at the start", async () => {
  const server = new Server({ rtsps: LOCAL, tls: { cert: "no", key: "no" } });
  const error = await assertRejects(() => server.listen(), ServerError);
  assertEquals(error.code, "certificate");
  assert(error.message.startsWith("Cannot listen for rtsps"));
});

Deno.test({
  name: "a key that belongs to another certificate is told at the start",
  ignore,
  async fn() {
    const [{ cert }, { key }] = await Promise.all([makeCertificate(), makeCertificate()]);
    const server = new Server({ rtmps: LOCAL, tls: { cert, key } });
    const error = await assertRejects(() => server.listen(), ServerError);
    assertEquals(error.code, "certificate");
  },
});
