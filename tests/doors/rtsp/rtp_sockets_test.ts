import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtpSockets } from "../../../src/doors/rtsp/rtp_sockets.ts";
import { Server, ServerError } from "../../../src/server/mod.ts";
import { audioPacket, RtspPeer, UdpPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

Deno.test("an odd RTP port is refused (R003)", async () => {
  await assertRejects(
    () => RtpSockets.bind({ ...LOCAL, port: 8001 }),
    RangeError,
    "the first one must be even: current value is 8001",
  );
  const server = new Server({ rtsp: LOCAL, rtp: { ...LOCAL, port: 8001 } });
  await assertRejects(() => server.listen(), RangeError);
});

Deno.test("RTCP is on the port after RTP's, which cannot be told otherwise (R003, R004)", async () => {
  for (let round = 0; round < 10; round++) {
    const sockets = await RtpSockets.bind(LOCAL);
    const [rtp, rtcp] = sockets.ports;
    assertEquals([rtp % 2, rtcp], [0, rtp + 1]);
    await sockets.close();
    const again = await RtpSockets.bind({ ...LOCAL, port: rtp });
    assertEquals(again.ports, [rtp, rtcp]);
    await again.close();
  }
});

Deno.test("a pair whose second port is taken is refused, and its first is free again", async () => {
  const sockets = await RtpSockets.bind(LOCAL);
  const [rtp] = sockets.ports;
  await sockets.close();
  const other = Deno.listenDatagram({ ...LOCAL, port: rtp + 1, transport: "udp" });
  try {
    const server = new Server({ rtsp: LOCAL, rtp: { ...LOCAL, port: rtp } });
    const error = await assertRejects(() => server.listen(), ServerError);
    assertEquals(error.code, "address-in-use");
    assertEquals(server.addresses, []);
    Deno.listenDatagram({ ...LOCAL, port: rtp, transport: "udp" }).close();
  } finally {
    other.close();
  }
});

Deno.test("only datagrams of a registered address and port count, the others are counted", async () => {
  const sockets = await RtpSockets.bind(LOCAL);
  using known = new UdpPeer();
  using stranger = new UdpPeer();
  const received: string[] = [];
  const handler = (kind: string) => (bytes: Uint8Array): void => {
    received.push(`${kind} ${bytes[0]}`);
  };
  const peer = { hostname: "127.0.0.1", port: known.port };
  const [rtp, rtcp] = sockets.ports;
  sockets.register(peer, { rtcp: false, handler: handler("rtp") });
  await stranger.send(Uint8Array.of(1), rtp);
  // The same address on the port that it is not registered for is a stranger, too.
  await known.send(Uint8Array.of(2), rtcp);
  await until(() => sockets.strangers === 2);
  await known.send(new Uint8Array(2048), rtp);
  await known.send(Uint8Array.of(3), rtp);
  await until(() => received.length === 1);
  assertEquals(received, ["rtp 3"]);
  sockets.register(peer, { rtcp: true, handler: handler("rtcp") });
  await known.send(Uint8Array.of(4), rtcp);
  await until(() => received.length === 2);
  assertEquals(received[1], "rtcp 4");
  sockets.unregister(peer);
  await known.send(Uint8Array.of(5), rtp);
  await known.send(Uint8Array.of(6), rtcp);
  await until(() => sockets.strangers === 4);
  assertEquals(received.length, 2);
  await sockets.close();
});

Deno.test("RTP goes out from the first port, RTCP from the second", async () => {
  const sockets = await RtpSockets.bind(LOCAL);
  using peer = new UdpPeer();
  for (const rtcp of [false, true]) {
    await sockets.send(Uint8Array.of(1), { peer: { ...LOCAL, port: peer.port }, rtcp });
    const [, from] = await peer.conn.receive();
    assertEquals((from as Deno.NetAddr).port, sockets.ports[rtcp ? 1 : 0]);
  }
  await sockets.close();
});

Deno.test("a server stops twice without an error, and frees its ports (R001, R002)", async () => {
  const server = new Server({ rtsp: LOCAL, rtp: LOCAL });
  await server.listen();
  const addresses = server.addresses;
  assertEquals(addresses.map(({ protocol }) => protocol).sort(), ["rtp", "rtsp"]);
  assert(addresses.every(({ port }) => port > 0));
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  const [rtp, rtsp] = ["rtp", "rtsp"].map((protocol) => {
    const { hostname, port } = addresses.find((address) => address.protocol === protocol)!;
    return { hostname, port };
  });
  const second = new Server({ rtsp: rtsp!, rtp: rtp! });
  await second.listen();
  await second.stop();
});

Deno.test("packets of a stranger never get into a stream", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL });
  using publisher = await RtspPeer.dial(weir.port);
  using media = new UdpPeer();
  using stranger = new UdpPeer();
  const headers = await publisher.announce(`RTP/AVP;unicast;client_port=${media.ports}`);
  const rtp = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!;
  // Before RECORD, even the publisher's own are a stranger's.
  await media.send(audioPacket(1), rtp.port);
  assertEquals((await publisher.request("RECORD", { headers })).status, 200);
  // It is told that the way is open (RFC 2326 says nothing of it; firewalls do).
  assertEquals((await media.receive())[0], 0x80);
  await stranger.send(audioPacket(2), rtp.port);
  await media.send(audioPacket(3), rtp.port);
  const publication = weir.server.hub.get("live/cam")!.publication!;
  await until(() => publication.statistics.units === 1);
  assertEquals(publication.statistics.bytes, 172);
});

Deno.test("what is no RTP or RTCP is counted and never fatal (R090)", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: LOCAL });
  using publisher = await RtspPeer.dial(weir.port);
  const headers = await publisher.record();
  for (const channel of [0, 1]) {
    for (const bytes of [[], [0x80], [0x80, 201], [0, 0, 0, 0], new Array(2000).fill(0xff)]) {
      await publisher.frame(channel, Uint8Array.from(bytes));
    }
  }
  await publisher.frame(0, audioPacket(1));
  await until(() => weir.server.hub.get("live/cam")!.publication!.statistics.units === 1);
  assertEquals((await publisher.request("TEARDOWN", { headers })).status, 200);
  const { fields } = await weir.log.line(({ message }) => message === "rtsp publish ended");
  assertEquals(fields.malformed, 10);
});
