import { assertEquals, assertThrows } from "@std/assert";
import {
  Av1Depacketizer,
  Av1Packetizer,
  MAX_AV1_OBUS,
  RtpError,
  type RtpPacket,
} from "../../../src/rtp/mod.ts";
import { depacketize, fromHex, packetOf, toHex } from "../support.ts";

const END = { marker: true };

function read(packets: readonly RtpPacket[]) {
  return depacketize((options) => new Av1Depacketizer(options), packets);
}

Deno.test("Av1Depacketizer reads elements with and without count (R164)", () => {
  // W is 0: each has its length. W is 2 and 3: the last has none.
  for (const payload of ["08 02 08aa 03 30bbcc", "28 02 08aa 30bbcc"]) {
    assertEquals(read([packetOf(1, payload, END)]).units, [["08aa", "30bbcc"]], payload);
  }
  assertEquals(read([packetOf(1, "38 01 08 01 30 32bb", END)]).errors, ["malformed-payload"]);
  assertEquals(read([packetOf(1, "38 01 08 01 30 30bb", END)]).units, [["08", "30", "30bb"]]);
});

Deno.test("Av1Depacketizer joins fragments across packets (R164)", () => {
  const { units, errors } = read([
    packetOf(1, "68 02 08aa 30bb"), // Y, W 2, N
    packetOf(2, "d0 cc"), // Z, Y, W 1
    packetOf(3, "a0 01 dd 30ee", END), // Z, W 2
  ]);
  assertEquals(units, [["08aa", "30bbccdd", "30ee"]]);
  assertEquals(errors, []);
});

Deno.test("Av1Depacketizer takes size fields off and leaves temporal delimiters out (R164)", () => {
  const { units } = read([
    packetOf(1, "08 02 1200 03 0a01aa 03 3201bb 04 3640 01cc", END),
  ]);
  assertEquals(units, [["08aa", "30bb", "3440cc"]]);
});

Deno.test("Av1Depacketizer discards a unit without its first fragment: missing packet (R164)", () => {
  const { units, errors } = read([
    packetOf(1, "90 cc"),
    packetOf(2, "10 30ee", END),
    packetOf(3, "10 30ff", { timestamp: 1, marker: true }),
  ]);
  assertEquals(units, [["30ff"]]);
  assertEquals(errors, ["missing-packet"]);
});

Deno.test("Av1Depacketizer drops a unit whose fragment is missing; the next decodes (R169)", () => {
  const fragments = ["58 30bb", "d0 cc", "d0 dd", "90 ee"];
  const next = packetOf(5, "10 30ff", { timestamp: 3000, marker: true });
  for (let missing = 0; missing < fragments.length; missing++) {
    const before = packetOf(0, "10 30aa", { timestamp: 100, marker: true });
    const packets = fragments.map((payload, i) =>
      packetOf(i + 1, payload, { timestamp: 1000, marker: i === 3 })
    ).filter((_, i) => i !== missing);
    const { units, errors } = read([before, ...packets, next]);
    assertEquals(units, [["30aa"], ["30ff"]], `fragment ${missing} is missing`);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("Av1Depacketizer reports malformed payloads, and goes on", () => {
  for (const payload of ["08", "08 05 30", "08 ff", "10", "08 8080808080808080 01", "10 3205bb"]) {
    const { units, errors } = read([
      packetOf(1, payload, { timestamp: 1, marker: true }),
      packetOf(2, "10 30ff", { timestamp: 2, marker: true }),
    ]);
    assertEquals(units, [["30ff"]], payload);
    assertEquals(errors, ["malformed-payload"], payload);
  }
});

Deno.test("Av1Depacketizer keeps at most 10 OBUs a unit (R164)", () => {
  const many = Array.from({ length: MAX_AV1_OBUS + 1 }, (_, i) => packetOf(i, "10 30bb"));
  assertEquals(read(many).errors, ["too-many-parts"]);
});

Deno.test("Av1Packetizer marks the first packet of a sequence, and no other (R164)", () => {
  const large = new Uint8Array(3000).fill(0x30);
  const packetizer = new Av1Packetizer({ maxPayloadSize: 1000 });
  const key = packetizer.packetize({ timestamp: 0, parts: [fromHex("0a01aa"), large] });
  assertEquals(key.map(({ payload }) => payload[0]!.toString(16)), ["48", "c0", "c0", "80"]);
  assertEquals(key.every(({ payload }) => payload.length <= 1000), true);
  const inter = packetizer.packetize({ timestamp: 0, parts: [fromHex("1200"), fromHex("30bb")] });
  assertEquals(inter.map(({ payload }) => toHex(payload)), ["000230bb"]);
});

Deno.test("Av1Packetizer refuses an OBU that is shorter than its size field", () => {
  assertThrows(
    () => new Av1Packetizer().packetize({ timestamp: 0, parts: [fromHex("3205bb")] }),
    RtpError,
  );
});
