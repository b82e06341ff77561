import { assertEquals } from "@std/assert";
import {
  H265Depacketizer,
  H265Packetizer,
  MAX_H265_NAL_UNITS,
  type RtpPacket,
} from "../../../src/rtp/mod.ts";
import { depacketize, fromHex, packetOf, toHex } from "../support.ts";

const END = { marker: true };

function read(packets: readonly RtpPacket[], don = false) {
  return depacketize((options) => new H265Depacketizer({ ...options, don }), packets);
}

Deno.test("H265Depacketizer reads single NAL units, aggregates and fragments (R163)", () => {
  const { units, errors } = read([
    packetOf(1, "6001 0004 40010c01 0003 420101 0003 4401c1"),
    packetOf(2, "6201 93 af11"),
    packetOf(3, "6201 13 22"),
    packetOf(4, "6201 53 33", END),
    packetOf(5, "0201 d0", { timestamp: 1, marker: true }),
  ]);
  assertEquals(units, [["40010c01", "420101", "4401c1", "2601af112233"], ["0201d0"]]);
  assertEquals(errors, []);
});

Deno.test("H265Depacketizer passes over decoding order numbers (R163)", () => {
  const { units, errors } = read([
    packetOf(1, "4001 0007 0c01"),
    packetOf(2, "6001 0008 0003 420101 00 0003 4401c1"),
    packetOf(3, "6201 93 0009 af11"),
    packetOf(4, "6201 53 22", END),
  ], true);
  assertEquals(units, [["40010c01", "420101", "4401c1", "2601af1122"]]);
  assertEquals(errors, []);
});

Deno.test("H265Depacketizer survives empty NAL units (R163, mediamtx#2603)", () => {
  for (const payload of ["6001 0000", "6001 0003 420101 0000", "6001", "26", "6001 0001 42"]) {
    read([packetOf(1, payload, END), packetOf(2, "0201d0", END)]);
  }
  assertEquals(read([packetOf(1, "6001 0003 420101 0000", END)]).units, [["420101"]]);
  assertEquals(read([packetOf(1, "6001 0000", END)]).errors, ["malformed-payload"]);
});

Deno.test("H265Depacketizer drops a unit whose fragment is missing; the next decodes (R169)", () => {
  const fragments = ["6201 93 af11", "6201 13 22", "6201 13 33", "6201 53 44"];
  const next = packetOf(5, "0201d0", { timestamp: 3000, marker: true });
  for (let missing = 0; missing < fragments.length; missing++) {
    const before = packetOf(0, "0201d1", { timestamp: 100, marker: true });
    const packets = fragments.map((payload, i) =>
      packetOf(i + 1, payload, { timestamp: 1000, marker: i === 3 })
    ).filter((_, i) => i !== missing);
    const { units, errors } = read([before, ...packets, next]);
    assertEquals(units, [["0201d1"], ["0201d0"]], `fragment ${missing} is missing`);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("H265Depacketizer reports malformed and unsupported payloads, and goes on", () => {
  const cases: [string, string][] = [
    ["62", "malformed-payload"],
    ["6201", "malformed-payload"],
    ["6001 0003 4201", "malformed-payload"],
    ["6401 0000", "unsupported-payload"],
  ];
  for (const [payload, code] of cases) {
    const { units, errors } = read([
      packetOf(1, payload, { timestamp: 1, marker: true }),
      packetOf(2, "0201d0", { timestamp: 2, marker: true }),
    ]);
    assertEquals(units, [["0201d0"]], payload);
    assertEquals(errors, [code], payload);
  }
});

Deno.test("H265Depacketizer takes FU that is first and last at once, and Annex B", () => {
  assertEquals(read([packetOf(1, "6201 d3 af11", END)]).units, [["2601af11"]]);
  assertEquals(
    read([packetOf(1, "00000001 420101 000001 2601af", END)]).units,
    [["420101", "2601af"]],
  );
});

Deno.test("H265Depacketizer keeps at most 21 NAL units a unit (R163)", () => {
  const many = Array.from({ length: MAX_H265_NAL_UNITS + 1 }, (_, i) => packetOf(i, "2601af"));
  assertEquals(read(many).errors, ["too-many-parts"]);
});

Deno.test("H265Packetizer aggregates with the lowest layer and temporal id", () => {
  const parts = ["400a0c", "420901", "44022c"].map(fromHex);
  const payloads = new H265Packetizer().packetize({ timestamp: 0, parts });
  assertEquals(payloads.map(({ payload }) => toHex(payload)), [
    "6001" + "0003400a0c" + "0003420901" + "000344022c",
  ]);
});
