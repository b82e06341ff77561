/** RTSP clients of a running server: what each is sent, and what none does to another. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { RtmpClient } from "../../../src/client/mod.ts";
import { fixedUsers } from "../../../mod.ts";
import { Hub } from "../../../src/hub/mod.ts";
import { buildRtcp, buildRtpPacket, parseRtcp, parseRtpPacket } from "../../../src/rtp/mod.ts";
import type { RtspResponse } from "../../../src/rtsp/mod.ts";
import { parseSdp } from "../../../src/sdp/mod.ts";
import { RtpSessionIngest, tracksOfSdp } from "../../../src/transmux/mod.ts";
import { ffmpeg, makeRecording, TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout } from "../../support/process.ts";
import { audioPacket, RtspPeer, SDP } from "../../support/rtsp_peer.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TCP = "RTP/AVP/TCP;unicast;interleaved=0-1";

function start(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  return TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    rtp: LOCAL,
    timing: { closeMs: 300 },
    ...options,
  });
}

function portOf(weir: TestServer, wanted: string): number {
  return weir.server.addresses.find(({ protocol }) => protocol === wanted)!.port;
}

function dial(weir: TestServer): Promise<RtspPeer> {
  return RtspPeer.dial(portOf(weir, "rtsp"));
}

function urlOf(weir: TestServer, rest = ""): string {
  return `rtsp://127.0.0.1:${portOf(weir, "rtsp")}/live/cam${rest}`;
}

function sessionOf(response: RtspResponse): Record<string, string> {
  return { Session: response.headers.get("Session")!.split(";")[0]! };
}

/** Sets one track up, and plays; gives the `Session` header and the answers. */
async function play(weir: TestServer, peer: RtspPeer, transport = TCP) {
  const setUp = await peer.request("SETUP", {
    url: urlOf(weir, "/trackID=0"),
    headers: { Transport: transport },
  });
  assertEquals(setUp.status, 200);
  const session = sessionOf(setUp);
  const played = await peer.request("PLAY", { url: urlOf(weir), headers: session });
  assertEquals(played.status, 200);
  return { session, setUp, played };
}

/** Two UDP ports beside each other: no other client can be given the second one. */
class UdpPair implements Disposable {
  readonly rtp: Deno.DatagramConn;
  readonly rtcp: Deno.DatagramConn;
  readonly rtcpPort: number;

  constructor() {
    for (;;) {
      const rtcp = listenUdp(0);
      const { port } = rtcp.addr as Deno.NetAddr;
      try {
        this.rtp = listenUdp(port - 1);
      } catch {
        rtcp.close();
        continue;
      }
      this.rtcp = rtcp;
      this.rtcpPort = port;
      return;
    }
  }

  /** The `Transport` header that names them. */
  get transport(): string {
    return `RTP/AVP;unicast;client_port=${this.rtcpPort - 1}-${this.rtcpPort}`;
  }

  [Symbol.dispose](): void {
    this.rtp.close();
    this.rtcp.close();
  }
}

function listenUdp(port: number): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
}

/** The next RTP packet of channel 0. */
async function nextPacket(peer: RtspPeer) {
  for (;;) {
    const { channel, payload } = await peer.nextFrame();
    if (channel === 0) return parseRtpPacket(payload);
  }
}

/** The number that `audioPacket` was made with, modulo 256. */
function numberOf({ payload }: { readonly payload: Uint8Array }): number {
  return payload[0]!;
}

/** Parts of the only entry of RTP-Info. */
function rtpInfo(response: RtspResponse) {
  const [entry] = response.headers.get("RTP-Info")!.split(",");
  const part = (name: string) => new RegExp(`${name}=([^;]+)`).exec(entry!)?.[1];
  return { url: part("url"), seq: part("seq"), rtptime: part("rtptime") };
}

Deno.test("PLAY is answered before the first packet, with its number, time and source (R081, R084, R085, R091)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  await publisher.record();
  for (let number = 0; number < 10; number++) await publisher.frame(0, audioPacket(number));
  await until(() => weir.server.hub.get("live/cam")?.publication?.statistics.units === 10);
  using player = await dial(weir);
  const { setUp, played } = await play(weir, player);
  const report = await player.nextFrame();
  assertEquals(report.channel, 1);
  const [senderReport] = parseRtcp(report.payload);
  assert(senderReport?.type === "sender-report");
  const packet = await nextPacket(player);
  const info = rtpInfo(played);
  assertEquals(info.url, urlOf(weir, "/trackID=0"));
  assertEquals(info.seq, String(packet.sequenceNumber));
  assertEquals(info.rtptime, String(packet.timestamp));
  assertNotEquals(packet.ssrc, parseRtpPacket(audioPacket(0)).ssrc);
  const ssrc = /ssrc=([0-9A-F]{8})/i.exec(setUp.headers.get("Transport")!)?.[1];
  assertEquals(parseInt(ssrc!, 16), packet.ssrc);
  assertEquals(senderReport.ssrc, packet.ssrc);
});

Deno.test("before the first packet RTP-Info tells its number, and no time (R084)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  await publisher.record();
  using player = await dial(weir);
  const { played } = await play(weir, player);
  const info = rtpInfo(played);
  assertEquals(info.rtptime, undefined);
  await publisher.frame(0, audioPacket(1));
  assertEquals(info.seq, String((await nextPacket(player)).sequenceNumber));
});

Deno.test("sender reports tell one time for both clocks, and count what was sent (R091)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  await publisher.record();
  using player = await dial(weir);
  await play(weir, player);
  // Three seconds of media, 50 packets each.
  for (let number = 0; number < 150; number++) await publisher.frame(0, audioPacket(number));
  const reports: { ms: number; ticks: number; packets: number; sent: number }[] = [];
  for (let sent = 0; sent < 150;) {
    const { channel, payload } = await player.nextFrame();
    if (channel === 0) {
      sent++;
      continue;
    }
    const [report] = parseRtcp(payload);
    assert(report?.type === "sender-report");
    const { seconds, fraction } = report.ntp;
    const ms = (seconds + fraction / 2 ** 32) * 1000;
    reports.push({ ms, ticks: report.rtpTimestamp, packets: report.packetCount, sent });
  }
  assert(reports.length >= 3);
  const [first] = reports;
  for (const [index, { ms, ticks, packets, sent }] of reports.entries()) {
    const elapsedMs = (ticks - first!.ticks) / 8;
    assert(Math.abs(ms - first!.ms - elapsedMs) < 1, `${ms - first!.ms} is not ${elapsedMs}`);
    // The first one goes before all that is kept for players that join, and counts that.
    if (index > 0) assertEquals(packets, sent);
  }
});

Deno.test("PLAY and PAUSE may come twice, and nothing comes between PAUSE and PLAY (R083)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  await publisher.record();
  using player = await dial(weir);
  const { session } = await play(weir, player);
  const ask = async (method: string) => {
    const { status } = await player.request(method, { url: urlOf(weir), headers: session });
    assertEquals(status, 200, method);
  };
  await ask("PLAY");
  await publisher.frame(0, audioPacket(1));
  assertEquals(numberOf(await nextPacket(player)), 1);
  await ask("PAUSE");
  await ask("PAUSE");
  const { hub } = weir.server;
  await publisher.frame(0, audioPacket(2));
  await until(() => hub.get("live/cam")?.publication?.statistics.units === 2);
  // What came next would be the packet.
  await player.send(player.encode("GET_PARAMETER", { url: urlOf(weir), headers: session }));
  assertEquals((await player.message())?.kind, "response");
  await ask("PLAY");
  await publisher.frame(0, audioPacket(3));
  let number: number;
  do number = numberOf(await nextPacket(player)); while (number === 2);
  assertEquals(number, 3);
});

const VIDEO_AND_AUDIO = SDP +
  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=1\r\n";

const SPS = Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48");
const PPS = Uint8Array.fromHex("68cb80652c80");
/** SPS of a camera that has other settings now: another level. */
const OTHER_SPS = Uint8Array.from(SPS, (byte, index) => index === 3 ? 0x0d : byte);
const IDR = Uint8Array.of(0x65, 0x88, 0x80);
const SLICE = Uint8Array.of(0x41, 0x9a, 0x24);

/** A publisher of G.711 and H.264, over TCP. */
async function recordBoth(weir: TestServer): Promise<RtspPeer> {
  const peer = await dial(weir);
  const announced = await peer.request("ANNOUNCE", {
    headers: { "Content-Type": "application/sdp" },
    body: VIDEO_AND_AUDIO,
  });
  const session = sessionOf(announced);
  for (const track of [0, 1]) {
    const transport = `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1};mode=record`;
    const setUp = await peer.request("SETUP", {
      url: urlOf(weir, `/streamid=${track}`),
      headers: { ...session, Transport: transport },
    });
    assertEquals(setUp.status, 200);
  }
  assertEquals((await peer.request("RECORD", { headers: session })).status, 200);
  return peer;
}

/** Pictures, each of the NAL units given, at 25 a second; all of one source, in order. */
class Pictures {
  readonly #peer: RtspPeer;
  #sequence = 0;
  #number = 0;

  constructor(peer: RtspPeer) {
    this.#peer = peer;
  }

  async send(...nalUnits: Uint8Array[]): Promise<void> {
    const timestamp = this.#number++ * 3600;
    for (const [index, payload] of nalUnits.entries()) {
      const marker = index === nalUnits.length - 1;
      await this.#peer.frame(
        2,
        buildRtpPacket({
          payloadType: 96,
          sequenceNumber: this.#sequence++,
          timestamp,
          ssrc: 7,
          marker,
          payload,
        }),
      );
    }
  }
}

Deno.test("only what was set up is delivered, on the channels that were asked for (R082)", async () => {
  await using weir = await start();
  using publisher = await recordBoth(weir);
  const pictures = new Pictures(publisher);
  using player = await dial(weir);
  const setUp = await player.request("SETUP", {
    url: urlOf(weir, "/trackID=1"),
    headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=6-7" },
  });
  assertEquals(setUp.status, 200);
  const session = sessionOf(setUp);
  await player.request("PLAY", { url: urlOf(weir), headers: session });
  await pictures.send(SPS, PPS, IDR);
  for (let number = 0; number < 5; number++) await publisher.frame(0, audioPacket(number));
  await pictures.send(SLICE);
  const payloads: string[] = [];
  while (payloads.length < 4) {
    const { channel, payload } = await player.nextFrame();
    assert(channel === 6 || channel === 7, `channel ${channel}`);
    if (channel === 6) payloads.push(parseRtpPacket(payload).payload.toHex());
  }
  assertEquals(payloads, [SPS, PPS, IDR, SLICE].map((bytes) => bytes.toHex()));
});

Deno.test("a late player starts at the newest key frame, and parameter sets are described anew (R013)", async () => {
  await using weir = await start();
  using publisher = await recordBoth(weir);
  const pictures = new Pictures(publisher);
  const { hub } = weir.server;
  const described = async () => {
    using peer = await dial(weir);
    const { status, body } = await peer.request("DESCRIBE");
    assertEquals(status, 200);
    return /sprop-parameter-sets=([^;\r]+)/.exec(new TextDecoder().decode(body))?.[1];
  };
  await pictures.send(SPS, PPS, IDR);
  await pictures.send(SLICE);
  await until(() => hub.get("live/cam")?.lastDtsUs === 540_000);
  assertEquals(await described(), `${SPS.toBase64()},${PPS.toBase64()}`);
  await pictures.send(OTHER_SPS, PPS, IDR);
  await pictures.send(SLICE);
  await until(() => hub.get("live/cam")?.lastDtsUs === 620_000);
  assertEquals(await described(), `${OTHER_SPS.toBase64()},${PPS.toBase64()}`);

  using player = await dial(weir);
  const setUp = await player.request("SETUP", {
    url: urlOf(weir, "/trackID=1"),
    headers: { Transport: TCP },
  });
  await player.request("PLAY", { url: urlOf(weir), headers: sessionOf(setUp) });
  const first = await nextPacket(player);
  assertEquals(first.payload, OTHER_SPS);
});

Deno.test("50 players over TCP and UDP get every packet, though one is reset and one reads nothing (R088, R089)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  await publisher.record();
  const COUNT = 100;
  using stack = new DisposableStack();
  const received: Promise<number[]>[] = [];
  for (let index = 0; index < 25; index++) {
    const tcp = stack.use(await dial(weir));
    await play(weir, tcp);
    received.push((async () => {
      const numbers: number[] = [];
      while (numbers.length < COUNT) numbers.push(numberOf(await nextPacket(tcp)));
      return numbers;
    })());
    const control = stack.use(await dial(weir));
    const udp = stack.use(new UdpPair());
    await play(weir, control, udp.transport);
    received.push((async () => {
      const numbers: number[] = [];
      while (numbers.length < COUNT) {
        const [packet] = await udp.rtp.receive();
        numbers.push(numberOf(parseRtpPacket(packet)));
      }
      // Datagrams may pass each other.
      return numbers.sort((a, b) => a - b);
    })());
  }
  const allReceived = Promise.all(received);
  allReceived.catch(() => {});
  const stalled = stack.use(await dial(weir));
  await play(weir, stalled);
  const gone = await dial(weir);
  await play(weir, gone);
  const stream = weir.server.hub.get("live/cam")!;
  assertEquals(stream.readerCount, 52);
  for (let number = 0; number < COUNT; number++) {
    if (number === COUNT / 2) gone.close();
    await publisher.frame(0, audioPacket(number));
  }
  const expected = Array.from({ length: COUNT }, (_, number) => number);
  for (const numbers of await allReceived) assertEquals(numbers, expected);
  await until(() => stream.readerCount === 51);
  const { level, fields } = await weir.log.line(({ message, fields }) =>
    message.endsWith("closed") && fields.connection === 53
  );
  assertEquals([level, fields.reason], ["debug", "reset"], "a player that leaves is no warning");
});

Deno.test("a player that stops reading is passed by, and others miss nothing (R089)", async () => {
  await using weir = await start({ hub: { maxLagBytes: 256 * 1024 } });
  using publisher = await dial(weir);
  await publisher.record();
  using reading = await dial(weir);
  await play(weir, reading);
  using stalled = await dial(weir);
  await play(weir, stalled);
  const stream = weir.server.hub.get("live/cam")!;
  const large = (number: number) => {
    const packet = new Uint8Array(12 + 1400).fill(number & 0xff);
    packet.set(audioPacket(number).subarray(0, 12));
    return packet;
  };
  let next: number | undefined;
  // Until the buffers of two sockets are full, and the bound behind them.
  for (let number = 0; stream.statistics.readers[1]!.lagBytes < 1024 * 1024;) {
    for (let count = 0; count < 50; count++) await publisher.frame(0, large(number++));
    for (let count = 0; count < 50; count++) {
      const { sequenceNumber } = await nextPacket(reading);
      assertEquals(sequenceNumber, next ?? sequenceNumber);
      next = (sequenceNumber + 1) & 0xffff;
    }
    assert(number < 50_000);
  }
  // Once it reads again, it has what its socket held, and goes on with the newest.
  let { sequenceNumber } = await nextPacket(stalled);
  for (let step = 1; step === 1;) {
    const packet = await nextPacket(stalled);
    step = (packet.sequenceNumber - sequenceNumber) & 0xffff;
    ({ sequenceNumber } = packet);
  }
  assertEquals(stream.statistics.readers.map(({ skips }) => skips), [0, 1]);
});

const ignore = ignoreWithout("ffmpeg");

for (const protocol of ["rtsp", "rtmp"]) {
  Deno.test({
    name: `players stay when their publisher over ${protocol} is killed and comes back (R119)`,
    ignore,
    async fn() {
      await using folder = new TemporaryFolder();
      const source = `${folder.path}/source.mp4`;
      await makeRecording(source, { seconds: 2 });
      await using weir = await start({ rtmp: LOCAL });
      const target = protocol === "rtsp"
        ? ["-f", "rtsp", "-rtsp_transport", "tcp", urlOf(weir)]
        : ["-f", "flv", `rtmp://127.0.0.1:${portOf(weir, "rtmp")}/live/cam`];
      const publish = () =>
        ffmpeg(["-re", "-stream_loop", "-1", "-i", source, "-c", "copy", ...target]);
      await using first = publish();
      await weir.log.line(({ message }) => message === `${protocol} publish started`);
      using player = await dial(weir);
      await play(weir, player);
      const packets = [await nextPacket(player)];
      while (packets.length < 30) packets.push(await nextPacket(player));
      first.kill("SIGKILL");
      await weir.log.line(({ message }) => message === `${protocol} publish ended`);
      assert(weir.server.hub.get("live/cam")?.isLive === false);
      await using _second = publish();
      while (packets.length < 80) packets.push(await nextPacket(player));
      for (const [index, { ssrc, sequenceNumber }] of packets.entries()) {
        assertEquals(ssrc, packets[0]!.ssrc);
        assertEquals(sequenceNumber, (packets[0]!.sequenceNumber + index) & 0xffff);
      }
      // B-frames go back a little; a publisher that begins anew would go back by random.
      const steps = packets.slice(1).map(({ timestamp }, index) =>
        (timestamp - packets[index]!.timestamp) | 0
      );
      assert(steps.every((step) => step > -90_000 && step < 10 * 90_000), `${steps}`);
      const publications = weir.log.lines.filter(({ message }) =>
        message === `${protocol} publish started`
      );
      assertEquals(publications.length, 2);
    },
  });
}

Deno.test({
  name: "players over RTMP of an RTSP publisher with B-frames get decoding times that only grow",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.mp4`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await start({ rtmp: LOCAL });
    await using client = await RtmpClient.connect(
      `rtmp://127.0.0.1:${portOf(weir, "rtmp")}/live/cam`,
    );
    const asked = client.play();
    await using publisher = ffmpeg([
      ...["-re", "-i", source, "-c", "copy"],
      ...["-f", "rtsp", "-rtsp_transport", "tcp", urlOf(weir)],
    ]);
    const playback = await asked;
    const times: number[] = [];
    const reorderings: number[] = [];
    for await (const { kind, role, dtsUs, ptsUs } of playback) {
      if (kind !== "video" || role !== "media") continue;
      times.push(dtsUs);
      reorderings.push(ptsUs - dtsUs);
      if (times.length === 40) break;
    }
    assertEquals((await publisher.ended).code, 0);
    assert(times.every((time, index) => index === 0 || time > times[index - 1]!), `${times}`);
    assert(reorderings.every((us) => us >= 0) && reorderings.some((us) => us > 0));
  },
});

Deno.test("a player over UDP that shows no sign of life is given up, RTCP keeps it (R087)", async () => {
  await using weir = await start({ rtspSession: { idleTimeoutMs: 1000 } });
  using publisher = await dial(weir);
  await publisher.record();
  using control = await dial(weir);
  using living = new UdpPair();
  const { session } = await play(weir, control, living.transport);
  using other = await dial(weir);
  using silent = new UdpPair();
  const { session: given } = await play(weir, other, silent.transport);
  const stream = weir.server.hub.get("live/cam")!;
  const report = buildRtcp([{ type: "receiver-report", ssrc: 1, reports: [] }]);
  const to = { transport: "udp", hostname: "127.0.0.1", port: portOf(weir, "rtp") + 1 } as const;
  const reporting = setInterval(() => void living.rtcp.send(report, to), 100);
  await until(() => stream.readerCount === 1).finally(() => clearInterval(reporting));
  const ask = async (headers: Record<string, string>) => {
    using peer = await dial(weir);
    return (await peer.request("GET_PARAMETER", { url: urlOf(weir), headers })).status;
  };
  assertEquals(await ask(given), 454);
  assertEquals(await ask(session), 200);
  await until(() => stream.readerCount === 0);
});

Deno.test("towards a publisher over UDP an empty packet and report go first (R115)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  using udp = new UdpPair();
  const session = await publisher.announce(udp.transport);
  const receiving = Promise.all([udp.rtp.receive(), udp.rtcp.receive()]);
  assertEquals((await publisher.request("RECORD", { headers: session })).status, 200);
  const [[packet], [report]] = await receiving;
  assertEquals(parseRtpPacket(packet).payload.length, 0);
  const [first] = parseRtcp(report);
  assert(first?.type === "receiver-report");
  assertEquals(first.reports, []);
});

Deno.test("a publisher without packets is given up, its connection with it over TCP (R118)", async () => {
  await using weir = await start({ rtspSession: { mediaTimeoutMs: 300 } });
  using tcp = await dial(weir);
  await tcp.record();
  assertEquals(await tcp.rest(), "");
  assertEquals(weir.server.hub.get("live/cam"), undefined);
  using control = await dial(weir);
  using media = new UdpPair();
  const session = await control.announce(media.transport);
  assertEquals((await control.request("RECORD", { headers: session })).status, 200);
  await until(() => weir.server.hub.get("live/cam") === undefined);
});

Deno.test("datagrams that a publisher sends right before its TEARDOWN belong to its stream", async () => {
  await using weir = await start();
  using control = await dial(weir);
  using media = new UdpPair();
  const session = await control.announce(media.transport);
  assertEquals((await control.request("RECORD", { headers: session })).status, 200);
  const publication = weir.server.hub.get("live/cam")!.publication!;
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtp")!;
  const server = { transport: "udp", hostname: "127.0.0.1", port } as const;
  await media.rtp.send(audioPacket(0), server);
  await until(() => publication.statistics.units === 1);
  const sending: Promise<unknown>[] = [];
  for (let number = 1; number < 40; number++) {
    sending.push(media.rtp.send(audioPacket(number), server));
  }
  sending.push(control.send(control.encode("TEARDOWN", { headers: session })));
  await Promise.all(sending);
  assertEquals((await control.response()).status, 200);
  await until(() => weir.server.hub.get("live/cam") === undefined);
  assertEquals(publication.statistics.units, 40);
});

/** A publisher of one track of G.711, by a clock of its own. */
function publisherAlone() {
  const hub = new Hub({ clock: { now: () => 0, setTimer: () => ({ cancel() {} }) } });
  const tracks = tracksOfSdp(parseSdp(SDP));
  const publication = hub.acquire("live/cam", { identity: "me", tracks });
  const publisher = new RtpSessionIngest(publication, { tracks, ordered: true, ssrc: 1, nowMs: 0 });
  return { publication, publisher };
}

Deno.test("a publisher is told each ten seconds what came and what is lost (R117, R120)", () => {
  const { publisher } = publisherAlone();
  for (const number of [30, 100]) {
    publisher.take(audioPacket(number, 9), { index: 0, rtcp: false, nowMs: number });
  }
  const ntp = { seconds: 0x1234_5678, fraction: 0x9abc_def0 };
  const counts = { packetCount: 2, octetCount: 320, reports: [] };
  const report = { type: "sender-report", ssrc: 9, ntp, rtpTimestamp: 16_000, ...counts } as const;
  publisher.take(buildRtcp([report]), { index: 0, rtcp: true, nowMs: 5000 });
  assertEquals(publisher.tick(9_999), []);
  const [due] = publisher.tick(10_000);
  const [packet] = parseRtcp(due!.packet);
  assert(packet?.type === "receiver-report");
  const [block] = packet.reports;
  assertEquals(block?.ssrc, 9);
  assertEquals(block?.highestSequence, 100);
  assertEquals(block?.cumulativeLost, 69);
  assertEquals(block?.lastSenderReport, 0x5678_9abc);
  assertEquals(block?.delaySinceLastSenderReport, 5 * 65_536);
  assertEquals(publisher.tick(10_001), []);
  // What another source reports is not of these packets.
  publisher.take(buildRtcp([{ ...report, ssrc: 10, ntp: { seconds: 1, fraction: 0 } }]), {
    index: 0,
    rtcp: true,
    nowMs: 15_000,
  });
  const [later] = parseRtcp(publisher.tick(20_000)[0]!.packet);
  assert(later?.type === "receiver-report");
  assertEquals(later.reports[0]?.lastSenderReport, 0x5678_9abc);
});

Deno.test("a publisher's report among its RTP is a report, and no other source (RFC 5761, 4)", () => {
  const { publication, publisher } = publisherAlone();
  const rtp = { index: 0, rtcp: false, nowMs: 0 };
  publisher.take(audioPacket(1, 9), rtp);
  const ntp = { seconds: 0x1234_5678, fraction: 0x9abc_def0 };
  const counts = { rtpTimestamp: 160, packetCount: 1, octetCount: 160, reports: [] };
  publisher.take(buildRtcp([{ type: "sender-report", ssrc: 9, ntp, ...counts }]), rtp);
  publisher.take(audioPacket(2, 9), rtp);
  const [due] = publisher.tick(10_000);
  const [report] = parseRtcp(due!.packet);
  assert(report?.type === "receiver-report");
  // Of a new source the count would begin anew, and no report would be known.
  assertEquals(report.reports[0]?.lastSenderReport, 0x5678_9abc);
  assertEquals(report.reports[0]?.cumulativeLost, 0);
  assertEquals(publication.statistics.units, 2);
});

Deno.test("packets that are none, of other types or sources are not fatal (R120, R123)", () => {
  const { publication, publisher } = publisherAlone();
  const rtp = { index: 0, rtcp: false, nowMs: 0 };
  const other = audioPacket(2);
  other[1] = 111;
  publisher.take(audioPacket(1), rtp);
  publisher.take(new Uint8Array(2), rtp);
  publisher.take(new Uint8Array(2), { ...rtp, rtcp: true });
  publisher.take(new Uint8Array(3000).fill(0xff), { ...rtp, rtcp: true });
  publisher.take(other, rtp);
  publisher.take(audioPacket(1), { ...rtp, index: 5 });
  assertEquals(publication.statistics.units, 1);
  assertEquals(publisher.statistics.malformed, 3);
  // Another source, whose clock has nothing to do with the one before.
  const anew = audioPacket(30_000, 77);
  new DataView(anew.buffer).setUint32(4, 0xdead_beef);
  publisher.take(anew, { ...rtp, nowMs: 20 });
  assertEquals(publication.statistics.units, 1);
  const before = publication.stream.lastDtsUs!;
  publisher.tick(1000);
  assertEquals(publication.statistics.units, 2);
  // It has its place by when it came, not by when it was believed.
  assertEquals(publication.stream.lastDtsUs! - before, 20_000);
  publisher.take(audioPacket(2), { ...rtp, nowMs: 1001 });
  const more = new Uint8Array(anew);
  new DataView(more.buffer).setUint16(2, 30_001);
  publisher.take(more, { ...rtp, nowMs: 1002 });
  assertEquals([publication.statistics.units, publisher.statistics.foreign], [3, 1]);
});

Deno.test({
  name: "who publishes and plays by ffmpeg must show the credentials (R040, R041, R047)",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.mp4`;
    await makeRecording(source, { seconds: 2 });
    await using weir = await start({ hooks: { authenticate: fixedUsers({ me: "se:cret" }) } });
    const url = (user: string) => urlOf(weir, "?a=b").replace("://", `://${user}@`);
    const publishing = (user: string) =>
      ffmpeg([
        ...["-re", "-stream_loop", "-1", "-i", source, "-c", "copy"],
        ...["-f", "rtsp", "-rtsp_transport", "tcp", url(user)],
      ]);
    await using refused = publishing("me:wrong");
    assertMatch((await refused.ended).stderr, /401 Unauthorized/);
    await using _publisher = publishing("me:se%3Acret");
    await weir.log.line(({ message }) => message === "rtsp publish started");
    const playing = (user: string) =>
      ffmpeg([
        "-rtsp_transport",
        "tcp",
        "-i",
        url(user),
        "-t",
        "0.5",
        "-c",
        "copy",
        "-f",
        "null",
        "-",
      ]);
    await using stranger = playing("me:wrong");
    assertMatch((await stranger.ended).stderr, /401 Unauthorized/);
    await using player = playing("me:se%3Acret");
    const { code, stderr } = await player.ended;
    assertEquals(code, 0, stderr);
    // R041: wrong credentials end the connection.
    using raw = await dial(weir);
    assertEquals((await raw.request("DESCRIBE")).status, 401);
    const Authorization = `Basic ${btoa("me:wrong")}`;
    assertEquals((await raw.request("DESCRIBE", { headers: { Authorization } })).status, 401);
    assertEquals(await raw.rest(), "");
  },
});

Deno.test("a stream that has ended can neither be described nor set up (R051)", async () => {
  await using weir = await start({ timing: { describeWaitMs: 100 } });
  using publisher = await dial(weir);
  const session = await publisher.record();
  using player = await dial(weir);
  assertEquals((await player.request("DESCRIBE")).status, 200);
  assertEquals((await publisher.request("TEARDOWN", { headers: session })).status, 200);
  const setUp = await player.request("SETUP", {
    url: urlOf(weir, "/trackID=0"),
    headers: { Transport: TCP },
  });
  assertEquals(setUp.status, 404);
  assertEquals((await player.request("DESCRIBE")).status, 404);
  assertEquals((await player.request("OPTIONS")).status, 200);
});

Deno.test("players are told the end of a stream, and may then leave in order", async () => {
  await using weir = await start({ hub: { lingerMs: 100 } });
  using publisher = await dial(weir);
  const session = await publisher.record();
  using player = await dial(weir);
  const { session: played } = await play(weir, player);
  using staying = await dial(weir);
  await play(weir, staying);
  await publisher.frame(0, audioPacket(1));
  await nextPacket(player);
  await publisher.request("TEARDOWN", { headers: session });
  const goodbye = async (peer: RtspPeer) => {
    for (;;) {
      const { channel, payload } = await peer.nextFrame();
      if (channel === 1 && parseRtcp(payload).some(({ type }) => type === "goodbye")) return;
    }
  };
  await Promise.all([goodbye(player), goodbye(staying)]);
  const left = await player.request("TEARDOWN", { url: urlOf(weir), headers: played });
  assertEquals(left.status, 200);
  // Who does not leave is closed.
  assertEquals(await staying.rest(), "");
});

Deno.test("bytes and packets are counted, of publisher and players (R096)", async () => {
  await using weir = await start();
  using publisher = await dial(weir);
  await publisher.record();
  using player = await dial(weir);
  await play(weir, player);
  for (let number = 0; number < 10; number++) {
    await publisher.frame(0, audioPacket(number));
    await nextPacket(player);
  }
  const stream = weir.server.hub.get("live/cam")!;
  const { publisher: published, readers } = stream.statistics;
  assertEquals(published?.units, 10);
  assertEquals(published?.bytes, 10 * audioPacket(0).length);
  assertEquals(readers.length, 1);
  await until(() => stream.statistics.readers[0]!.bytes >= 10 * (4 + audioPacket(0).length));
  assertEquals(stream.statistics.readers[0]!.lagBytes, 0);
});

for (const way of ["TCP", "UDP"] as const) {
  Deno.test(`what players over ${way} report lost shows in the stream's statistics (R095)`, async () => {
    await using weir = await start();
    using publisher = await dial(weir);
    await publisher.record();
    using player = await dial(weir);
    using ports = new UdpPair();
    const { setUp } = await play(weir, player, way === "TCP" ? TCP : ports.transport);
    const stream = weir.server.hub.get("live/cam")!;
    const lost = () => stream.statistics.readers[0]!.lostPackets;
    assertEquals(lost(), undefined);
    const source = parseInt(/ssrc=([0-9A-F]{8})/i.exec(setUp.headers.get("Transport")!)![1]!, 16);
    const report = async (ssrc: number, cumulativeLost: number): Promise<void> => {
      const block = { ssrc, cumulativeLost, fractionLost: 0, highestSequence: 1, jitter: 0 };
      const times = { lastSenderReport: 0, delaySinceLastSenderReport: 0 };
      const bytes = buildRtcp([
        { type: "receiver-report", ssrc: 1, reports: [{ ...block, ...times }] },
      ]);
      if (way === "TCP") return await player.frame(1, bytes);
      const [, rtcpPort] = /server_port=\d+-(\d+)/.exec(setUp.headers.get("Transport")!)!;
      const server = { transport: "udp", hostname: "127.0.0.1", port: Number(rtcpPort) } as const;
      await ports.rtcp.send(bytes, server);
    };
    await report(source, 9);
    await until(() => lost() === 9);
    // Of another source, or none at all: nothing is known by that.
    await report(source ^ 1, 77);
    if (way === "TCP") await player.frame(1, Uint8Array.of(0x81, 201));
    await report(source, 12);
    await until(() => lost() === 12);
    if (way === "UDP") return;
    player.close();
    const { fields } = await weir.log.line(({ message }) => message === "rtsp play ended");
    assertEquals(fields.lost, 12);
  });
}

Deno.test("a parameter that a client would set is not understood, and asking for one is a life sign (R012)", async () => {
  await using weir = await start();
  using peer = await dial(weir);
  const content = { headers: { "Content-Type": "text/parameters" }, body: "volume: 5\r\n" };
  assertEquals((await peer.request("SET_PARAMETER", content)).status, 451);
  assertEquals((await peer.request("GET_PARAMETER", content)).status, 200);
  assertEquals((await peer.request("SET_PARAMETER")).status, 200);
});
