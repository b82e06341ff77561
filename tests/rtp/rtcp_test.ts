import { assertEquals, assertThrows } from "@std/assert";
import { buildRtcp, parseRtcp, type RtcpPacket, RtpError, SDES_CNAME } from "../../src/rtp/mod.ts";
import { fromHex, toHex } from "./support.ts";

const SENDER_REPORT = `
  81 c8 000c 000b7fd5 1234567890abcdef 0000d450 00000001 00000004
  11223344 83 ffffff 00010002 00000003 00000004 00000005`;

const CASES: readonly [string, string, RtcpPacket[]][] = [
  ["a sender report with a block", SENDER_REPORT, [{
    type: "sender-report",
    ssrc: 753621,
    ntp: { seconds: 0x12345678, fraction: 0x90abcdef },
    rtpTimestamp: 54352,
    packetCount: 1,
    octetCount: 4,
    reports: [{
      ssrc: 0x11223344,
      fractionLost: 0x83,
      cumulativeLost: -1,
      highestSequence: 0x10002,
      jitter: 3,
      lastSenderReport: 4,
      delaySinceLastSenderReport: 5,
    }],
  }]],
  ["an empty receiver report", "80 c9 0001 00000007", [
    { type: "receiver-report", ssrc: 7, reports: [] },
  ]],
  [
    "a source description of two chunks",
    `
    82 ca 0007 00000001 01 04 77656972 00 00  00000002 01 01 61 02 01 62 00 00  00 000000`,
    [{
      type: "source-description",
      chunks: [
        { ssrc: 1, items: [{ type: SDES_CNAME, text: "weir" }] },
        { ssrc: 2, items: [{ type: SDES_CNAME, text: "a" }, { type: 2, text: "b" }] },
      ],
    }],
  ],
  ["a goodbye with a reason", "81 cb 0003 00000007 04 646f6e65 000000", [
    { type: "goodbye", ssrcs: [7], reason: "done" },
  ]],
  ["an application's packet", "85 cc 0003 00000007 77656972 01020304", [{
    type: "application-defined",
    subtype: 5,
    ssrc: 7,
    name: "weir",
    data: fromHex("01020304"),
  }]],
  ["feedback, which is not looked into", "81 ce 0002 00000001 00000002", [
    { type: "unknown", packetType: 206, count: 1, data: fromHex("0000000100000002") },
  ]],
];

for (const [what, text, packets] of CASES) {
  Deno.test(`parseRtcp reads and buildRtcp writes ${what}`, () => {
    const bytes = fromHex(text);
    if (what.includes("two chunks")) bytes[3] = (bytes.length - 4) / 4;
    const before = bytes.slice();
    assertEquals(parseRtcp(bytes), packets);
    assertEquals(bytes, before, "the packet was changed (R167)");
    assertEquals(parseRtcp(buildRtcp(packets)), packets);
    if (!what.includes("two chunks")) assertEquals(toHex(buildRtcp(packets)), toHex(bytes));
  });

  Deno.test(`parseRtcp refuses each truncation of ${what} (R090, R120)`, () => {
    const bytes = fromHex(text);
    for (let length = 0; length < bytes.length; length++) {
      const error = assertThrows(() => parseRtcp(bytes.slice(0, length)), RtpError);
      assertEquals(error.code, "malformed-rtcp");
    }
  });
}

Deno.test("parseRtcp reads a compound, and buildRtcp writes it", () => {
  const all = CASES.flatMap(([, , packets]) => packets);
  assertEquals(parseRtcp(buildRtcp(all)), all);
});

Deno.test("parseRtcp takes a source description without end octet, as Hanwha sends it (R149)", () => {
  const hanwha = "81 ca 0003 11223344 01 06 63616d657261";
  const expected: RtcpPacket = {
    type: "source-description",
    chunks: [{ ssrc: 0x11223344, items: [{ type: SDES_CNAME, text: "camera" }] }],
  };
  assertEquals(parseRtcp(fromHex(hanwha)), [expected]);
  const compound = parseRtcp(fromHex(SENDER_REPORT + hanwha));
  assertEquals(compound.length, 2);
  assertEquals(compound[1], expected);
});

Deno.test("parseRtcp refuses a source description whose item is cut off (R149)", () => {
  assertThrows(() => parseRtcp(fromHex("81 ca 0003 11223344 01 06 63616d")), RtpError);
  // The packet's length is right, the item's is not.
  assertThrows(() => parseRtcp(fromHex("81 ca 0003 11223344 01 07 63616d657261")), RtpError);
});

Deno.test("parseRtcp refuses 2 bytes, and more than a datagram holds (R090)", () => {
  assertThrows(() => parseRtcp(new Uint8Array([0x80, 0xc9])), RtpError, "2 bytes");
  const error = assertThrows(() => parseRtcp(new Uint8Array(2000)), RtpError, "2000 > 1472");
  assertEquals(error.code, "rtcp-too-large");
});

Deno.test("parseRtcp refuses another version, and padding that does not fit", () => {
  assertThrows(() => parseRtcp(fromHex("40 c9 0001 00000007")), RtpError);
  assertThrows(() => parseRtcp(fromHex("a0 c9 0001 00000007")), RtpError);
  assertEquals(parseRtcp(fromHex("a0 c9 0002 00000007 00000004")), [
    { type: "receiver-report", ssrc: 7, reports: [] },
  ]);
});

Deno.test("buildRtcp refuses what the format cannot hold", () => {
  const items = [{ type: SDES_CNAME, text: "x".repeat(256) }];
  assertThrows(
    () => buildRtcp([{ type: "source-description", chunks: [{ ssrc: 1, items }] }]),
    RangeError,
  );
  assertThrows(
    () => buildRtcp([{ type: "goodbye", ssrcs: new Array(32).fill(1) }]),
    RangeError,
  );
  const data = new Uint8Array(3);
  assertThrows(
    () => buildRtcp([{ type: "unknown", packetType: 206, count: 0, data }]),
    RangeError,
  );
});
