import { assert, assertEquals, assertMatch } from "@std/assert";
import { audioPacket, RtspPeer, UdpPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

function start(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  return TestServer.start({ rtmp: false, rtsp: LOCAL, ...options });
}

Deno.test("OPTIONS is answered with what is supported, on one connection after the other", async () => {
  await using weir = await start();
  for (let round = 0; round < 3; round++) {
    using peer = await RtspPeer.dial(weir.port);
    const { status, headers } = await peer.request("OPTIONS");
    assertEquals(status, 200);
    assertMatch(headers.get("Public") ?? "", /DESCRIBE.*ANNOUNCE.*SETUP.*PLAY/);
  }
  await weir.quiet();
});

Deno.test("10 000 OPTIONS in one write are answered in order", async () => {
  await using weir = await start();
  using peer = await RtspPeer.dial(weir.port);
  const pieces = Array.from(
    { length: 10_000 },
    () => new TextDecoder().decode(peer.encode("OPTIONS")),
  );
  const sending = peer.send(pieces.join(""));
  for (let number = 1; number <= 10_000; number++) {
    const { status, headers } = await peer.response();
    assertEquals(status, 200);
    assertEquals(headers.get("CSeq"), String(number));
  }
  await sending;
});

Deno.test("a request that comes a byte at a time is answered", async () => {
  await using weir = await start();
  using peer = await RtspPeer.dial(weir.port);
  for (const byte of peer.encode("OPTIONS")) await peer.send(Uint8Array.of(byte));
  assertEquals((await peer.response()).status, 200);
  // What begins like the HTTP of a tunnel, too.
  for (const byte of peer.encode("GET_PARAMETER")) await peer.send(Uint8Array.of(byte));
  assertEquals((await peer.response()).status, 200);
});

Deno.test("a first request that begins like HTTP and is RTSP is answered as RTSP", async () => {
  await using weir = await start();
  for (const method of ["GET_PARAMETER", "POSTER", "GET", "POST"]) {
    using peer = await RtspPeer.dial(weir.port);
    for (const byte of peer.encode(method)) await peer.send(Uint8Array.of(byte));
    assertEquals((await peer.response()).status, method === "GET_PARAMETER" ? 200 : 501);
    assertEquals((await peer.request("OPTIONS")).status, 200);
  }
});

Deno.test("CSeq missing, with NUL, huge or no number ends the connection with 400", async () => {
  await using weir = await start();
  for (const line of ["", "CSeq: 1\0\r\n", `CSeq: ${"9".repeat(3000)}\r\n`, "CSeq: one\r\n"]) {
    using peer = await RtspPeer.dial(weir.port);
    await peer.send(`OPTIONS rtsp://127.0.0.1/s RTSP/1.0\r\n${line}\r\n`);
    assertMatch(await peer.rest(), /^RTSP\/1\.0 400 /);
  }
  assertEquals(weir.log.lines.filter(({ level }) => level === "warn").length, 4);
});

Deno.test("garbage ends one connection, and never another", async () => {
  await using weir = await start();
  using bystander = await RtspPeer.dial(weir.port);
  assertEquals((await bystander.request("OPTIONS")).status, 200);
  const random = crypto.getRandomValues(new Uint8Array(65_536));
  const inputs: (Uint8Array | string)[] = [
    new Uint8Array(70_000),
    new Uint8Array(70_000).fill(0x41),
    "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".repeat(7000),
    "hello\r\n\r\n",
    `OPTIONS ${"x".repeat(70_000)} RTSP/1.0\r\n\r\n`,
    "GET /\r\n\r\n",
    `GET /${"x".repeat(70_000)}`,
    `$\0\0\x04abcd`,
    random,
  ];
  for (const input of inputs) {
    using peer = await RtspPeer.dial(weir.port);
    // The server may close while there is more to send.
    await peer.send(input).catch(() => {});
    await peer.conn.closeWrite().catch(() => {});
    await peer.rest();
  }
  assertEquals((await bystander.request("OPTIONS")).status, 200);
  bystander.close();
  await weir.quiet();
});

Deno.test("HTTP that opens no tunnel is answered with HTTP 400 and closed (R132)", async () => {
  await using weir = await start();
  for (
    const head of [
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
      "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\n\r\n",
    ]
  ) {
    using peer = await RtspPeer.dial(weir.port);
    await peer.send(head);
    assertMatch(await peer.rest(), /^HTTP\/1\.1 400 Bad Request\r\n/, head);
  }
  await weir.quiet();
});

Deno.test("what is cut at any byte and closed leaves nothing behind", async () => {
  await using weir = await start();
  const request = "OPTIONS rtsp://127.0.0.1/s RTSP/1.0\r\nCSeq: 1\r\n\r\n";
  await Promise.all(Array.from({ length: request.length }, async (_, length) => {
    using peer = await RtspPeer.dial(weir.port);
    await peer.send(request.slice(0, length));
    await peer.conn.closeWrite();
    assertEquals(await peer.rest(), "");
  }));
  await weir.quiet();
});

Deno.test("a session ends with its connection before RECORD, whether SETUP went well or not (R026)", async () => {
  await using weir = await start();
  for (const url of [undefined, "rtsp://127.0.0.1/live/cam/streamid=7"]) {
    using peer = await RtspPeer.dial(weir.port);
    const session = await peer.announce(TCP);
    if (url !== undefined) {
      const again = await peer.request("SETUP", { url, headers: { ...session, Transport: TCP } });
      assert(again.status >= 400);
    }
    peer.close();
    await weir.quiet();
    using other = await RtspPeer.dial(weir.port);
    assertEquals((await other.request("OPTIONS", { headers: session })).status, 454);
  }
});

Deno.test("after TEARDOWN the session is gone, and its connection goes on (R027)", async () => {
  await using weir = await start();
  using peer = await RtspPeer.dial(weir.port);
  const session = await peer.record();
  await until(() => weir.server.hub.get("live/cam")?.isLive === true);
  assertEquals((await peer.request("TEARDOWN", { headers: session })).status, 200);
  assertEquals(weir.server.hub.get("live/cam"), undefined);
  assertEquals((await peer.request("OPTIONS")).status, 200);
  assertEquals((await peer.request("OPTIONS", { headers: session })).status, 454);
  // ANNOUNCE again: a new session on the same connection.
  await peer.record();
  assert(weir.server.hub.get("live/cam")?.isLive);
});

Deno.test("clients are told five seconds less than the session has (R028)", async () => {
  await using weir = await start({ rtspSession: { idleTimeoutMs: 30_000 } });
  using peer = await RtspPeer.dial(weir.port);
  const { headers } = await peer.request("ANNOUNCE", {
    headers: { "Content-Type": "application/sdp" },
    body: "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
  });
  assertMatch(headers.get("Session") ?? "", /;timeout=25$/);
});

Deno.test("a recording session over UDP outlives its control connection (R029)", async () => {
  await using weir = await start({ rtp: LOCAL });
  using media = new UdpPeer();
  const first = await RtspPeer.dial(weir.port);
  const session = await first.announce(`RTP/AVP;unicast;client_port=${media.ports}`);
  assertEquals((await first.request("RECORD", { headers: session })).status, 200);
  first.close();
  await weir.quiet();
  using second = await RtspPeer.dial(weir.port);
  assertEquals((await second.request("GET_PARAMETER", { headers: session })).status, 200);
  // Its packets still count.
  const rtp = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!;
  await media.send(audioPacket(1), rtp.port);
  await until(() => weir.server.hub.get("live/cam")?.publication?.statistics.units === 1);
  assertEquals((await second.request("TEARDOWN", { headers: session })).status, 200);
  // Datagrams that were on their way may still come for a moment.
  await until(() => weir.server.hub.get("live/cam") === undefined);
});

Deno.test("a playing session over UDP outlives its control connection (R029)", async () => {
  await using weir = await start({ rtp: LOCAL });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using media = new UdpPeer();
  const first = await RtspPeer.dial(weir.port);
  const setUp = await first.request("SETUP", {
    url: `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`,
    headers: { Transport: `RTP/AVP;unicast;client_port=${media.ports}` },
  });
  assertEquals(setUp.status, 200);
  const session = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  assertEquals((await first.request("PLAY", { headers: session })).status, 200);
  first.close();
  await until(() => weir.server.connectionCount === 1);
  using second = await RtspPeer.dial(weir.port);
  assertEquals((await second.request("GET_PARAMETER", { headers: session })).status, 200);
  await publisher.frame(0, audioPacket(7));
  const packet = await media.receive();
  assertEquals(packet.subarray(12), audioPacket(7).subarray(12));
  assertEquals((await second.request("TEARDOWN", { headers: session })).status, 200);
});

Deno.test("a session of TCP is closed to every other connection", async () => {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  const session = await publisher.record();
  for (const method of ["OPTIONS", "PAUSE", "TEARDOWN", "RECORD", "GET_PARAMETER"]) {
    using stranger = await RtspPeer.dial(weir.port);
    assert((await stranger.request(method, { headers: session })).status >= 400, method);
  }
  assert(weir.server.hub.get("live/cam")?.isLive);
  await publisher.frame(0, audioPacket(1));
  await until(() => weir.server.hub.get("live/cam")?.publication?.statistics.units === 1);
});

Deno.test("interleaved frames on a UDP session end the connection, not the server", async () => {
  await using weir = await start({ rtp: LOCAL });
  using peer = await RtspPeer.dial(weir.port);
  using media = new UdpPeer();
  const session = await peer.announce(`RTP/AVP;unicast;client_port=${media.ports}`);
  await peer.request("RECORD", { headers: session });
  await peer.frame(0, audioPacket(1));
  assertEquals(await peer.rest(), "");
  using other = await RtspPeer.dial(weir.port);
  assertEquals((await other.request("OPTIONS")).status, 200);
});

Deno.test("client ports 0, 1 and below 1024, and a destination elsewhere, are refused", async () => {
  await using weir = await start({ rtp: LOCAL });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using peer = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
  for (
    const [transport, status] of [
      ["client_port=0-1", 400],
      ["client_port=1-2", 400],
      ["client_port=1022-1023", 400],
      ["client_port=5000-5000", 400],
      ["destination=192.0.2.7;client_port=5000-5001", 403],
    ] as const
  ) {
    const headers = { Transport: `RTP/AVP;unicast;${transport}` };
    assertEquals((await peer.request("SETUP", { url, headers })).status, status, transport);
  }
});

Deno.test("without RTP ports UDP is refused with 461, and TCP goes on", async () => {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using peer = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
  const setUp = async (transport: string) =>
    (await peer.request("SETUP", { url, headers: { Transport: transport } })).status;
  assertEquals(await setUp("RTP/AVP;unicast;client_port=5000-5001"), 461);
  assertEquals(await setUp("RTP/AVP;multicast"), 461);
  assertEquals(await setUp("RTP/SAVP/TCP;interleaved=0-1"), 461);
  assertEquals(await setUp(TCP), 200);
});

Deno.test("a server that stops tells its RTSP connections, half-open tunnels too", async () => {
  const weir = await start();
  using idle = await RtspPeer.dial(weir.port);
  using known = await RtspPeer.dial(weir.port);
  await known.request("OPTIONS");
  using tunnel = await RtspPeer.dial(weir.port);
  await tunnel.send("GET / HTTP/1.0\r\nx-sessioncookie: stop\r\n\r\n");
  await tunnel.read();
  const before = performance.now();
  await weir.server.stop();
  assert(performance.now() - before < 3000);
  assertEquals(await idle.rest() + await known.rest() + await tunnel.rest(), "");
});

Deno.test("a SETUP that is refused in the end leaves no reader behind", async () => {
  await using weir = await start({ timing: { describeWaitMs: 300 } });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  const stream = weir.server.hub.get("live/cam")!;
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  using peer = await RtspPeer.dial(weir.port);
  const setUp = (track: number) =>
    peer.request("SETUP", { url: `${url}/trackID=${track}`, headers: { Transport: TCP } });
  for (let round = 0; round < 3; round++) assertEquals((await setUp(9)).status, 404);
  assertEquals(stream.readerCount, 0);
  assertEquals((await setUp(0)).status, 200);
  assertEquals(stream.readerCount, 1);
  // Whose connection ends while the server waits for the stream is no reader, either.
  const impatient = await RtspPeer.dial(weir.port);
  await impatient.send(
    impatient.encode("SETUP", { url: `${url}2/trackID=0`, headers: { Transport: TCP } }),
  );
  await until(() => weir.server.hub.get("live/cam2") !== undefined);
  impatient.close();
  await until(() => weir.server.connectionCount === 2);
  using late = new RtspPeer(await Deno.connect({ ...LOCAL, port: weir.port }), { url: `${url}2` });
  await late.record();
  assertEquals(weir.server.hub.get("live/cam2")!.readerCount, 0);
});

Deno.test("readers over the bound of the hub are told 503", async () => {
  await using weir = await start({ hub: { maxReaders: 1 } });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using first = await RtspPeer.dial(weir.port);
  using second = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
  const setUp = (peer: RtspPeer) => peer.request("SETUP", { url, headers: { Transport: TCP } });
  assertEquals((await setUp(first)).status, 200);
  assertEquals((await setUp(second)).status, 503);
  assertEquals((await second.request("OPTIONS")).status, 200);
});

Deno.test("an encoder may announce a back channel and unknown media beside what it publishes", async () => {
  await using weir = await start();
  using publisher = await RtspPeer.dial(weir.port);
  const body = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 8\r\na=sendonly\r\na=control:streamid=0\r\n" +
    "m=audio 0 RTP/AVP 0\r\na=control:streamid=1\r\n" +
    "m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\na=control:streamid=2\r\n";
  const headers = { "Content-Type": "application/sdp" };
  assertEquals((await publisher.request("ANNOUNCE", { headers, body })).status, 200);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam/streamid=1`;
  const transport = { Transport: "RTP/AVP/TCP;unicast;interleaved=2-3;mode=record" };
  assertEquals((await publisher.request("SETUP", { url, headers: transport })).status, 200);
  assertEquals((await publisher.request("RECORD")).status, 200);
  await publisher.frame(2, audioPacket(1));
  using player = await RtspPeer.dial(weir.port);
  const { status, body: described } = await player.request("DESCRIBE");
  assertEquals(status, 200);
  assertEquals(new TextDecoder().decode(described).match(/^m=.*/gm), ["m=audio 0 RTP/AVP 0"]);
  const track = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
  await player.request("SETUP", { url: track, headers: { Transport: TCP } });
  await player.request("PLAY");
  for (let number = 2; number < 5; number++) await publisher.frame(2, audioPacket(number));
  let frame = await player.nextFrame();
  // A sender report comes first.
  while (frame.channel !== 0) frame = await player.nextFrame();
  assertEquals(frame.payload.subarray(12), audioPacket(1).subarray(12));
});

/** Sets a track up over UDP by one connection, has another use the session, and ends the first. */
async function handOver(
  weir: TestServer,
  setUp: (first: RtspPeer) => Promise<Record<string, string>>,
): Promise<{ readonly second: RtspPeer; readonly session: Record<string, string> }> {
  const { connectionCount } = weir.server;
  const first = await RtspPeer.dial(weir.port);
  const session = await setUp(first);
  const second = await RtspPeer.dial(weir.port);
  assertEquals((await second.request("OPTIONS", { headers: session })).status, 200);
  first.close();
  await until(() => weir.server.connectionCount === connectionCount + 1);
  return { second, session };
}

Deno.test("a session over UDP that another connection goes on with plays, by what that one may (R029)", async () => {
  const asked: string[] = [];
  await using weir = await start({
    rtp: LOCAL,
    hooks: {
      onPlay: ({ name, connection }) => {
        asked.push(`${name} ${connection.id}`);
        return connection.userAgent === "stranger" ? { refuse: "Not you" } : undefined;
      },
    },
  });
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using media = new UdpPeer();
  const { second, session } = await handOver(weir, async (first) => {
    const { headers } = await first.request("SETUP", {
      url: `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`,
      headers: { Transport: `RTP/AVP;unicast;client_port=${media.ports}` },
    });
    return { Session: headers.get("Session")!.split(";")[0]! };
  });
  using stranger = await RtspPeer.dial(weir.port);
  const refused = await stranger.request("PLAY", {
    headers: { ...session, "User-Agent": "stranger" },
  });
  assertEquals(refused.status, 403);
  assertEquals((await second.request("PLAY", { headers: session })).status, 200);
  await publisher.frame(0, audioPacket(7));
  assertEquals((await media.receive()).subarray(12), audioPacket(7).subarray(12));
  assertEquals(asked.length, 3);
  const ticket = weir.server.tickets.values().map(({ info }) => info).find(({ action }) =>
    action === "play"
  );
  assertEquals(ticket?.state, "live");
  assertEquals((await second.request("GET_PARAMETER", { headers: session })).status, 200);
  second.close();
});

Deno.test("a session over UDP that another connection goes on with records (R029)", async () => {
  await using weir = await start({ rtp: LOCAL });
  using media = new UdpPeer();
  const { second, session } = await handOver(
    weir,
    async (first) => await first.announce(`RTP/AVP;unicast;client_port=${media.ports}`),
  );
  assertEquals((await second.request("RECORD", { headers: session })).status, 200);
  const rtp = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!;
  await media.send(audioPacket(1), rtp.port);
  await until(() => weir.server.hub.get("live/cam")?.publication?.statistics.units === 1);
  second.close();
});
