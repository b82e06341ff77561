/**
 * What `multicast_test.ts` runs in a network namespace of its own: with `route`, its loopback interface
 * carries multicast; with `no-route`, nothing does. Ends with 0 when all is as it should be.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { buildRtcp, parseRtcp, parseRtpPacket, rtpPayloadType } from "../../../src/rtp/mod.ts";
import { joinNode } from "../../../src/transport/datagram.ts";
import { ignoreWithout } from "../../support/process.ts";
import { assertFfmpegPlays } from "../../support/real_clients.ts";
import { audioPacket, RtspPeer, SDP, UdpPeer } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A socket that has joined a group. */
async function joined(group: string, port: number): Promise<Deno.DatagramConn> {
  const conn = Deno.listenDatagram({
    hostname: "0.0.0.0",
    port,
    transport: "udp",
    // As multicast receivers do: several on one machine share the port.
    reuseAddress: true,
  });
  await conn.joinMulticastV4(group, "127.0.0.1");
  return conn;
}

async function setUpMulticast(peer: RtspPeer, url: string, ttl = 3) {
  const response = await peer.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: "RTP/AVP;multicast" },
  });
  assertEquals(response.status, 200);
  const transport = response.headers.get("Transport")!;
  const match = /^RTP\/AVP;multicast;destination=([\d.]+);port=(\d+)-(\d+);ttl=(\d+);ssrc=/.exec(
    transport,
  );
  assert(match !== null && match[4] === String(ttl), transport);
  return {
    group: match[1]!,
    port: Number(match[2]),
    session: { Session: response.headers.get("Session")!.split(";")[0]! },
  };
}

async function withRoute(): Promise<void> {
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    rtp: LOCAL,
    multicast: { group: "239.7.0.0/16", ttl: 3, port: 20_000 },
    hub: { lingerMs: 100 },
  });
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  using publisher = await RtspPeer.dial(weir.port);
  const publishing = await publisher.record();
  using first = await RtspPeer.dial(weir.port);
  using second = await RtspPeer.dial(weir.port);

  const described = await first.request("DESCRIBE", { url: `${url}?vlcmulticast` });
  const sdp = new TextDecoder().decode(described.body);
  assertMatch(sdp, /^c=IN IP4 239\.7\.0\.0\/3\r$/m);
  const plain = await first.request("DESCRIBE", { url });
  assert(!new TextDecoder().decode(plain.body).includes("239.7"));

  const one = await setUpMulticast(first, url);
  const two = await setUpMulticast(second, url);
  assertEquals(one.group, "239.7.0.0");
  assertEquals([two.group, two.port], [one.group, one.port]);
  const stream = weir.server.hub.get("live/cam")!;
  assertEquals(stream.statistics.readers.length, 1);

  const rtp = await joined(one.group, one.port);
  const rtcp = await joined(one.group, one.port + 1);
  assertEquals((await first.request("PLAY", { headers: one.session })).status, 200);
  assertEquals((await second.request("PLAY", { headers: two.session })).status, 200);
  using media = new UdpPeer();
  using third = await RtspPeer.dial(weir.port);
  const unicast = await third.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: `RTP/AVP;unicast;client_port=${media.ports}` },
  });
  const session = { Session: unicast.headers.get("Session")!.split(";")[0]! };
  assertEquals((await third.request("PLAY", { headers: session })).status, 200);

  let sequence: number | undefined;
  const expectPackets = async (from: number, to: number): Promise<void> => {
    for (let number = from; number < to; number++) {
      await publisher.frame(0, audioPacket(number));
      const [bytes] = await rtp.receive(new Uint8Array(2000));
      const packet = parseRtpPacket(bytes);
      // Each once: the next is the next.
      assertEquals(packet.payload, audioPacket(number).subarray(12));
      assert(sequence === undefined || packet.sequenceNumber === ((sequence + 1) & 0xffff));
      sequence = packet.sequenceNumber;
    }
  };
  await expectPackets(0, 20);
  const [report] = parseRtcp((await rtcp.receive(new Uint8Array(2000)))[0]);
  assertEquals(report?.type, "sender-report");
  assertEquals((await media.receive()).length, 172);
  // The group counts once with the stream, and with none of its sessions.
  await until(() => stream.statistics.readers[1]!.messages >= 20);
  const [group, alone] = stream.statistics.readers;
  assertEquals(stream.statistics.messagesSent, group!.messages + alone!.messages);
  assert(group!.messages >= 20 && group!.messages <= 22, `${group!.messages} packets`);
  const players = weir.server.rtspSessions.filter(({ mode }) => mode === "play");
  assertEquals(
    players.map(({ transport, packetsSent }) => [transport, packetsSent > 0]),
    [["multicast", false], ["multicast", false], ["udp", true]],
  );

  assertEquals((await first.request("TEARDOWN", { headers: one.session })).status, 200);
  await expectPackets(20, 25);
  assertEquals((await second.request("PAUSE", { headers: two.session })).status, 200);
  // Nobody plays: 25 is never sent, and who plays again starts with the newest.
  await publisher.frame(0, audioPacket(25));
  await publisher.frame(0, audioPacket(26));
  await until(() => stream.publication!.statistics.units === 27);
  assertEquals((await second.request("PLAY", { headers: two.session })).status, 200);
  const [next] = await rtp.receive(new Uint8Array(2000));
  assertEquals(parseRtpPacket(next).payload, audioPacket(26).subarray(12));

  // Another stream has a group of its own.
  using other = await RtspPeer.dial(weir.port);
  using otherPublisher = new RtspPeer(await Deno.connect({ ...LOCAL, port: weir.port }), {
    url: `${url}2`,
  });
  await otherPublisher.record();
  const elsewhere = await setUpMulticast(other, `${url}2`);
  assertEquals(elsewhere.group, "239.7.0.1");
  assert(elsewhere.port >= one.port + 2);

  if (!ignoreWithout("ffmpeg")) {
    await assertFfmpegPlays(`${url}2`, { transport: "udp_multicast", publisher: otherPublisher });
  }

  // The stream ends: a goodbye to the group, and the sessions are gone.
  assertEquals((await publisher.request("TEARDOWN", { headers: publishing })).status, 200);
  for (let isOver = false; !isOver;) {
    const packets = parseRtcp((await rtcp.receive(new Uint8Array(2000)))[0]);
    isOver = packets.some(({ type }) => type === "goodbye");
  }
  assertEquals(await second.rest(), "");
  rtp.close();
  rtcp.close();
}

/** A program without `--unstable-net` gets what is sent to a group, too. */
async function joinsByNode(): Promise<void> {
  const group = { hostname: "239.7.0.9", port: 22_000 };
  const socket = await joinNode(group, { via: "127.0.0.1" });
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const received = socket.receive(resolve);
  using sender = new UdpPeer();
  await sender.conn.send(Uint8Array.of(1, 2), { ...group, transport: "udp" });
  assertEquals(await promise, Uint8Array.of(1, 2));
  socket.close();
  await received;
}

/** Plays over multicast and says nothing more, but for the reports that `report` sends meanwhile. */
async function withReports(): Promise<void> {
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    rtp: LOCAL,
    rtspSession: { idleTimeoutMs: 600 },
    multicast: { group: "239.7.0.0/16", port: 20_000 },
  });
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  let number = 0;
  const feeding = setInterval(() => publisher.frame(0, audioPacket(number++)), 20);
  const players = () => weir.server.rtspSessions.filter(({ mode }) => mode === "play");
  for (const to of ["group", "server", "nobody"] as const) {
    using player = await RtspPeer.dial(weir.port);
    const { group, port, session } = await setUpMulticast(player, url, 16);
    const rtp = await joined(group, port);
    const rtcp = await joined(group, port + 1);
    assertEquals((await player.request("PLAY", { headers: session })).status, 200);
    const { ssrc } = parseRtpPacket((await rtp.receive(new Uint8Array(2000)))[0]);
    const [, server] = await rtcp.receive(new Uint8Array(2000));
    const isOf = to === "nobody" ? ssrc ^ 1 : ssrc;
    const packet = buildRtcp([{
      type: "receiver-report",
      ssrc: 77,
      reports: [{
        ssrc: isOf,
        fractionLost: 0,
        cumulativeLost: 5,
        highestSequence: 0,
        jitter: 0,
        lastSenderReport: 0,
        delaySinceLastSenderReport: 0,
      }],
    }]);
    const target = to === "server"
      ? server as Deno.NetAddr
      : { hostname: group, port: port + 1, transport: "udp" as const };
    using client = new UdpPeer();
    const reporting = setInterval(() => client.conn.send(packet, target), 50);
    // Who came later and is silent has gone: so the first has outlived its time.
    using silent = await RtspPeer.dial(weir.port);
    const setUp = await silent.request("SETUP", {
      url: `${url}/trackID=0`,
      headers: { Transport: "RTP/AVP;unicast;client_port=21000-21001" },
    });
    const headers = { Session: setUp.headers.get("Session")!.split(";")[0]! };
    assertEquals((await silent.request("PLAY", { headers })).status, 200);
    await until(() => players().every(({ transport }) => transport === "multicast"));
    if (to !== "nobody") {
      const [{ transport, packetsReceived, packetsLost }] = players() as [
        ReturnType<typeof players>[0],
      ];
      assert(packetsReceived > 0);
      assertEquals([to, transport, packetsLost], [to, "multicast", 5]);
      clearInterval(reporting);
    }
    // Silent now, or only ever heard of somebody else's packets.
    await until(() => players().length === 0);
    clearInterval(reporting);
    rtp.close();
    rtcp.close();
  }
  clearInterval(feeding);
}

/** Another publisher, with other tracks, takes the stream over from players that have not left yet. */
async function withTakeover(): Promise<void> {
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    rtp: LOCAL,
    multicast: { group: "239.7.0.0/16", port: 20_000 },
    hub: { conflict: "takeover" },
  });
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using before = await RtspPeer.dial(weir.port);
  const { group, port, session } = await setUpMulticast(before, url, 16);
  const rtp = await joined(group, port);
  const rtcp = await joined(group, port + 1);
  assertEquals((await before.request("PLAY", { headers: session })).status, 200);
  await publisher.frame(0, audioPacket(0));
  assertEquals(rtpPayloadType((await rtp.receive(new Uint8Array(2000)))[0]), 0);

  using successor = await RtspPeer.dial(weir.port);
  await successor.record(SDP.replace("RTP/AVP 0", "RTP/AVP 8"));
  const packet = (number: number): Uint8Array => audioPacket(number).with(1, 8);
  await successor.frame(0, packet(0));
  for (let isOver = false; !isOver;) {
    const packets = parseRtcp((await rtcp.receive(new Uint8Array(2000)))[0]);
    isOver = packets.some(({ type }) => type === "goodbye");
  }
  using player = await RtspPeer.dial(weir.port);
  const later = await setUpMulticast(player, url, 16);
  assertEquals([later.group, later.port], [group, port]);
  assertEquals((await player.request("PLAY", { headers: later.session })).status, 200);
  await successor.frame(0, packet(1));
  assertEquals(rtpPayloadType((await rtp.receive(new Uint8Array(2000)))[0]), 8);
  // Those of before leave; it stays, and is told of its own stream's end.
  assertEquals((await before.request("TEARDOWN", { headers: session })).status, 200);
  await successor.frame(0, packet(2));
  assertEquals(rtpPayloadType((await rtp.receive(new Uint8Array(2000)))[0]), 8);
  assertEquals(weir.server.hub.get("live/cam")!.statistics.readers.length, 1);
  rtp.close();
  rtcp.close();
}

async function withoutRoute(): Promise<void> {
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: { hostname: "0.0.0.0", port: 0 },
    rtp: LOCAL,
    multicast: { group: "239.7.0.0/16" },
  });
  const warnings = () => weir.log.lines.filter(({ message }) => /multicast/.test(message));
  assertEquals(warnings().map(({ level }) => level), ["warn"]);
  assertMatch(warnings()[0]!.message, /^rtp multicast is off/);
  using publisher = await RtspPeer.dial(weir.port);
  await publisher.record();
  using player = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam/trackID=0`;
  const setUp = (transport: string) =>
    player.request("SETUP", { url, headers: { Transport: transport } });
  assertEquals((await setUp("RTP/AVP;multicast")).status, 461);
  assertEquals((await setUp("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1")).status, 200);
  assertEquals(warnings().length, 1);
}

const PARTS: Record<string, () => Promise<void>> = {
  "route": withRoute,
  "reports": async () => {
    await joinsByNode();
    await withReports();
  },
  "takeover": withTakeover,
  "no-route": withoutRoute,
};

if (import.meta.main) await PARTS[Deno.args[0]!]!();
