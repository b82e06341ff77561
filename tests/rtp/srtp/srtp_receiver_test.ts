import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  buildRtpPacket,
  MAX_SRTP_SOURCES,
  SRTP_PROFILES,
  type SrtpMasterKey,
  srtpProfile,
  SrtpReceiver,
  SrtpSender,
} from "../../../src/rtp/mod.ts";
import { REPLAY_WINDOW_PACKETS } from "../../../src/rtp/srtp/replay_window.ts";

const MASTER: SrtpMasterKey = {
  profile: srtpProfile("AES_CM_128_HMAC_SHA1_80"),
  key: new Uint8Array(16).fill(1),
  salt: new Uint8Array(14).fill(2),
};

function packet(sequenceNumber: number, ssrc = 5): Uint8Array {
  return buildRtpPacket({
    payloadType: 96,
    sequenceNumber,
    timestamp: 0,
    ssrc,
    payload: new Uint8Array([sequenceNumber >> 8, sequenceNumber]),
  });
}

Deno.test("SrtpReceiver takes each packet once, in any order, across many wraps", () => {
  const sender = new SrtpSender(MASTER);
  const receiver = new SrtpReceiver(MASTER);
  for (let index = 0; index < 200_000; index += 16) {
    const plain = Array.from({ length: 16 }, (_, i) => packet((index + i) & 0xffff));
    const sent = sender.protect(plain);
    // The second before the first, and every 16th never.
    const order = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 14];
    for (const i of order) assertEquals(receiver.unprotect(sent[i]!), plain[i]);
    assertEquals(receiver.unprotect(sent[4]!), undefined);
  }
  assertEquals(receiver.stats, { rejected: 0, replayed: 200_000 / 16 });
});

Deno.test("SrtpReceiver takes what comes late within its window, and nothing behind it", () => {
  const sender = new SrtpSender(MASTER);
  const receiver = new SrtpReceiver(MASTER);
  const [first, late, tooLate, newest] = sender.protect(
    [1, 3, 2, 2 + REPLAY_WINDOW_PACKETS].map((sequence) => packet(sequence)),
  );
  assert(receiver.unprotect(first!) !== undefined);
  assert(receiver.unprotect(newest!) !== undefined);
  assert(receiver.unprotect(late!) !== undefined);
  assertEquals(receiver.unprotect(tooLate!), undefined);
  assertEquals(receiver.stats.replayed, 1);
});

Deno.test("SrtpReceiver joins a source late where it is told of its roll-over counter", () => {
  const sender = new SrtpSender(MASTER);
  sender.protect([packet(65_535), packet(0)]);
  const [sent] = sender.protect([packet(1)]);
  assertEquals(new SrtpReceiver(MASTER).unprotect(sent!), undefined);
  const told = new SrtpReceiver(MASTER, { rollovers: new Map([[5, sender.rolloverOf(5)]]) });
  assertEquals(told.unprotect(sent!), packet(1));
});

Deno.test("SrtpSender sends a packet again as it was, before and after a wrap", () => {
  const sender = new SrtpSender(MASTER);
  const before = sender.protect([packet(65_534), packet(65_535)]);
  sender.protect([packet(0), packet(1)]);
  assertEquals(sender.protect([packet(65_534), packet(65_535)]), before);
  assertEquals(sender.rolloverOf(5), 1);
});

Deno.test("SrtpSender gives packets the payload type of their receiver", () => {
  const [sent] = new SrtpSender(MASTER).protect([packet(1)], { payloadType: 111 });
  assertEquals(new SrtpReceiver(MASTER).unprotect(sent!)![1], 111);
});

Deno.test("SrtpReceiver refuses every packet with a bit changed, and goes on", () => {
  for (const profile of SRTP_PROFILES) {
    const master = {
      profile,
      key: new Uint8Array(profile.keyBytes),
      salt: new Uint8Array(profile.saltBytes),
    };
    const sender = new SrtpSender(master);
    const receiver = new SrtpReceiver(master);
    const [sent] = sender.protect([packet(7)]);
    const report = sender.protectRtcp(new Uint8Array([0x80, 201, 0, 1, 0, 0, 0, 5]));
    for (let bit = 0; bit < sent!.length * 8; bit++) {
      const changed = sent!.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assertEquals(receiver.unprotect(changed), undefined);
    }
    for (let bit = 0; bit < report.length * 8; bit++) {
      const changed = report.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assertEquals(receiver.unprotectRtcp(changed), undefined);
    }
    for (let length = 0; length < sent!.length; length++) {
      assertEquals(receiver.unprotect(sent!.subarray(0, length)), undefined);
      assertEquals(receiver.unprotectRtcp(sent!.subarray(0, length)), undefined);
    }
    assertEquals(receiver.unprotect(sent!), packet(7));
  }
});

Deno.test("SrtpReceiver remembers a bounded number of sources, and none that is not authentic", () => {
  const sender = new SrtpSender(MASTER);
  const receiver = new SrtpReceiver(MASTER);
  for (let ssrc = 1000; ssrc < 3000; ssrc++) {
    receiver.unprotect(buildRtpPacket({
      payloadType: 96,
      sequenceNumber: 1,
      timestamp: 0,
      ssrc,
      payload: new Uint8Array(20),
    }));
  }
  const taken = Array.from({ length: MAX_SRTP_SOURCES + 1 }, (_, ssrc) => {
    const [sent] = sender.protect([packet(1, ssrc)]);
    return receiver.unprotect(sent!) !== undefined;
  });
  assertEquals(taken.filter((was) => was).length, MAX_SRTP_SOURCES);
  assertEquals(taken.at(-1), false);
});

Deno.test("SrtpSender refuses keys of a wrong size, and packets without a whole header", () => {
  assertThrows(
    () => new SrtpSender({ ...MASTER, key: new Uint8Array(15) }),
    RangeError,
    "16 bytes",
  );
  assertThrows(
    () => new SrtpSender({ ...MASTER, salt: new Uint8Array(12) }),
    RangeError,
    "14 bytes",
  );
  const sender = new SrtpSender(MASTER);
  assertThrows(() => sender.protect([new Uint8Array(11)]), RangeError, "header");
  assertThrows(() => sender.protectRtcp(new Uint8Array(7)), RangeError, "8 bytes");
});
