import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  H264Depacketizer,
  H264Packetizer,
  MAX_H264_NAL_UNITS,
  MAX_H264_UNIT_SIZE,
  type RtpPacket,
} from "../../../src/rtp/mod.ts";
import { depacketize, fromHex, packetOf, toHex } from "../support.ts";

const END = { marker: true };

function read(packets: readonly RtpPacket[]) {
  return depacketize((options) => new H264Depacketizer(options), packets);
}

Deno.test("H264Depacketizer reads a single NAL unit as a view of its packet (R162)", () => {
  const packet = packetOf(1, "65 88 84 00 33", END);
  const [unit] = new H264Depacketizer().push(packet);
  assertEquals(unit!.parts.map(toHex), ["6588840033"]);
  assertEquals(unit!.parts[0]!.buffer, packet.bytes.buffer);
});

Deno.test("H264Depacketizer reads STAP-A (RFC 6184, 5.7.1; R162)", () => {
  const { units, errors } = read([
    packetOf(1, "78 0003 67aabb 0002 68cc 0004 6588dddd", END),
  ]);
  assertEquals(units, [["67aabb", "68cc", "6588dddd"]]);
  assertEquals(errors, []);
});

Deno.test("H264Depacketizer passes over zeros at the end of STAP-A (R162)", () => {
  for (const zeros of ["00", "0000", "000000", "00".repeat(20)]) {
    const { units } = read([packetOf(1, `18 0002 aabb 0002 ccdd ${zeros}`, END)]);
    assertEquals(units, [["aabb", "ccdd"]], zeros);
  }
});

Deno.test("H264Depacketizer reads FU-A, of any number of pieces (RFC 6184, 5.8; R162)", () => {
  const { units } = read([
    packetOf(1, "7c 85 aabb"),
    packetOf(2, "7c 05 cc"),
    packetOf(3, "7c 05"),
    packetOf(4, "7c 45 dd", END),
  ]);
  assertEquals(units, [["65aabbccdd"]]);
});

Deno.test("H264Depacketizer takes FU-A that is first and last at once, as CostarHD sends it (R162)", () => {
  const { units } = read([packetOf(18853, "3c c1 e700cafe", END)]);
  assertEquals(units, [["21e700cafe"]]);
});

Deno.test("H264Depacketizer ends units where the timestamp changes: FLIR M400 (R162)", () => {
  const { units, timestamps, errors } = read([
    packetOf(1, "6588", { timestamp: 1000 }),
    packetOf(2, "6544", { timestamp: 1000 }),
    packetOf(3, "419a", { timestamp: 4000 }),
    packetOf(4, "419b", { timestamp: 7000 }),
  ]);
  assertEquals(units, [["6588", "6544"], ["419a"]]);
  assertEquals(timestamps, [1000, 4000]);
  assertEquals(errors, []);
});

Deno.test("H264Depacketizer returns two units of one packet: by timestamp and by marker", () => {
  const { units } = read([
    packetOf(1, "6588", { timestamp: 1000 }),
    packetOf(2, "419a", { timestamp: 4000, marker: true }),
  ]);
  assertEquals(units, [["6588"], ["419a"]]);
});

Deno.test("H264Depacketizer takes Annex B inside RTP (R162)", () => {
  const cases: [string, string[]][] = [
    ["00000001 67aa 00000001 68bb 000001 6588cc", ["67aa", "68bb", "6588cc"]],
    ["000001 6588", ["6588"]],
    ["67aa 00000001 68bb", ["67aa", "68bb"]],
    ["6588 00000001", ["6588"]],
    ["6588 000003 01", ["658800000301"]], // emulation prevention is no start code
    ["6588 0000", ["65880000"]],
  ];
  for (const [payload, expected] of cases) {
    assertEquals(read([packetOf(1, payload, END)]).units, [expected], payload);
  }
});

Deno.test("H264Depacketizer leaves an SEI whole that holds a start code: ONVIF Media Signing", () => {
  const sei = "0605 10 000001 6588 80";
  assertEquals(read([packetOf(1, sei, END)]).units, [[sei.replaceAll(" ", "")]]);
  assertEquals(read([packetOf(1, `00000001 ${sei}`, END)]).units, [["060510", "658880"]]);
});

Deno.test("H264Depacketizer cuts several NAL units in one FU: Amatek AR-N3222F (R162)", () => {
  const sps = "674d00338a8a502802dd34400000fa000030d401";
  const pps = "68ee3c80";
  // The fragment's header tells the first NAL unit's type.
  assertEquals(
    read([
      packetOf(1, "7c87 4d00338a8a502802dd34400000fa000030d4"),
      packetOf(2, "7c47 01 00000001 68ee3c80", END),
    ]).units,
    [[sps, pps]],
  );
  // The fragment begins with a start code, whose first byte the fragment's header stands for.
  for (const trailing of ["", "00000001"]) {
    assertEquals(
      read([
        packetOf(1, "1c80 0001 674d00338a8a502802dd34400000fa00"),
        packetOf(2, `1c40 0030d401 000001 68ee3c80 ${trailing}`, END),
      ]).units,
      [[sps, pps]],
    );
  }
});

Deno.test("H264Depacketizer recovers from an unfinished fragment with the next NAL unit (R162)", () => {
  const { units, errors } = read([
    packetOf(17645, "1c85 0001020304", END),
    packetOf(17646, "0100", END),
  ]);
  assertEquals(units, [["0100"]]);
  assertEquals(errors, ["missing-packet"]);
});

Deno.test("H264Depacketizer drops a unit whose fragment is missing; the next decodes (R169)", () => {
  const fragments = ["7c85 8811", "7c05 22", "7c05 33", "7c45 44"];
  const next = packetOf(5, "419a01", { timestamp: 3000, marker: true });
  for (let missing = 0; missing < fragments.length; missing++) {
    const before = packetOf(0, "419a00", { timestamp: 100, marker: true });
    const packets = fragments.map((payload, i) =>
      packetOf(i + 1, payload, { timestamp: 1000, marker: i === 3 })
    ).filter((_, i) => i !== missing);
    const { units, errors } = read([before, ...packets, next]);
    assertEquals(units, [["419a00"], ["419a01"]], `fragment ${missing} is missing`);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("H264Depacketizer drops a unit whose first, middle or last slice is missing", () => {
  const slices = ["6588", "6544", "6533"];
  const next = packetOf(4, "419a01", { timestamp: 3000, marker: true });
  for (let missing = 0; missing < slices.length; missing++) {
    const before = packetOf(0, "419a00", { timestamp: 100, marker: true });
    const packets = slices.map((payload, i) =>
      packetOf(i + 1, payload, { timestamp: 1000, marker: i === 2 })
    ).filter((_, i) => i !== missing);
    const { units, errors } = read([before, ...packets, next]);
    assertEquals(units, [["419a00"], ["419a01"]], `slice ${missing} is missing`);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("H264Depacketizer keeps a key frame behind a gap that it does not begin in", () => {
  const { units, errors } = read([
    packetOf(0, "6742", { timestamp: 0 }),
    packetOf(1, "6588", { timestamp: 0, marker: true }),
    packetOf(5, "78 0002 6742 0002 68ce", { timestamp: 9000 }),
    packetOf(6, "6588", { timestamp: 9000, marker: true }),
  ]);
  assertEquals(units, [["6742", "6588"], ["6742", "68ce", "6588"]]);
  assertEquals(errors, []);
});

Deno.test("H264Depacketizer does not trust a unit behind a gap that may have held its beginning", () => {
  const { units, errors } = read([
    packetOf(0, "419a", { timestamp: 0, marker: true }),
    packetOf(2, "419b", { timestamp: 9000, marker: true }),
    packetOf(3, "419c", { timestamp: 12000, marker: true }),
  ]);
  assertEquals(units, [["419a"], ["419c"]]);
  assertEquals(errors, ["missing-packet"]);
});

Deno.test("H264Depacketizer passes over a unit that it joins in the middle", () => {
  for (const payload of ["7c05 aabb", "7c45 aabb", "4133"]) {
    const { units, errors } = read([
      packetOf(7, payload, { timestamp: 0, marker: true }),
      packetOf(8, "419a", { timestamp: 3000, marker: true }),
    ]);
    assertEquals(units, [["419a"]]);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("H264Depacketizer passes over keepalives without content", () => {
  const { units, errors } = read([
    packetOf(1, ""),
    packetOf(2, "7c85 aabb"),
    packetOf(3, "", { timestamp: 5 }),
    packetOf(4, "7c45 cc", END),
  ]);
  assertEquals(units, [["65aabbcc"]]);
  assertEquals(errors, []);
});

Deno.test("H264Depacketizer begins anew with another source (R123)", () => {
  const { units, errors } = read([
    packetOf(1, "7c85 88"),
    packetOf(900, "6588", { ssrc: 5, marker: true }),
  ]);
  assertEquals(units, [["6588"]]);
  assertEquals(errors, ["missing-packet"]);
});

Deno.test("H264Depacketizer reports malformed and unsupported payloads, and goes on", () => {
  const cases: [string, string][] = [
    ["7c", "malformed-payload"],
    ["18", "malformed-payload"],
    ["18 00", "malformed-payload"],
    ["18 0003 aabb", "malformed-payload"],
    ["18 0000", "malformed-payload"],
    ["19 0000 0002 6588", "unsupported-payload"],
    ["1a 0000", "unsupported-payload"],
    ["1b 0000", "unsupported-payload"],
    ["1d 8500 00", "unsupported-payload"],
  ];
  for (const [payload, code] of cases) {
    const { units, errors } = read([
      packetOf(1, "419a", { timestamp: 0, marker: true }),
      packetOf(2, payload, { timestamp: 1, marker: true }),
      packetOf(3, "419b", { timestamp: 2, marker: true }),
    ]);
    assertEquals(units, [["419a"], ["419b"]], payload);
    assertEquals(errors, [code], payload);
  }
});

Deno.test("H264Depacketizer keeps at most 50 NAL units and 8 MiB a unit (R162)", () => {
  const many = Array.from({ length: MAX_H264_NAL_UNITS + 1 }, (_, i) => packetOf(i, "6588"));
  const last = packetOf(many.length, "419a", { timestamp: 1, marker: true });
  assertEquals(read([...many, last]), {
    units: [["419a"]],
    timestamps: [1],
    errors: ["too-many-parts"],
  });
  const piece = new Uint8Array(60_000).fill(0x88);
  piece.set([0x7c, 0x05]);
  const errors: string[] = [];
  const depacketizer = new H264Depacketizer({ onError: ({ code }) => errors.push(code) });
  depacketizer.push(packetOf(0, "7c85 88"));
  const count = Math.ceil(MAX_H264_UNIT_SIZE / 59_998);
  for (let i = 1; i <= count; i++) depacketizer.push(packetOf(i, piece));
  assertEquals(errors, ["unit-too-large"]);
  assertEquals(depacketizer.push(packetOf(count + 1, "7c45 00", END)), []);
  assertEquals(depacketizer.push(packetOf(count + 2, "419a", { ...END, timestamp: 1 })).length, 1);
});

Deno.test("H264Packetizer sends small NAL units in STAP-A with the highest importance", () => {
  const parts = ["6742", "68ce", "0605"].map(fromHex);
  const payloads = new H264Packetizer().packetize({ timestamp: 5, parts });
  assertEquals(payloads.map(({ payload }) => toHex(payload)), [
    "780002674200026 8ce00020605".replace(" ", ""),
  ]);
  assertEquals(payloads[0]!.marker, true);
  assertEquals(payloads[0]!.timestamp, 5);
});

Deno.test("H264Packetizer sends what fits as it is, without a copy, and cuts the rest", () => {
  const fits = new Uint8Array(1440).fill(0x41);
  const large = new Uint8Array(1441).fill(0x41);
  const payloads = new H264Packetizer().packetize({ timestamp: 0, parts: [fits, large] });
  assert(payloads[0]!.payload === fits);
  assertEquals(payloads.map(({ marker }) => marker), [false, false, true]);
  assertEquals(toHex(payloads[1]!.payload.subarray(0, 3)), "5c8141");
  assertEquals(toHex(payloads[2]!.payload.subarray(0, 3)), "5c4141");
});

Deno.test("H264Packetizer puts into a STAP-A what fits to the byte, and no byte more", () => {
  // One byte of header, and two of length before each of the NAL units.
  const sizes = (...lengths: number[]) =>
    new H264Packetizer({ maxPayloadSize: 200 })
      .packetize({
        timestamp: 0,
        parts: lengths.map((length) => new Uint8Array(length).fill(0x41)),
      })
      .map(({ payload }) => payload.length);
  assertEquals(sizes(100, 95), [200]);
  assertEquals(sizes(100, 96), [100, 96]);
  assertEquals(sizes(50, 50, 93), [200]);
  assertEquals(sizes(50, 50, 94), [105, 94]);
  assertEquals(sizes(200, 1, 1), [200, 7]);
});

Deno.test("H264Packetizer gives no payload over the bound, and loses no byte, whatever the sizes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 3, max: 400 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 64, max: 300 }),
      (lengths, maxPayloadSize) => {
        const parts = lengths.map((length, index) =>
          new Uint8Array(length).fill(0x80 + index).fill(0x65, 0, 1)
        );
        const payloads = new H264Packetizer({ maxPayloadSize }).packetize({ timestamp: 0, parts });
        assert(payloads.every(({ payload }) => payload.length <= maxPayloadSize));
        const depacketizer = new H264Depacketizer();
        const units = payloads.flatMap(({ payload, marker }, index) =>
          depacketizer.push(packetOf(index, payload, { marker }))
        );
        assertEquals(units.flatMap((unit) => unit.parts.map(toHex)), parts.map(toHex));
      },
    ),
    { seed: 4, numRuns: 200 },
  );
});

Deno.test("H264Packetizer refuses a bound that no header fits", () => {
  assertThrows(() => new H264Packetizer({ maxPayloadSize: 10 }), RangeError);
});
