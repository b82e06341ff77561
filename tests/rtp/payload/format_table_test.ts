import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  AacDepacketizer,
  createDepacketizer,
  createPacketizer,
  H264Depacketizer,
  H264Packetizer,
  RtpError,
  startsRandomAccess,
} from "../../../src/rtp/mod.ts";
import { fromHex, packetOf, toHex } from "../support.ts";

const NAMES = [
  ...["H264", "H265", "AV1", "VP8", "VP9", "MP4V-ES", "MPEG4-GENERIC", "MP4A-LATM"],
  ...["opus", "MPA", "ac3", "eac3", "PCMA", "PCMU", "L8", "L16", "L24"],
];

Deno.test("createDepacketizer and createPacketizer know every format, in any case", () => {
  for (const name of NAMES) {
    for (const encodingName of [name, name.toLowerCase(), name.toUpperCase()]) {
      const format = { encodingName, clockRate: 90000 };
      assertEquals(createDepacketizer(format)?.dropped, 0, name);
      assertEquals(typeof createPacketizer(format)?.packetize, "function", name);
    }
  }
});

Deno.test("createDepacketizer knows no other name, not even one of Object's", () => {
  for (const encodingName of ["x", "", "constructor", "__proto__", "toString"]) {
    assertEquals(createDepacketizer({ encodingName, clockRate: 90000 }), undefined);
    assertEquals(createPacketizer({ encodingName, clockRate: 90000 }), undefined);
    assertEquals(startsRandomAccess(encodingName, new Uint8Array(5)), undefined);
  }
});

Deno.test("createDepacketizer reads FU-A although packetization-mode is 0 (R162)", () => {
  const depacketizer = createDepacketizer({
    encodingName: "H264",
    clockRate: 90000,
    parameters: { "packetization-mode": "0" },
  });
  assertInstanceOf(depacketizer, H264Depacketizer);
  depacketizer.push(packetOf(1, "7c85 aabb"));
  const [unit] = depacketizer.push(packetOf(2, "7c45 ccdd", { marker: true }));
  assertEquals(unit!.parts.map(toHex), ["65aabbccdd"]);
});

Deno.test("createDepacketizer takes AAC's layout and frame length from the parameters (R166)", () => {
  const timesOf = (clockRate: number, parameters: Record<string, string>, payload: string) => {
    const depacketizer = createDepacketizer({
      encodingName: "mpeg4-generic",
      clockRate,
      parameters,
    })!;
    assertInstanceOf(depacketizer, AacDepacketizer);
    return depacketizer.push(packetOf(1, payload, { marker: true })).map((unit) => unit.timestamp);
  };
  const hbr = { sizeLength: "13", indexLength: "3", indexDeltaLength: "3", mode: "AAC-hbr" };
  const two = "0020 0008 0008 aa bb";
  assertEquals(timesOf(48000, hbr, two), [0, 1024]);
  assertEquals(timesOf(48000, {}, two), [0, 1024]);
  assertEquals(timesOf(48000, { mode: "AAC-lbr" }, "0010 04 04 aa bb"), [0, 1024]);
  // HE-AAC: a core of 24 kHz under a clock of 48 kHz.
  assertEquals(timesOf(48000, { ...hbr, config: "2b098800" }, two), [0, 2048]);
  assertEquals(timesOf(44100, { ...hbr, config: "1214" }, two), [0, 960]);
  assertEquals(timesOf(48000, { ...hbr, constantDuration: "512" }, two), [0, 512]);
  assertEquals(timesOf(48000, { ...hbr, config: "ff" }, two), [0, 1024]);
  const mode = {
    encodingName: "MPEG4-GENERIC",
    clockRate: 90000,
    parameters: { mode: "CELP-cbr" },
  };
  assertEquals(createDepacketizer(mode), undefined);
});

Deno.test("createDepacketizer refuses a LATM configuration that cannot be read", () => {
  const parameters = { cpresent: "0", config: "80" };
  const format = { encodingName: "MP4A-LATM", clockRate: 48000, parameters };
  assertThrows(() => createDepacketizer(format), RtpError);
});

Deno.test("startsRandomAccess knows where a late player may begin", () => {
  const cases: [string, string, boolean][] = [
    ["H264", "6588", true],
    ["H264", "6742", true],
    ["H264", "419a", false],
    ["H264", "7c8588", true],
    ["H264", "7c0588", false],
    ["H264", "7c819a", false],
    ["H264", "78 0002 6742 0002 68ce", true],
    ["H264", "78 0002 419a", false],
    ["H265", "2601af", true],
    ["H265", "0201d0", false],
    ["H265", "6201 93 af", true],
    ["H265", "6201 13 af", false],
    ["H265", "6001 0003 40010c", true],
    ["VP8", "10 5000", true],
    ["VP8", "10 5100", false],
    ["VP8", "90 80 9234 50", true],
    ["VP8", "00 5000", false],
    ["VP9", "8c 17 82", true],
    ["VP9", "cc 17 86", false],
    ["AV1", "18 0a", true],
    ["AV1", "10 32", false],
    ["MP4V-ES", "000001b0 01", true],
    ["MP4V-ES", "000001b6 10", true],
    ["MP4V-ES", "000001b6 50", false],
    ["H264", "", false],
    ["VP8", "90", false],
  ];
  for (const [name, payload, expected] of cases) {
    assertEquals(startsRandomAccess(name, fromHex(payload)), expected, `${name} ${payload}`);
  }
});

Deno.test("createPacketizer sends single NAL units where packetization-mode is 0, and only there (RFC 6184, 6.2)", () => {
  const parts = [[0x67, 1], [0x68, 2], new Uint8Array(3000).fill(0x65)].map((part) =>
    new Uint8Array(part)
  );
  const payloadsIn = (parameters: Record<string, string>) =>
    createPacketizer({ encodingName: "H264", clockRate: 90_000, parameters })!
      .packetize({ timestamp: 90, parts });
  const single = payloadsIn({ "packetization-mode": "0" });
  assertEquals(single.map(({ payload }) => payload), parts);
  assertEquals(single.map(({ marker, timestamp }) => [marker, timestamp]), [
    [false, 90],
    [false, 90],
    [true, 90],
  ]);
  // Sets together in one STAP-A, and the picture in three fragments.
  assertEquals(payloadsIn({ "packetization-mode": "1" }).length, 4);
  assertEquals(payloadsIn({}).length, 4);
});

Deno.test("a NAL unit beyond a datagram cannot be sent in packetization mode 0", () => {
  const packetizer = new H264Packetizer({ packetizationMode: 0 });
  const parts = [new Uint8Array(65_001).fill(0x65)];
  assertThrows(() => packetizer.packetize({ timestamp: 0, parts }), RtpError, "65001");
});
