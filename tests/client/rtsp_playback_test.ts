/** What a playback and a recording say of themselves, in simulated time. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { RtspPlayback, RtspRecording } from "../../src/client/mod.ts";
import type { PlaybackBounds, RtspLink, RtspLinkProtocol } from "../../src/client/mod.ts";
import {
  buildRtcp,
  buildRtpPacket,
  ntpFromUnixUs,
  parseRtcp,
  parseRtpPacket,
  unixUsFromNtp,
} from "../../src/rtp/mod.ts";
import { parseAvcConfig } from "../../src/media/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import { load } from "../transmux/support.ts";
import { SDP, sound } from "./scripted_camera.ts";

class FakeLink implements RtspLink {
  readonly sent: { bytes: Uint8Array; rtcp: boolean }[] = [];
  isClosed = false;

  constructor(readonly protocol: RtspLinkProtocol) {}

  send(bytes: Uint8Array, { rtcp }: { rtcp: boolean }): undefined {
    this.sent.push({ bytes, rtcp });
  }

  close(): void {
    this.isClosed = true;
  }
}

function playback(protocol: RtspLinkProtocol, sdp = SDP, bounds: PlaybackBounds = {}) {
  const state = { wanted: 0, cancelled: 0 };
  const answer = { rtpInfo: [], range: undefined };
  const playing = new RtspPlayback({
    description: parseSdp(sdp),
    indexes: [...parseSdp(sdp).media.keys()],
    ssrc: 99,
    cname: "weir",
    bounds,
    control: {
      pause: () => Promise.resolve(),
      play: () => Promise.resolve(answer),
      wanted: () => void state.wanted++,
      cancelled: () => void state.cancelled++,
    },
  });
  const links = playing.tracks.map(() => new FakeLink(protocol));
  playing.begin(links);
  playing.started(answer);
  const [first] = playing.requests();
  const receive = (bytes: Uint8Array, rtcp = false) => first!.receive({ bytes, rtcp });
  return { playing, links, receive, state };
}

Deno.test("a player reports what it has received every five seconds (RFC 3550, 6.4.2)", () => {
  for (const protocol of ["tcp", "udp"] as const) {
    const { playing, links, receive } = playback(protocol);
    const opening = links[0]!.sent.length;
    assertEquals(opening, protocol === "udp" ? 2 : 0);
    for (const number of [1, 2, 4, 5]) receive(sound(number));
    const startMs = performance.now();
    playing.tick(startMs + 4000);
    assertEquals(links[0]!.sent.length, opening);
    playing.tick(startMs + 5100);
    playing.tick(startMs + 5150);
    const [{ bytes, rtcp }, ...more] = links[0]!.sent.slice(opening) as [
      typeof links[0]["sent"][0],
    ];
    assertEquals([rtcp, more.length], [true, 0]);
    const [report, names] = parseRtcp(bytes);
    assert(report?.type === "receiver-report" && names?.type === "source-description");
    const [block] = report.reports;
    assertEquals([report.ssrc, block!.ssrc, block!.highestSequence, block!.cumulativeLost], [
      99,
      7,
      5,
      1,
    ]);
    // Over UDP the report keeps the way open, even of a track that is silent.
    assertEquals(links[1]!.sent.length, protocol === "udp" ? 3 : 0);
  }
});

Deno.test("a sender report tells the wall clock of a track's packets (R121)", () => {
  const { playing, receive } = playback("tcp");
  receive(sound(1));
  receive(
    buildRtcp([{
      type: "sender-report",
      ssrc: 7,
      ntp: ntpFromUnixUs(1_700_000_000_000_000),
      rtpTimestamp: 160,
      packetCount: 1,
      octetCount: 160,
      reports: [],
    }]),
    true,
  );
  assertEquals(playing.tracks[0]!.unixUsOf(160 + 8000), 1_700_000_001_000_000);
  assertEquals(playing.tracks[1]!.unixUsOf(0), undefined);
});

Deno.test("a report that comes where RTP is expected is a report (RFC 5761, 4)", () => {
  const { playing, receive } = playback("udp");
  receive(sound(1));
  const counts = { rtpTimestamp: 160, packetCount: 1, octetCount: 160, reports: [] };
  const ntp = ntpFromUnixUs(1_700_000_000_000_000);
  receive(buildRtcp([{ type: "sender-report", ssrc: 7, ntp, ...counts }]));
  receive(sound(2));
  const { delivered, restarts, malformed } = playing.tracks[0]!.statistics;
  assertEquals([delivered, restarts, malformed], [2, 0, 0]);
  assertEquals(playing.tracks[0]!.unixUsOf(160), 1_700_000_000_000_000);
});

/** What GStreamer's server describes of H.264 by AVPF. */
const WITH_FEEDBACK = "v=0\ns=x\nm=video 0 RTP/AVPF 96\na=rtpmap:96 H264/90000\n" +
  "a=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\na=control:stream=0\n";

Deno.test("a player over UDP asks for packets that are missing, and for a key frame when they are given up (RFC 4585)", () => {
  for (const protocol of ["udp", "tcp"] as const) {
    const { playing, links, receive } = playback(protocol, WITH_FEEDBACK);
    const send = (sequenceNumber: number) =>
      receive(buildRtpPacket({
        ...{ payloadType: 96, sequenceNumber, timestamp: sequenceNumber * 3600, ssrc: 7 },
        marker: true,
        payload: new Uint8Array([sequenceNumber === 0 ? 0x65 : 0x41, 0x88]),
      }));
    const asked = () =>
      links[0]!.sent.splice(0).filter(({ rtcp }) => rtcp).map(({ bytes }) => bytes.toHex());
    asked();
    send(0);
    send(2);
    const report = "80c9000100000063";
    // Number 1, and no other behind it.
    const nack = `${report}81cd0003000000630000000700010000`;
    assertEquals(asked(), protocol === "udp" ? [nack] : []);
    playing.tick(performance.now() + 60_000);
    const pli = `${report}81ce00020000006300000007`;
    assertEquals(asked().filter((hex) => hex === pli).length, protocol === "udp" ? 1 : 0);
    assertEquals(playing.tracks[0]!.statistics.lost, 1);
  }
});

Deno.test("packets that are no RTP cost themselves alone, and are counted (R090, R120)", () => {
  const { playing, receive } = playback("udp");
  for (const length of [0, 2, 11, 2000]) receive(new Uint8Array(length));
  for (const length of [2, 2000]) receive(new Uint8Array(length), true);
  receive(sound(3));
  const { malformed, delivered } = playing.tracks[0]!.statistics;
  assertEquals([malformed, delivered], [6, 1]);
});

Deno.test("the last datagrams may come behind the good-bye; VLC calls itself 0 in it", async () => {
  const { playing, receive, state } = playback("udp");
  receive(sound(1));
  const bye = (ssrc: number) =>
    buildRtcp([{ type: "receiver-report", ssrc, reports: [] }, { type: "goodbye", ssrcs: [ssrc] }]);
  receive(bye(66), true);
  assertEquals(playing.tracks[0]!.hasLeft, false);
  receive(bye(0), true);
  playing.requests()[1]!.receive({ bytes: bye(8), rtcp: true });
  const nowMs = performance.now();
  playing.tick(nowMs);
  receive(sound(2));
  playing.tick(nowMs + 499);
  assertEquals(state.cancelled, 0);
  playing.tick(nowMs + 501);
  assertEquals(state.cancelled, 1);
  playing.end();
  const numbers: number[] = [];
  for await (const { sequenceNumber } of playing.tracks[0]!.packets) numbers.push(sequenceNumber);
  assertEquals(numbers, [1, 2]);
});

Deno.test("packets that nobody reads fill 8 MiB over UDP, 16 MiB over TCP, and are dropped then", () => {
  for (const [protocol, most] of [["udp", 8], ["tcp", 16]] as const) {
    const { playing, receive } = playback(protocol);
    const large = new Uint8Array(40_000);
    large.set(sound(0));
    const count = Math.ceil(most * 1024 * 1024 / (large.length + 256));
    for (let number = 0; number < count + 5; number++) {
      const packet = large.slice();
      packet.set(sound(number).subarray(0, 12));
      receive(packet);
    }
    const { delivered, dropped } = playing.tracks[0]!.statistics;
    assertEquals([delivered, dropped], [count + 5, 5]);
    assertEquals([playing.isFull, playing.holdsBack], [true, protocol === "tcp"]);
  }
});

/** H.264 in single packets, a key frame each tenth; the picture's number is its timestamp's. */
function picture(number: number): Uint8Array {
  const payload = new Uint8Array(1000).fill(0x55);
  payload.set([number % 10 === 0 ? 0x65 : 0x41, 0x88]);
  return buildRtpPacket({
    payloadType: 96,
    marker: true,
    sequenceNumber: number,
    timestamp: number * 3600,
    ssrc: 7,
    payload,
  });
}

const SDP_OF_PICTURES =
  "v=0\ns=x\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:trackID=0\n";

async function readPictures(playing: RtspPlayback, last: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const unit of playing.values({ preventCancel: true })) {
    if (unit.payload.format !== "rtp" || unit.role !== "media") continue;
    numbers.push(parseRtpPacket(unit.payload.packets[0]!).timestamp / 3600);
    if (numbers.at(-1) === last) return numbers;
  }
  return numbers;
}

Deno.test("a slow reader of units holds an RTSP server back over TCP, and makes room as it reads", async () => {
  const { playing, receive, state } = playback("tcp", SDP_OF_PICTURES, { maxLagBytes: 50_000 });
  receive(picture(0));
  receive(picture(1));
  const first = await readPictures(playing, 0);
  let number = 2;
  for (; !playing.holdsBack; number++) receive(picture(number));
  assert(number > 20 && number < 60, `${number}`);
  const { wanted } = state;
  const rest = await readPictures(playing, number - 2);
  assertEquals(first.concat(rest), Array.from({ length: number - 1 }, (_, index) => index));
  assert(state.wanted > wanted && !playing.holdsBack);
  assertEquals(playing.dropped, 0);
});

Deno.test("a slow reader of units goes on at a key frame, over UDP always and over TCP if it is to skip", async () => {
  for (const [protocol, whenSlow] of [["udp", "hold"], ["udp", "skip"], ["tcp", "skip"]] as const) {
    const bounds = { whenSlow, maxLagBytes: 50_000 };
    const { playing, receive } = playback(protocol, SDP_OF_PICTURES, bounds);
    receive(picture(0));
    receive(picture(1));
    await readPictures(playing, 0);
    for (let number = 2; number < 300; number++) receive(picture(number));
    assertEquals(playing.holdsBack, false);
    const numbers = await readPictures(playing, 298);
    assertEquals(numbers[0]! % 10, 0, protocol);
    assert(numbers[0]! > 200 && numbers.length > 5, `${numbers}`);
    assertEquals(numbers, Array.from(numbers, (_, index) => numbers[0]! + index));
    assert(playing.dropped > 200);
  }
});

Deno.test("another source after a good-bye goes on", () => {
  const { playing, receive } = playback("udp");
  receive(sound(1));
  const bye = [{ type: "goodbye", ssrcs: [7] }] as const;
  receive(buildRtcp([{ type: "receiver-report", ssrc: 7, reports: [] }, ...bye]), true);
  assertEquals(playing.tracks[0]!.hasLeft, true);
  receive(sound(1, { ssrc: 8 }));
  assertEquals(playing.tracks[0]!.hasLeft, false);
});

Deno.test("reads that wait get units in order, also when one packet completes several", async () => {
  const { playing, receive } = playback(
    "udp",
    "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
  );
  const reader = playing.getReader();
  const reads = Array.from({ length: 5 }, () => reader.read());
  const picture = (sequenceNumber: number, payload: Uint8Array) =>
    buildRtpPacket({
      ...{ payloadType: 96, sequenceNumber, timestamp: sequenceNumber * 3600, ssrc: 7 },
      ...{ marker: true, payload },
    });
  const sets = ["Z01AC+yhQj8uAiAAAAMAIAAABkHihTLA", "aM4PyA=="].map((text) =>
    Uint8Array.fromBase64(text)
  );
  const parts = [...sets, Uint8Array.of(0x65, 0x88)].flatMap((one) => [0, one.length, ...one]);
  receive(picture(1, Uint8Array.of(0x41, 0x9a)));
  receive(picture(3, Uint8Array.of(0x41, 0x9b)));
  // So that the stream itself is at rest.
  await new Promise((resolve) => setTimeout(resolve));
  // The packet that was missing brings its parameter sets, and sets free the one that waits.
  receive(picture(2, Uint8Array.of(24, ...parts)));
  const units = (await Promise.all(reads)).map(({ value }) =>
    value?.payload.format === "rtp"
      ? parseRtpPacket(value.payload.packets[0]!).sequenceNumber
      : value?.role
  );
  assertEquals(units, ["config", 1, "config", 2, 3]);
});

Deno.test("a playback of B-frames starts with decoding times that differ, as a publisher's stream does", async () => {
  const { sps, pps } = parseAvcConfig(load("h264").config);
  const sets = [...sps, ...pps].map((set) => set.toBase64()).join(",");
  const { playing, receive } = playback(
    "tcp",
    `v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets=${sets}\n`,
  );
  const reader = playing.getReader();
  const times: [number, number][] = [];
  // I P B B P B B at 25 pictures a second
  for (const [index, shown] of [0, 3, 1, 2, 6, 4, 5].entries()) {
    receive(buildRtpPacket({
      ...{ payloadType: 96, sequenceNumber: index, timestamp: shown * 3600, ssrc: 7 },
      ...{ marker: true, payload: Uint8Array.of(shown === 0 ? 0x65 : 0x41, 0x9a) },
    }));
  }
  while (times.length < 7) {
    const { dtsUs, ptsUs, role } = (await reader.read()).value!;
    if (role === "media") times.push([dtsUs, ptsUs]);
  }
  const dts = times.map(([dtsUs]) => dtsUs);
  for (let i = 1; i < dts.length; i++) assert(dts[i]! > dts[i - 1]!, `${dts}`);
  assert(times.every(([dtsUs, ptsUs]) => dtsUs >= 0 && dtsUs <= ptsUs), `${times}`);
});

Deno.test("a sender report pairs the wall clock with the packets' time (R091)", async () => {
  const recording = new RtspRecording({
    media: parseSdp(SDP).media,
    cname: "weir",
    control: { drained: () => Promise.resolve(), finish: () => Promise.resolve() },
  });
  const links = [new FakeLink("udp"), new FakeLink("udp")];
  recording.begin(links);
  const [track] = recording.tracks;
  const writer = track!.getWriter();
  await writer.write(sound(10));
  const beforeUs = Date.now() * 1000;
  const startMs = performance.now();
  recording.tick(startMs + 400);
  assertEquals(links[0]!.sent.filter(({ rtcp }) => rtcp).length, 0);
  recording.tick(startMs + 600);
  recording.tick(startMs + 5500);
  recording.tick(startMs + 5700);
  const reports = links[0]!.sent.filter(({ rtcp }) => rtcp);
  assertEquals(reports.length, 2);
  const [report] = parseRtcp(reports[0]!.bytes);
  assert(report?.type === "sender-report");
  assertEquals([report.ssrc, report.packetCount, report.octetCount], [7, 1, 160]);
  // The packet's own time stands for when it was written, give or take the test's own milliseconds.
  const ticks = report.rtpTimestamp - 1600;
  assertAlmostEquals(unixUsFromNtp(report.ntp) - ticks * 125, beforeUs, 20_000);

  recording.requests()[0]!.receive({
    rtcp: true,
    bytes: buildRtcp([{
      type: "receiver-report",
      ssrc: 1,
      reports: [{
        ssrc: 7,
        fractionLost: 0,
        cumulativeLost: 3,
        highestSequence: 10,
        jitter: 0,
        lastSenderReport: 0,
        delaySinceLastSenderReport: 0,
      }],
    }]),
  });
  assertEquals(track!.statistics.report?.cumulativeLost, 3);
});
