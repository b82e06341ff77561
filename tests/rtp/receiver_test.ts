import { assertEquals, assertThrows } from "@std/assert";
import { type RtpLoss, RtpReceiver, type SenderReport } from "../../src/rtp/mod.ts";
import { packetOf } from "./support.ts";

function receiverOf(options: Partial<ConstructorParameters<typeof RtpReceiver>[0]> = {}) {
  const losses: RtpLoss[] = [];
  const receiver = new RtpReceiver({
    clockRate: 90000,
    onLoss: (loss) => losses.push(loss),
    ...options,
  });
  const push = (sequenceNumber: number, nowMs = 0, timestamp = 0) =>
    receiver.push(packetOf(sequenceNumber, "00", { timestamp }), nowMs)
      .map((packet) => packet.sequenceNumber);
  return { receiver, losses, push };
}

function senderReport(fields: Partial<SenderReport>): SenderReport {
  return {
    type: "sender-report",
    ssrc: 1,
    ntp: { seconds: 0xe363887a, fraction: 0x17ced916 },
    rtpTimestamp: 0,
    packetCount: 0,
    octetCount: 0,
    reports: [],
    ...fields,
  };
}

Deno.test("RtpReceiver puts packets in order across the wrap, and drops duplicates (R160)", () => {
  const { receiver, losses, push } = receiverOf();
  assertEquals(push(65530), [65530]);
  assertEquals(push(65529), [], "sent before the first packet");
  assertEquals(push(65531), [65531]);
  assertEquals(push(65531), [], "a duplicate");
  assertEquals(push(65535), []);
  assertEquals(push(65533), []);
  assertEquals(push(65533), [], "a duplicate of one that waits");
  assertEquals(push(65532), [65532, 65533]);
  assertEquals(push(65534), [65534, 65535]);
  assertEquals(push(1), []);
  assertEquals(push(0), [0, 1]);
  assertEquals(losses, []);
  const { delivered, lost, duplicateOrLate } = receiver.stats;
  assertEquals({ delivered, lost, duplicateOrLate }, { delivered: 8, lost: 0, duplicateOrLate: 3 });
});

Deno.test("RtpReceiver gives a gap up when 64 packets have passed: lost 34, fraction 131 (R160)", () => {
  const { receiver, losses, push } = receiverOf();
  push(1564);
  for (let i = 0; i < 30; i++) assertEquals(push(1599 + i), []);
  assertEquals(push(1629), Array.from({ length: 31 }, (_, i) => 1599 + i));
  assertEquals(losses, [{ lost: 34, nextSequenceNumber: 1599 }]);
  const report = receiver.report(0)!;
  assertEquals(report.fractionLost, 131);
  assertEquals(report.cumulativeLost, 34);
  assertEquals(report.highestSequence, 1629);
  assertEquals(receiver.report(0)!.fractionLost, 0, "the fraction is since the last report");
});

Deno.test("RtpReceiver gives only the oldest gap up, not what may still come", () => {
  const { losses, push } = receiverOf({ reorderPackets: 4 });
  push(0);
  assertEquals(push(2), []);
  assertEquals(push(4), []);
  assertEquals(push(5), [2], "1 is given up, 3 is not");
  assertEquals(push(3), [3, 4, 5]);
  assertEquals(losses, [{ lost: 1, nextSequenceNumber: 2 }]);
});

Deno.test("RtpReceiver gives a gap up after 200 ms (R160)", () => {
  const { receiver, losses, push } = receiverOf();
  push(10, 1000);
  assertEquals(receiver.deadlineMs, undefined);
  assertEquals(push(12, 1010), []);
  assertEquals(receiver.deadlineMs, 1210);
  assertEquals(receiver.flush(1209), []);
  assertEquals(receiver.flush(1210).map((packet) => packet.sequenceNumber), [12]);
  assertEquals(losses, [{ lost: 1, nextSequenceNumber: 12 }]);
  assertEquals(push(11, 1211), [], "too late");
  assertEquals(push(14, 1300), []);
  assertEquals(push(16, 1500), [14], "a push gives up too");
});

Deno.test("RtpReceiver counts a gap of 30 to 100 as 69 lost packets (R120)", () => {
  for (const reorderPackets of [0, 64]) {
    const { receiver, losses, push } = receiverOf({ reorderPackets });
    push(30);
    assertEquals(push(100), [100]);
    assertEquals(losses, [{ lost: 69, nextSequenceNumber: 100 }]);
    assertEquals(receiver.stats.lost, 69);
  }
});

Deno.test("RtpReceiver with a buffer of 128 counts 130 lost (R160)", () => {
  const { losses, push } = receiverOf({ reorderPackets: 128 });
  push(50);
  assertEquals(push(181), [181]);
  assertEquals(losses, [{ lost: 130, nextSequenceNumber: 181 }]);
});

Deno.test("RtpReceiver takes more than 64 old packets in a row for a restart (R160)", () => {
  const { receiver, losses, push } = receiverOf();
  push(50000);
  for (let i = 0; i < 64; i++) assertEquals(push(40000 + i), []);
  assertEquals(push(40064), [40064]);
  assertEquals(push(40065), [40065]);
  assertEquals(losses, []);
  assertEquals(receiver.stats.restarts, 1);
  assertEquals(receiver.report(0)!.highestSequence, 0x10000 + 40065);
});

Deno.test("RtpReceiver without reordering drops old packets too, and counts gaps", () => {
  const { receiver, push } = receiverOf({ reorderPackets: 0 });
  assertEquals(push(0xffff), [0xffff]);
  assertEquals(push(2), [2]);
  assertEquals(push(1), []);
  const report = receiver.report(0)!;
  assertEquals(report.fractionLost, 128);
  assertEquals(report.cumulativeLost, 2);
  assertEquals(report.highestSequence, 0x10002);
});

Deno.test("RtpReceiver counts the wraps of the sequence number (R160)", () => {
  const { receiver, push } = receiverOf();
  push(0xffff);
  push(0);
  assertEquals(receiver.report(0)!.highestSequence, 1 << 16);
  const second = receiverOf();
  second.push(0);
  assertEquals(second.receiver.report(0)!.highestSequence, 0);
});

Deno.test("RtpReceiver measures jitter as RFC 3550 (R160)", () => {
  const { receiver, push } = receiverOf();
  push(946, 0, 0xafb45733);
  push(947, 1000, (0xafb45733 + 45000) >>> 0);
  assertEquals(receiver.report(0)!.jitter, Math.floor(45000 / 16));
});

Deno.test("RtpReceiver reports the last sender report and the delay since (R117)", () => {
  const { receiver, push } = receiverOf();
  push(1);
  assertEquals(receiver.report(0)!.lastSenderReport, 0);
  receiver.takeSenderReport(senderReport({}), 1000);
  const report = receiver.report(3000)!;
  assertEquals(report.lastSenderReport, 0x887a17ce);
  assertEquals(report.delaySinceLastSenderReport, 2 * 65536);
});

Deno.test("RtpReceiver tells the wall-clock time of a timestamp by the sender report (R121)", () => {
  const { receiver, push } = receiverOf();
  push(1);
  assertEquals(receiver.unixUsOf(0), undefined);
  const seconds = Date.UTC(2008, 4, 20, 22, 15, 20) / 1000 + 2_208_988_800;
  receiver.takeSenderReport(
    senderReport({ ntp: { seconds, fraction: 0 }, rtpTimestamp: 0xfffffff0 }),
    0,
  );
  const base = Date.UTC(2008, 4, 20, 22, 15, 20) * 1000;
  assertEquals(receiver.unixUsOf(0xfffffff0), base);
  assertEquals(receiver.unixUsOf(90000 - 16), base + 1_000_000, "across the wrap");
  assertEquals(receiver.unixUsOf(0xfffffff0 - 45000), base - 500_000);
});

Deno.test("RtpReceiver reports nothing before a packet, and nothing without clock rate (R160)", () => {
  assertEquals(receiverOf().receiver.report(0), undefined);
  const { receiver, push } = receiverOf({ clockRate: 0 });
  push(1);
  receiver.takeSenderReport(senderReport({}), 0);
  assertEquals(receiver.report(0), undefined);
  assertEquals(receiver.unixUsOf(0), undefined);
});

/** A receiver of source 1; `push` returns what it makes of a packet, as `source:sequence number`. */
function receiverOfSources(options: { reorderPackets?: number } = {}) {
  const { receiver, losses } = receiverOf(options);
  const text = (packets: { ssrc: number; sequenceNumber: number }[]) =>
    packets.map(({ ssrc, sequenceNumber }) => `${ssrc}:${sequenceNumber}`).join(" ");
  return {
    receiver,
    losses,
    push: (ssrc: number, sequenceNumber: number, nowMs: number) =>
      text(receiver.push(packetOf(sequenceNumber, "00", { ssrc }), nowMs)),
    flush: (nowMs: number) => text(receiver.flush(nowMs)),
  };
}

Deno.test("RtpReceiver accepts another source after a second of silence, from its first packet on (R123)", () => {
  const { receiver, losses, push, flush } = receiverOfSources();
  assertEquals(push(1, 945, 0), "1:945");
  assertEquals(push(1, 947, 0), "");
  // The gap is given up meanwhile.
  assertEquals(push(2, 20, 300), "1:947");
  assertEquals(push(2, 22, 340), "");
  assertEquals(push(2, 21, 345), "");
  assertEquals(receiver.restart, undefined);
  assertEquals([receiver.ssrc, receiver.deadlineMs], [1, 1000]);
  assertEquals(flush(999), "");
  assertEquals(flush(1000), "2:20 2:21 2:22");
  const { packet, arrivalMs } = receiver.restart!;
  assertEquals([packet.ssrc, packet.sequenceNumber, arrivalMs], [2, 20, 300]);
  assertEquals(losses, [{ lost: 1, nextSequenceNumber: 947 }]);
  const report = receiver.report(5)!;
  assertEquals([report.ssrc, report.cumulativeLost, report.highestSequence], [2, 0, 22]);
  const { lost, restarts, foreign } = receiver.stats;
  assertEquals([lost, restarts, foreign], [1, 1, 0]);
  // The first was told already.
  assertEquals(push(2, 23, 1010), "2:23");
  assertEquals(receiver.restart, undefined);
  // Where the silence is over already, at once; what waits of the old one goes before.
  assertEquals(push(2, 25, 1050), "");
  assertEquals(push(3, 7, 2050), "2:25 3:7");
});

Deno.test("RtpReceiver accepts another source at its 256th packet in a row (R123)", () => {
  for (const reorderPackets of [0, 64]) {
    const { receiver, push } = receiverOfSources({ reorderPackets });
    push(1, 1, 0);
    for (let i = 0; i < 255; i++) assertEquals(push(2, i, 1), "");
    assertEquals(push(2, 255, 1).split(" ").length, 256);
    assertEquals([receiver.ssrc, receiver.stats.foreign, receiver.stats.delivered], [2, 0, 257]);
  }
});

Deno.test("RtpReceiver holds no more than 4 MiB of another source (R123)", () => {
  const { receiver, push } = receiverOf();
  push(1);
  const large = packetOf(0, "00".repeat(60_000), { ssrc: 7 });
  const pushOther = (ssrc: number, sequenceNumber: number) =>
    receiver.push({ ...large, ssrc, sequenceNumber }, 1).length;
  const most = Math.floor(4 * 1024 * 1024 / large.bytes.length);
  for (let i = 0; i < most; i++) assertEquals(pushOther(7, i), 0);
  assertEquals(pushOther(7, most), most + 1);
  // What was dropped or returned counts no more.
  for (let round = 1; round <= 3; round++) {
    for (let i = 0; i < most; i++) assertEquals(pushOther(8, i), 0);
    assertEquals(pushOther(7, most + round), 1);
  }
  assertEquals(receiver.stats.foreign, 3 * most);
});

Deno.test("RtpReceiver keeps its source where another one sends beside it, for however long", () => {
  const { receiver, push, flush } = receiverOfSources();
  // Two encoders of 25 pictures a second, an injector of odd packets, and one that floods between.
  let sequence = 0;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 40) {
    for (let i = 0; i < 10; i++) {
      assertEquals(push(1, sequence, nowMs), `1:${sequence}`);
      sequence = (sequence + 1) & 0xffff;
    }
    for (let i = 0; i < 100; i++) {
      assertEquals(push(2, (sequence * 10 + i) & 0xffff, nowMs + 20), "");
    }
    assertEquals(push(3, nowMs & 0xffff, nowMs + 30), "");
    assertEquals(flush(nowMs + 39), "");
  }
  const { restarts, foreign, lost } = receiver.stats;
  // The last one has not been dropped yet: nobody knows whether the first source will go on.
  assertEquals([restarts, lost, foreign], [0, 0, 1500 * 101 - 1]);
});

Deno.test("RtpReceiver tells at most 2^23 - 1 lost packets in a report (R160)", () => {
  const { receiver, push } = receiverOf();
  let sequence = 0;
  push(sequence);
  for (let i = 0; i < 300; i++) push(sequence = (sequence + 32000) & 0xffff);
  assertEquals(receiver.stats.lost, 300 * 31999);
  const report = receiver.report(0)!;
  assertEquals(report.cumulativeLost, 0x7fffff);
  assertEquals(report.fractionLost, 255);
});

Deno.test("RtpReceiver refuses a buffer that its sequence numbers cannot tell apart", () => {
  assertThrows(() => receiverOf({ reorderPackets: 20000 }), RangeError);
});
