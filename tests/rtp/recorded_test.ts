/** What FFmpeg and GStreamer packetise (scripts/record_rtp.ts), against hashes of what went in. */
import { createHash } from "node:crypto";
import { assert, assertEquals } from "@std/assert";
import {
  type AccessUnit,
  createDepacketizer,
  createPacketizer,
  parseRtcp,
  parseRtpPacket,
  type RtpFormat,
  RtpReceiver,
  RtpSender,
  timestampDistance,
} from "../../src/rtp/mod.ts";
import { fromHex } from "./support.ts";

interface Fixture {
  readonly peer: string;
  readonly format: RtpFormat;
  readonly unitMd5: readonly string[];
  readonly packets: readonly string[];
  readonly rtcp: readonly string[];
}

const FOLDER = new URL("./fixtures/", import.meta.url);
const FIXTURES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();

function load(name: string): Fixture {
  return JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER)));
}

/** Units in order of their packets, and what was lost or dropped on the way. */
function receive(format: RtpFormat, packets: readonly Uint8Array[]): AccessUnit[] {
  const problems: string[] = [];
  const receiver = new RtpReceiver({
    clockRate: format.clockRate,
    onLoss: ({ lost }) => problems.push(`${lost} packets lost`),
  });
  const depacketizer = createDepacketizer(format, {
    onError: (error) => problems.push(error.message),
  })!;
  const units: AccessUnit[] = [];
  for (const bytes of packets) {
    const before = bytes.slice();
    for (const packet of receiver.push(parseRtpPacket(bytes), 0)) {
      units.push(...depacketizer.push(packet));
    }
    assertEquals(bytes, before, "the packet was changed (R167)");
  }
  assertEquals(problems, []);
  return units;
}

/** As FFmpeg's MP4 demultiplexer cuts it: NAL units behind their lengths, everything else as it is. */
function md5Of(unit: AccessUnit, format: RtpFormat): string {
  const hash = createHash("md5");
  for (const part of unit.parts) {
    // The source has its parameter sets beside the stream; GStreamer puts them into the first unit.
    if (format.encodingName === "H265" && part[0]! >> 1 >= 32 && part[0]! >> 1 <= 34) continue;
    if (/^H26[45]$/.test(format.encodingName)) {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, part.length);
      hash.update(length);
    }
    hash.update(part);
  }
  return hash.digest("hex");
}

for (const name of FIXTURES) {
  const { format, packets, unitMd5, rtcp } = load(name);
  const isPcm = /^(PCM|L)/.test(format.encodingName);

  Deno.test(`createDepacketizer reads ${name} as it went in (R162 to R168)`, () => {
    const units = receive(format, packets.map(fromHex));
    if (isPcm) {
      const bytes = units.reduce((sum, unit) => sum + unit.parts[0]!.length, 0);
      assertEquals(bytes, format.channels! * (format.encodingName === "L16" ? 2 : 1) * 2000);
      return;
    }
    const got = units.map((unit) => md5Of(unit, format));
    // FFmpeg's AAC packetiser keeps its last frame; GStreamer's demuxer leaves out the priming one.
    const isAac = format.encodingName.startsWith("MP");
    assert(got.length >= unitMd5.length - (isAac ? 2 : 0), `${got.length} of ${unitMd5.length}`);
    const from = unitMd5.indexOf(got[0]!);
    assertEquals(got, unitMd5.slice(from, from + got.length));
  });

  Deno.test(`${name} comes through weir's own packetizer the same (R168)`, () => {
    const units = receive(format, packets.map(fromHex));
    for (const maxPayloadSize of [100, 300, 1450, 1452]) {
      const packetizer = createPacketizer(format, { maxPayloadSize })!;
      const sender = new RtpSender({
        ssrc: 1,
        payloadType: 96,
        clockRate: format.clockRate,
        sequenceNumber: 65530,
      });
      const datagrams: Uint8Array[] = [];
      for (const unit of units) {
        if (format.encodingName === "OPUS" && unit.parts[0]!.length > maxPayloadSize) return;
        for (const payload of packetizer.packetize(unit)) {
          assert(payload.payload.length <= maxPayloadSize);
          datagrams.push(sender.build(payload));
        }
      }
      const again = receive(format, datagrams);
      if (isPcm) assertEquals(joined(again), joined(units));
      else assertEquals(again, units);
    }
  });

  if (rtcp.length > 0) {
    Deno.test(`parseRtcp reads the reports of ${name} (R121)`, () => {
      const [report] = rtcp.flatMap((text) => parseRtcp(fromHex(text)));
      assert(report?.type === "sender-report");
      const receiver = new RtpReceiver({ clockRate: format.clockRate });
      const first = parseRtpPacket(fromHex(packets[0]!));
      receiver.push(first, 0);
      receiver.takeSenderReport(report, 0);
      assertEquals(report.ssrc, first.ssrc);
      const unixUs = receiver.unixUsOf(first.timestamp)!;
      const year = new Date(unixUs / 1000).getUTCFullYear();
      assert(year >= 2024 && year < 2100, `year ${year}`);
      assert(Math.abs(timestampDistance(report.rtpTimestamp, first.timestamp)) < format.clockRate);
    });
  }
}

function joined(units: readonly AccessUnit[]): number[] {
  return units.flatMap((unit) => unit.parts.flatMap((part) => [...part]));
}
