import { assertEquals, assertThrows } from "@std/assert";
import { buildRtpPacket, parseRtpPacket, RtpSender, unixUsFromNtp } from "../../src/rtp/mod.ts";

const OPTIONS = { ssrc: 9, payloadType: 97, clockRate: 90000, sequenceNumber: 65535 };

Deno.test("RtpSender numbers its packets and counts them (R091)", () => {
  const sender = new RtpSender({ ...OPTIONS, timestampOffset: 10 });
  const packets = [0xffffffff, 100].map((timestamp) =>
    parseRtpPacket(sender.build({ payload: new Uint8Array(20), timestamp, marker: true }))
  );
  assertEquals(packets.map((packet) => packet.sequenceNumber), [65535, 0]);
  assertEquals(packets.map((packet) => packet.timestamp), [9, 110]);
  assertEquals(packets.map((packet) => packet.ssrc), [9, 9]);
  assertEquals(sender.stats, { packets: 2, octets: 40 });
  assertEquals(sender.nextSequenceNumber, 1);
  assertEquals(sender.lastTimestamp, 110);
});

Deno.test("RtpSender writes into a log what it would build", () => {
  const unit = { payload: new Uint8Array(20).fill(3), timestamp: 50, marker: true };
  const built = new RtpSender(OPTIONS).build(unit);
  const log = new Uint8Array(100).fill(9);
  const sender = new RtpSender(OPTIONS);
  assertEquals(sender.write(unit, log, { at: 30 }), 32);
  assertEquals(log.subarray(30, 62), built);
  assertEquals([log[29], log[62]], [9, 9]);
  assertThrows(() => sender.write(unit, log, { at: 90 }), RangeError);
  assertEquals(sender.stats.packets, 1, "what did not fit was not counted");
});

Deno.test("RtpSender forwards another's packet with own source, number and type", () => {
  const sender = new RtpSender({ ...OPTIONS, timestampOffset: 1000 });
  const original = buildRtpPacket({
    payloadType: 96,
    sequenceNumber: 5,
    timestamp: 500,
    ssrc: 1,
    marker: true,
    csrcs: [4],
    payload: new Uint8Array(8).fill(7),
  });
  const log = new Uint8Array(100);
  assertEquals(sender.forward(original, log, { at: 50 }), original.length);
  const copy = parseRtpPacket(log.subarray(50, 50 + original.length));
  assertEquals(copy.marker, true);
  assertEquals(copy.payloadType, 97);
  assertEquals([copy.ssrc, copy.sequenceNumber, copy.timestamp], [9, 65535, 1500]);
  assertEquals(copy.payload, new Uint8Array(8).fill(7));
  assertEquals(sender.stats, { packets: 1, octets: 8 });
  sender.skip(3);
  assertEquals(sender.nextSequenceNumber, 3);
});

Deno.test("RtpSender's reports pair wall clock and RTP clock: 30 s later is 30 × 90000 (R091)", () => {
  const sender = new RtpSender(OPTIONS);
  const start = Date.UTC(2026, 10, 21) * 1000;
  assertEquals(sender.report(start), undefined);
  sender.setReference(0xfffffff0, start);
  assertEquals(sender.report(start), undefined, "nothing was sent yet");
  sender.build({ payload: new Uint8Array(5), timestamp: 0xfffffff0 });
  const first = sender.report(start)!;
  assertEquals(first.rtpTimestamp, 0xfffffff0);
  assertEquals(unixUsFromNtp(first.ntp), start);
  assertEquals([first.packetCount, first.octetCount], [1, 5]);
  const later = sender.report(start + 30_000_000)!;
  assertEquals((later.rtpTimestamp - first.rtpTimestamp) >>> 0, 30 * 90000);
  assertEquals(later.ntp.seconds - first.ntp.seconds, 30);
});
