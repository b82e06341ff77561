import { assertEquals } from "@std/assert";
import {
  Mpeg4VideoDepacketizer,
  type RtpPacket,
  Vp8Depacketizer,
  Vp9Depacketizer,
  Vp9Packetizer,
} from "../../../src/rtp/mod.ts";
import { depacketize, fromHex, packetOf, toHex } from "../support.ts";

const END = { marker: true };
const vp8 = (packets: readonly RtpPacket[]) =>
  depacketize((options) => new Vp8Depacketizer(options), packets);
const vp9 = (packets: readonly RtpPacket[]) =>
  depacketize((options) => new Vp9Depacketizer(options), packets);

Deno.test("Vp8Depacketizer reads the descriptors of RFC 7741, 4.6 (R165)", () => {
  const cases: [string, string][] = [
    ["90 80 17 aabb", "aabb"], // picture id of 7 bits
    ["90 80 9234 aabb", "aabb"], // of 15 bits
    ["90 c0 17 05 aabb", "aabb"], // TL0PICIDX
    ["90 e0 17 05 c0 aabb", "aabb"], // and TID
    ["90 10 1f aabb", "aabb"], // KEYIDX alone
    ["90 00 aabb", "aabb"],
    ["10 aabb", "aabb"],
  ];
  for (const [payload, frame] of cases) {
    assertEquals(vp8([packetOf(1, payload, END)]).units, [[frame]], payload);
  }
});

Deno.test("Vp8Depacketizer joins partitions in several packets (R165)", () => {
  const { units } = vp8([
    packetOf(1, "10 aa"),
    packetOf(2, "00 bb"),
    packetOf(3, "11 cc"), // begins partition 1
    packetOf(4, "01 dd", END),
  ]);
  assertEquals(units, [["aabbccdd"]]);
});

Deno.test("Vp8Depacketizer begins anew where another frame begins amid one (R165)", () => {
  const { units, errors } = vp8([
    packetOf(1, "10 aa"),
    packetOf(2, "10 bb"),
    packetOf(3, "00 cc", END),
  ]);
  assertEquals(units, [["bbcc"]]);
  assertEquals(errors, ["missing-packet"]);
});

Deno.test("Vp8Depacketizer keeps a frame behind a gap: its descriptor says that it begins", () => {
  const { units, errors } = vp8([
    packetOf(1, "10 aa", END),
    packetOf(3, "10 bb", { timestamp: 1, marker: true }),
    packetOf(6, "00 cc", { timestamp: 2, marker: true }),
    packetOf(7, "10 dd", { timestamp: 3, marker: true }),
  ]);
  assertEquals(units, [["aa"], ["bb"], ["dd"]]);
  assertEquals(errors, ["missing-packet"]);
});

Deno.test("Vp8Depacketizer reports descriptors that are cut off, and goes on", () => {
  for (const payload of ["90", "90 80", "90 80 92", "10", "90 e0 17 05"]) {
    const { units, errors } = vp8([
      packetOf(1, payload, END),
      packetOf(2, "10 aa", { timestamp: 1, marker: true }),
    ]);
    assertEquals(units, [["aa"]], payload);
    assertEquals(errors, ["malformed-payload"], payload);
  }
});

Deno.test("Vp9Depacketizer reads flexible and non-flexible descriptors (RFC 9628, 4.2; R165)", () => {
  const cases: string[] = [
    "0c aabb", // what FFmpeg sends: nothing but beginning and end
    "8c 17 aabb", // picture id of 7 bits
    "8c 9234 aabb", // of 15 bits
    "ac 17 00 05 aabb", // non-flexible: layer and TL0PICIDX
    "bc 17 00 aabb", // flexible: layer alone
    "dc 17 02 aabb", // flexible: one reference
    "dc 17 03 05 06 aabb", // three references
    "8e 17 10 0140 00f0 aabb", // structure: size of one layer
    "8e 17 38 0140 00f0 0280 01e0 01 04 01 aabb", // two sizes, one picture with one reference
    "8e 17 00 aabb", // an empty structure
  ];
  for (const payload of cases) {
    assertEquals(vp9([packetOf(1, payload, END)]).units, [["aabb"]], payload);
  }
});

Deno.test("Vp9Depacketizer returns each spatial layer's frame as a part (R165)", () => {
  const { units, errors } = vp9([
    packetOf(1, "a8 17 00 05 aa"), // layer 0 begins
    packetOf(2, "a4 17 00 05 bb"), // and ends
    packetOf(3, "ac 17 03 05 cc", END), // layer 1
  ]);
  assertEquals(units, [["aabb", "cc"]]);
  assertEquals(errors, []);
});

Deno.test("Vp9Depacketizer drops a frame whose packet is missing; the next decodes (R169)", () => {
  const pieces = ["88 17 aa", "80 17 bb", "84 17 cc"];
  for (let missing = 0; missing < 3; missing++) {
    const packets = pieces.map((payload, i) =>
      packetOf(i + 1, payload, { timestamp: 1, marker: i === 2 })
    ).filter((_, i) => i !== missing);
    const { units, errors } = vp9([
      packetOf(0, "8c 16 00", END),
      ...packets,
      packetOf(4, "8c 18 dd", { timestamp: 2, marker: true }),
    ]);
    assertEquals(units, [["00"], ["dd"]]);
    assertEquals(errors, ["missing-packet"]);
  }
});

Deno.test("Vp9Depacketizer reports descriptors that are cut off, and goes on", () => {
  for (const payload of ["8c", "8c 92", "dc 17", "8e 17", "8e 17 08", "8e 17 08 02 00", "0c"]) {
    const { units, errors } = vp9([
      packetOf(1, payload, END),
      packetOf(2, "8c 18 dd", { timestamp: 2, marker: true }),
    ]);
    assertEquals(units, [["dd"]], payload);
    assertEquals(errors, ["malformed-payload"], payload);
  }
});

Deno.test("Vp9Packetizer says which pictures are predicted, and numbers them", () => {
  const packetizer = new Vp9Packetizer({ pictureId: 0x7fff });
  const key = packetizer.packetize({ timestamp: 0, parts: [fromHex("82 49")] });
  const inter = packetizer.packetize({ timestamp: 1, parts: [fromHex("86 00")] });
  assertEquals(key.map(({ payload }) => toHex(payload)), ["8cffff8249"]);
  assertEquals(inter.map(({ payload }) => toHex(payload)), ["cc80008600"]);
});

Deno.test("Mpeg4VideoDepacketizer joins a frame's packets, and drops what has no beginning", () => {
  const { units, errors } = depacketize((options) => new Mpeg4VideoDepacketizer(options), [
    packetOf(1, "aabb", END),
    packetOf(2, "000001b610", { timestamp: 1 }),
    packetOf(3, "aabb", { timestamp: 1, marker: true }),
    packetOf(5, "aabb", { timestamp: 2, marker: true }),
    packetOf(6, "000001b650", { timestamp: 3, marker: true }),
  ]);
  assertEquals(units, [["000001b610aabb"], ["000001b650"]]);
  assertEquals(errors, ["missing-packet", "missing-packet"]);
});
