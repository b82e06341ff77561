import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Hub, type StreamReader } from "../../src/hub/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { AacDepacketizer, buildRtpPacket, parseRtcp, parseRtpPacket } from "../../src/rtp/mod.ts";
import { RtmpWireFormat } from "../../src/wire/rtmp_wire_format.ts";
import { RtspWireFormat } from "../../src/wire/rtsp_wire_format.ts";
import { sdpOfTracks, unitOfFlv } from "../../src/transmux/mod.ts";
import { TurnedClock } from "../support/turned_clock.ts";

const G711 = { kind: "audio", id: 0, codec: "pcmu", config: undefined } as const;

function makeHub(): Hub {
  return new Hub({ clock: { now: () => 0, setTimer: () => ({ cancel() {} }) }, flush: "unit" });
}

function makeFormat(): RtspWireFormat {
  return new RtspWireFormat({
    tracks: sdpOfTracks([G711]).tracks,
    random: (length) => new Uint8Array(length).fill(1),
    nowUnixUs: () => 1_700_000_000_000_000,
  });
}

/** The unit of one G.711 packet that a publisher has numbered `sequenceNumber`. */
function packetUnit(sequenceNumber: number, ssrc = 7): MediaUnit {
  const dtsUs = sequenceNumber * 20_000;
  const packet = buildRtpPacket({
    payloadType: 0,
    sequenceNumber,
    timestamp: sequenceNumber * 160 + 12_345,
    ssrc,
    payload: new Uint8Array(160).fill(sequenceNumber),
  });
  return {
    kind: "audio",
    role: "media",
    track: 0,
    dtsUs,
    ptsUs: dtsUs,
    keyFrame: true,
    discardable: true,
    payload: { format: "rtp", packets: [packet] },
  };
}

/** The interleaved frames that a reader has not had yet, RTP and RTCP apart. */
function framesOf(reader: StreamReader): { rtp: Uint8Array[]; rtcp: Uint8Array[] } {
  const frames = { rtp: [] as Uint8Array[], rtcp: [] as Uint8Array[] };
  for (let run = reader.cursor.takeRun(); run !== undefined; run = reader.cursor.takeRun()) {
    for (const { start, end } of run.entries) {
      const frame = run.bytes.slice(start, end);
      assertEquals(frame[0], 0x24);
      (frame[1]! % 2 === 0 ? frames.rtp : frames.rtcp).push(frame.subarray(4));
    }
  }
  return frames;
}

Deno.test("RtspWireFormat gives own SSRC and sequence, and shows the publisher's losses", () => {
  const hub = makeHub();
  const publication = hub.acquire("live/cam", { tracks: [G711] });
  const reader = hub.stream("live/cam").read({ format: "rtsp", create: makeFormat });
  for (const number of [10, 11, 14, 15]) publication.write(packetUnit(number));
  // The publisher comes back: other source, other numbers.
  for (const number of [900, 901]) publication.write(packetUnit(number, 8));
  const packets = framesOf(reader).rtp.map(parseRtpPacket);
  const first = packets[0]!.sequenceNumber;
  assertEquals(packets.map(({ sequenceNumber }) => sequenceNumber - first), [0, 1, 4, 5, 6, 7]);
  assertEquals(new Set(packets.map(({ ssrc }) => ssrc)).size, 1);
  const ticks = packets.map(({ timestamp }) => timestamp - packets[0]!.timestamp);
  assertEquals(ticks.slice(0, 4), [0, 160, 640, 800]);
});

Deno.test("RtspWireFormat shows no gap where a publisher's numbers jump: it began anew", () => {
  const hub = makeHub();
  const publication = hub.acquire("live/cam", { tracks: [G711] });
  const reader = hub.stream("live/cam").read({ format: "rtsp", create: makeFormat });
  const numbers = () => framesOf(reader).rtp.map((bytes) => parseRtpPacket(bytes).sequenceNumber);
  /** Steps between the packets that players see. */
  const steps = (published: readonly number[]): number[] => {
    for (const number of published) publication.write(packetUnit(number));
    const seen = [last, ...numbers()];
    last = seen.at(-1)!;
    return seen.slice(1).map((number, index) => (number - seen[index]!) & 0xffff);
  };
  publication.write(packetUnit(100));
  let last = numbers()[0]!;
  // RFC 3550, A.1: up to 3000 packets are a loss.
  assertEquals(steps([101, 3102, 3103]), [1, 3001, 1]);
  assertEquals(steps([6105, 6106]), [1, 1]);
  assertEquals(steps([40_000, 40_001]), [1, 1]);
  assertEquals(steps([7, 8, 8]), [1, 1, 1]);
});

Deno.test("RtspWireFormat reports with the RTP time of the moment it names, then each 0.4 s (R091)", () => {
  const hub = makeHub();
  const publication = hub.acquire("live/cam", { tracks: [G711] });
  const reader = hub.stream("live/cam").read({ format: "rtsp", create: makeFormat });
  for (let number = 0; number <= 500; number++) publication.write(packetUnit(number));
  const { rtp, rtcp } = framesOf(reader);
  const reports = rtcp.map((bytes) => parseRtcp(bytes)[0]!);
  assertEquals(reports.length, 26);
  assert(reports.every(({ type }) => type === "sender-report"));
  const [first, second] = reports;
  assert(first?.type === "sender-report" && second?.type === "sender-report");
  assertEquals(first.rtpTimestamp, parseRtpPacket(rtp[0]!).timestamp);
  assertEquals(second.rtpTimestamp - first.rtpTimestamp, 3200);
  const fraction = second.ntp.fraction - first.ntp.fraction;
  assertAlmostEquals(second.ntp.seconds - first.ntp.seconds + fraction / 2 ** 32, 0.4, 1e-6);
  assertEquals([first.packetCount, second.packetCount], [0, 20]);
  assertEquals(second.octetCount, 20 * 160);
});

Deno.test("a stream without an RTSP reader does no RTP work", () => {
  const hub = makeHub();
  let formats = 0;
  const create = (): RtspWireFormat => {
    formats++;
    return makeFormat();
  };
  const publication = hub.acquire("live/cam", { tracks: [G711] });
  const stream = hub.stream("live/cam");
  stream.read({
    format: "rtmp",
    create: (of) => new RtmpWireFormat(of, { multitrack: true, modEx: true, fourCcs: true }),
  });
  publication.write(packetUnit(1));
  assertEquals(formats, 0);
  const reader = stream.read({ format: "rtsp", create });
  publication.write(packetUnit(2));
  assertEquals(formats, 1);
  reader.close();
  publication.write(packetUnit(3));
  // What was written while nobody read was not kept: the next reader starts a log of its own.
  const next = stream.read({ format: "rtsp", create });
  assertEquals(formats, 2);
  assertEquals(framesOf(next).rtp.map((packet) => packet[12]), [3]);
});

const AAC = { kind: "audio", id: 0, codec: "aac", config: Uint8Array.of(0x12, 0x10) } as const;
const H264 = {
  ...{ kind: "video", id: 0, codec: "h264" } as const,
  config: Uint8Array.fromHex("0142c01effe100096742c01ed900a046c801000468cb83cb"),
} as const;

/** A frame of AAC at 44.1 kHz, or a picture, as RTMP has it: times are whole milliseconds. */
function flvUnit(kind: "audio" | "video", timeMs: number, bytes = 100): MediaUnit {
  const body = new Uint8Array(bytes).fill(timeMs & 0x7f);
  body.set(kind === "audio" ? [0xaf, 1] : [0x17, 1, 0, 0, 0, 0, 0, 0, bytes - 9, 0x65]);
  return unitOfFlv({ kind, dtsUs: timeMs * 1000, body })!;
}

Deno.test("RtspWireFormat puts frames of AAC in one packet where players get them at once", () => {
  const hub = new Hub({ clock: new TurnedClock(), flush: "frame" });
  const publication = hub.acquire("live/cam", { tracks: [H264, AAC] });
  const create = (): RtspWireFormat =>
    new RtspWireFormat({
      tracks: sdpOfTracks([H264, AAC]).tracks,
      random: (length) => new Uint8Array(length),
      nowUnixUs: () => 1_700_000_000_000_000,
    });
  const reader = hub.stream("live/cam").read({ format: "rtsp", create });
  /** Time in ticks and lengths of the frames of each packet of audio, as a player takes it apart. */
  const sound = (): [number, number[]][] =>
    framesOf(reader).rtp.map(parseRtpPacket).filter(({ payloadType }) => payloadType === 97)
      .map((packet) => {
        const units = new AacDepacketizer().push(packet);
        return [packet.timestamp, units.map(({ parts }) => parts[0]!.length)];
      });
  const write = (...units: readonly MediaUnit[]): void => {
    for (const unit of units) publication.write(unit);
    publication.commit();
  };
  write(flvUnit("video", 0));
  assertEquals(sound(), []);
  // 23.2 ms apart, as whole milliseconds.
  write(flvUnit("audio", 3));
  write(flvUnit("audio", 26, 200));
  write(flvUnit("video", 33), flvUnit("audio", 49), flvUnit("video", 66));
  assertEquals(sound(), [[132, [98, 198]], [2161, [98]]]);
  // A pause between them, or no room, and each has its own time, or packet.
  write(flvUnit("audio", 72), flvUnit("audio", 98), flvUnit("video", 100));
  write(flvUnit("audio", 121, 800), flvUnit("audio", 144, 800), flvUnit("video", 150));
  assertEquals(sound(), [[3175, [98]], [4322, [98]], [5336, [798]], [6350, [798]]]);
});
