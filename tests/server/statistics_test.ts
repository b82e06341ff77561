import { assertEquals } from "@std/assert";
import { buildRtcp } from "../../src/rtp/mod.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { audioPacket, RtspPeer, UdpPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
/** Bytes of a packet of media, and of the same behind its interleaving. */
const PACKET = audioPacket(0).length;
const FRAME = PACKET + 4;
// Before the second report of a track, which comes at 0.4 s.
const PACKETS = 19;

/** Sets up, plays, and returns the `Session` header. */
async function play(peer: RtspPeer, url: string, transport: string) {
  const setUp = await peer.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: transport },
  });
  assertEquals(setUp.status, 200);
  const headers = { Session: setUp.headers.get("Session")!.split(";")[0]! };
  assertEquals((await peer.request("PLAY", { headers })).status, 200);
  return headers;
}

Deno.test("bytes and packets are counted for each connection, session and stream (R096)", async () => {
  await using weir = await TestServer.start({ rtsp: LOCAL, rtp: LOCAL });
  const { server } = weir;
  const port = server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
  const url = `rtsp://127.0.0.1:${port}/live/cam`;
  using publisher = await RtspPeer.dial(port);
  await publisher.record();
  using shared = await RtspPeer.dial(port);
  await play(shared, url, "RTP/AVP/TCP;unicast;interleaved=0-1");
  using other = await RtspPeer.dial(port);
  await play(other, url, "RTP/AVP/TCP;unicast;interleaved=6-7");
  using udp = await RtspPeer.dial(port);
  using media = new UdpPeer();
  await play(udp, url, `RTP/AVP;unicast;client_port=${media.ports}`);
  // The fourth has set up, and does not play.
  using idle = await RtspPeer.dial(port);
  await idle.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
  });

  let receivedBytes = 0;
  for (let number = 0; number < PACKETS; number++) {
    await publisher.frame(0, audioPacket(number));
    for (const peer of [shared, other]) {
      for (let isMedia = false; !isMedia;) {
        const { channel, payload } = await peer.nextFrame();
        if (peer === shared) receivedBytes += payload.length + 4;
        isMedia = channel % 2 === 0;
      }
    }
    await media.receive();
  }
  const report = buildRtcp([{ type: "receiver-report", ssrc: 1, reports: [] }]);
  await shared.frame(1, report);
  await until(() => server.rtspSessions[1]?.packetsReceived === 1);

  const { rtspSessions } = server;
  // One to begin with, and one in the log.
  const reports = 2;
  const reportBytes = receivedBytes - PACKETS * FRAME;
  const stream = "live/cam";
  const nothing = {
    packetsReceived: 0,
    bytesReceived: 0,
    packetsLost: undefined,
    packetsForeign: 0,
    packetsMalformed: 0,
    unitsDropped: 0,
  };
  assertEquals(rtspSessions, [
    {
      connection: 1,
      stream,
      mode: "record",
      transport: "tcp",
      packetsReceived: PACKETS,
      bytesReceived: PACKETS * PACKET,
      packetsSent: 0,
      bytesSent: 0,
      packetsLost: 0,
      packetsForeign: 0,
      packetsMalformed: 0,
      unitsDropped: 0,
    },
    {
      connection: 2,
      stream,
      mode: "play",
      transport: "tcp",
      packetsReceived: 1,
      bytesReceived: report.length,
      packetsSent: PACKETS + reports - 1,
      bytesSent: receivedBytes,
      packetsLost: undefined,
      packetsForeign: 0,
      packetsMalformed: 0,
      unitsDropped: 0,
    },
    {
      ...nothing,
      connection: 3,
      stream,
      mode: "play",
      transport: "tcp",
      packetsSent: PACKETS + reports,
      bytesSent: receivedBytes,
    },
    {
      ...nothing,
      connection: 4,
      stream,
      mode: "play",
      transport: "udp",
      packetsSent: PACKETS + reports,
      bytesSent: PACKETS * PACKET + reportBytes - 4 * reports,
    },
    {
      ...nothing,
      connection: 5,
      stream,
      mode: "play",
      transport: "tcp",
      packetsSent: 0,
      bytesSent: 0,
    },
  ]);
  const statistics = server.hub.get(stream)!.statistics;
  assertEquals(statistics.messagesSent, 3 * (PACKETS + reports - 1));
  assertEquals(statistics.bytesSent, 3 * receivedBytes);

  const [published, played] = server.connections;
  assertEquals([published!.id, published!.protocol, published!.remoteAddress], [
    1,
    "rtsp",
    "127.0.0.1",
  ]);
  const before = published!.bytesReceived;
  await publisher.frame(0, audioPacket(PACKETS));
  await until(() => server.connections[0]!.bytesReceived === before + FRAME);
  await until(() => server.connections[1]!.bytesSent === played!.bytesSent + FRAME);
});

Deno.test("bytes of RTMP connections are counted, from the handshake on (R096)", async () => {
  await using weir = await TestServer.start();
  using client = await RtmpClient.dial(weir.port);
  await client.shakeHands();
  const handshake = 1 + 1536 + 1536;
  await until(() => weir.server.connections[0]?.bytesReceived === handshake);
  const [{ id, protocol, bytesSent }] = weir.server.connections as [
    typeof weir.server.connections[0],
  ];
  assertEquals([id, protocol, bytesSent], [1, "rtmp", handshake]);
  await client.connect();
  const [after] = weir.server.connections;
  assertEquals(after!.bytesReceived > handshake, true);
  assertEquals(after!.bytesSent > handshake, true);
});

Deno.test("what is dropped, ignored and refused of RTSP is reached by the snapshot", async () => {
  await using weir = await TestServer.start({ rtmp: false, rtsp: LOCAL, rtp: LOCAL });
  const { server } = weir;
  const rtp = server.addresses.find(({ protocol }) => protocol === "rtp")!.port;
  using publisher = await RtspPeer.dial(weir.port);
  const session = await publisher.record();
  await publisher.frame(0, audioPacket(0));
  // No RTP, a payload type that was not announced, a channel that nobody has, and what belongs to no message.
  await publisher.frame(0, new Uint8Array(20));
  const otherType = audioPacket(1);
  otherType[1] = 101;
  await publisher.frame(0, otherType);
  await publisher.frame(8, audioPacket(2));
  await publisher.send(new Uint8Array(3));
  assertEquals((await publisher.request("PLAY", { headers: session })).status, 455);
  using stranger = new UdpPeer();
  await stranger.send(audioPacket(0), rtp);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  {
    using gone = await RtspPeer.dial(weir.port);
    await play(gone, url, `RTP/AVP;unicast;client_port=${stranger.ports}`);
  }
  await until(() => server.snapshot().doors.rtsp.detachedSessions === 1);
  await until(() => server.snapshot().doors.rtsp.strangeDatagrams === 1);
  await until(() => server.snapshot().connections.length === 1);

  const { connections, doors: { rtsp }, logLinesLeftOut, streams } = server.snapshot();
  assertEquals(connections[0]!.counts, { garbageBytes: 3, strayFrames: 1, refusedRequests: 1 });
  assertEquals(rtsp.sessionCount, 2);
  const { packetsForeign, packetsMalformed, unitsDropped } = rtsp.sessions[0]!;
  assertEquals([packetsForeign, packetsMalformed, unitsDropped], [1, 1, 0]);
  assertEquals([logLinesLeftOut, streams[0]?.dropped], [0, 0]);
});
