import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  buildRtpPacket,
  parseRtpPacket,
  rewriteRtp,
  RtpError,
  rtpMarker,
  rtpPayloadType,
  rtpSequenceNumber,
  rtpSsrc,
  rtpTimestamp,
} from "../../src/rtp/mod.ts";
import { fromHex } from "./support.ts";

/** Two contributing sources, an extension of one word, three bytes of payload, four of padding. */
const FULL = fromHex(`
  b2 e0 ffff 9dbb7812 00000001
  0000000a 0000000b
  bede 0001 10aa0000
  010203 00000004`);

Deno.test("parseRtpPacket reads sources, extension and padding without copying", () => {
  const before = FULL.slice();
  const packet = parseRtpPacket(FULL);
  assertEquals(packet.marker, true);
  assertEquals(packet.payloadType, 96);
  assertEquals(packet.sequenceNumber, 0xffff);
  assertEquals(packet.timestamp, 0x9dbb7812);
  assertEquals(packet.ssrc, 1);
  assertEquals(packet.csrcs, [10, 11]);
  assertEquals(packet.extension, { profile: 0xbede, data: fromHex("10aa0000") });
  assertEquals(packet.payload, fromHex("010203"));
  assertStrictEquals(packet.payload.buffer, FULL.buffer);
  assertEquals(FULL, before, "the packet was changed (R167)");
});

Deno.test("the accessors tell what parseRtpPacket tells", () => {
  const packet = parseRtpPacket(FULL);
  assertEquals(rtpMarker(FULL), packet.marker);
  assertEquals(rtpPayloadType(FULL), packet.payloadType);
  assertEquals(rtpSequenceNumber(FULL), packet.sequenceNumber);
  assertEquals(rtpTimestamp(FULL), packet.timestamp);
  assertEquals(rtpSsrc(FULL), packet.ssrc);
});

Deno.test("parseRtpPacket refuses a packet of 2 bytes with an RtpError (R120)", () => {
  const error = assertThrows(() => parseRtpPacket(new Uint8Array([0x80, 0x60])), RtpError);
  assertEquals(error.code, "packet-too-short");
});

Deno.test("parseRtpPacket reads or refuses each truncation", () => {
  for (let length = 0; length < FULL.length; length++) {
    const cut = FULL.slice(0, length);
    // Cut within the payload, the last byte counts as padding: it fits or it does not.
    try {
      parseRtpPacket(cut);
    } catch (error) {
      assertEquals(error instanceof RtpError, true, `${length} bytes: ${error}`);
    }
  }
});

Deno.test("parseRtpPacket refuses what does not fit the packet", () => {
  const cases: [string, string][] = [
    ["40 60 0001 00000000 00000001", "unsupported-version"],
    ["81 60 0001 00000000 00000001 0000", "malformed-packet"], // a source is cut off
    ["90 60 0001 00000000 00000001 bede", "malformed-packet"], // the extension's header is cut off
    ["90 60 0001 00000000 00000001 bede0002 00000000", "malformed-packet"],
    ["a0 60 0001 00000000 00000001 01020300", "malformed-packet"], // padding of 0
    ["a0 60 0001 00000000 00000001 01020305", "malformed-packet"], // more padding than payload
  ];
  for (const [text, code] of cases) {
    const error = assertThrows(() => parseRtpPacket(fromHex(text)), RtpError);
    assertEquals(error.code, code, text);
  }
});

Deno.test("parseRtpPacket takes a packet of nothing but padding", () => {
  const packet = parseRtpPacket(fromHex("a0 60 0001 00000000 00000001 00000004"));
  assertEquals(packet.payload.length, 0);
});

Deno.test("buildRtpPacket builds what parseRtpPacket reads", () => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(
      fc.record({
        payloadType: fc.integer({ min: 0, max: 127 }),
        sequenceNumber: fc.integer({ min: 0, max: 0xffff }),
        timestamp: u32,
        ssrc: u32,
        marker: fc.boolean(),
        csrcs: fc.array(u32, { maxLength: 15 }),
        payload: fc.uint8Array({ maxLength: 50 }),
        padding: fc.integer({ min: 0, max: 255 }),
      }),
      fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 }), { nil: undefined }),
      (fields, data) => {
        const extension = data === undefined ? {} : { extension: { profile: 0xabac, data } };
        const { bytes: _, ...parsed } = parseRtpPacket(buildRtpPacket({ ...fields, ...extension }));
        const { padding: __, ...expected } = fields;
        assertEquals(parsed, { extension: undefined, ...expected, ...extension });
      },
    ),
    { seed: 5, numRuns: 200 },
  );
});

Deno.test("buildRtpPacket builds the recorded packet byte for byte", () => {
  const { bytes: _, ...fields } = parseRtpPacket(FULL);
  const { extension, ...rest } = fields;
  assertEquals(buildRtpPacket({ ...rest, extension: extension!, padding: 4 }), FULL);
});

Deno.test("buildRtpPacket refuses fields out of range", () => {
  const fields = {
    payloadType: 96,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc: 0,
    payload: new Uint8Array(),
  };
  assertThrows(() => buildRtpPacket({ ...fields, payloadType: 128 }), RangeError);
  assertThrows(() => buildRtpPacket({ ...fields, csrcs: new Array(16).fill(0) }), RangeError);
  assertThrows(() => buildRtpPacket({ ...fields, padding: 256 }), RangeError);
  const extension = { profile: 0, data: new Uint8Array(3) };
  assertThrows(() => buildRtpPacket({ ...fields, extension }), RangeError);
});

Deno.test("rewriteRtp patches the header of a copy and nothing else", () => {
  const before = FULL.slice();
  const target = new Uint8Array(FULL.length + 8).fill(0x55);
  const written = rewriteRtp(FULL, target, {
    at: 4,
    ssrc: 0xcafebabe,
    sequenceNumber: 65536 + 3,
    timestampOffset: -0x9dbb7813,
    payloadType: 97,
  });
  assertEquals(written, FULL.length);
  const expected = FULL.slice();
  expected.set(fromHex("b2 e1 0003 ffffffff cafebabe"));
  assertEquals(target.subarray(4, 4 + written), expected);
  assertEquals(target.subarray(0, 4), new Uint8Array(4).fill(0x55));
  assertEquals(target.subarray(4 + written), new Uint8Array(4).fill(0x55));
  assertEquals(FULL, before, "the packet was changed (R167)");
  assertThrows(
    () => rewriteRtp(new Uint8Array(11), target, { ssrc: 0, sequenceNumber: 0 }),
    RangeError,
  );
});
