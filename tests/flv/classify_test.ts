import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { classifyAudio, classifyVideo } from "../../src/flv/mod.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(
    text.split(" ").filter((byte) => byte !== ""),
    (byte) => parseInt(byte, 16),
  );
}

const AVC1 = "61 76 63 31";
const HVC1 = "68 76 63 31";
const VVC1 = "76 76 63 31";
const OPUS = "4f 70 75 73";
const NANO = "02 00 01 f4"; // ModEx data of 3 bytes: 500 ns

type Row = [string, string, string, boolean, boolean];

const VIDEO: Row[] = [
  ["zero-length video (M034)", "", "empty", false, false],
  ["AVC sequence header", "17 00 00 00 00 01", "config", false, false],
  ["AVC key frame", "17 01 00 00 00", "media", true, false],
  ["AVC inter frame", "27 01 00 00 28", "media", false, false],
  ["AVC disposable frame", "37 01 00 00 28", "media", false, true],
  ["AVC end of sequence (M074)", "17 02 00 00 00", "end", false, false],
  ["AVC seek command", "57 00", "unknown", false, false],
  ["AVC cut after one byte", "17", "unknown", false, false],
  ["AVC reserved packet type", "17 03", "unknown", false, false],
  ["legacy HEVC sequence header (M073)", "1c 00 00 00 00", "config", false, false],
  ["legacy HEVC key frame", "1c 01 00 00 00", "media", true, false],
  ["Sorenson H.263 key frame", "12 00", "media", true, false],
  ["Sorenson H.263 disposable frame", "32 00", "media", false, true],
  ["VP6 inter frame", "24 00", "media", false, false],
  ["generated key frame of Screen video", "43 00", "media", true, false],
  ["codec id nobody knows", "1f 00", "media", true, false],
  ["enhanced sequence start", `90 ${HVC1}`, "config", false, false],
  ["enhanced coded key frame", `91 ${HVC1} 00 00 00`, "media", true, false],
  ["enhanced coded inter frame X", `a3 ${HVC1}`, "media", false, false],
  ["enhanced disposable frame", `b1 ${AVC1}`, "media", false, true],
  ["enhanced sequence end (M074)", `92 ${HVC1}`, "end", false, false],
  ["enhanced metadata", `d4 ${HVC1}`, "metadata", false, false],
  ["enhanced MPEG-2 TS sequence start", "95 61 76 30 31", "config", false, false],
  ["enhanced unknown FourCC", `91 ${VVC1}`, "media", true, false],
  ["enhanced reserved packet type", `98 ${HVC1}`, "unknown", false, false],
  ["enhanced seek command", "d1 00", "unknown", false, false],
  ["enhanced cut in the FourCC", "91 68 76 63", "unknown", false, false],
  ["multitrack sequence start", `96 00 ${AVC1} 00`, "config", false, false],
  ["multitrack key frames", `96 11 ${AVC1} 00`, "media", true, false],
  ["multitrack many codecs, inter", `a6 23 ${AVC1} 00`, "media", false, false],
  ["multitrack in multitrack", `96 06 ${AVC1}`, "unknown", false, false],
  ["multitrack cut", "96", "unknown", false, false],
  ["ModEx before a key frame", `97 ${NANO} 01 ${AVC1}`, "media", true, false],
  [
    "ModEx twice before a multitrack start",
    `97 ${NANO} 07 ${NANO} 06 00 ${AVC1}`,
    "config",
    false,
    false,
  ],
  ["ModEx with the 16-bit size", `97 ff 00 02 00 01 f4 01 ${AVC1}`, "media", true, false],
  ["ModEx cut", "97 02 00 01", "unknown", false, false],
  ["ModEx longer than the body", `97 ff ff ff 00 01 f4 01 ${AVC1}`, "unknown", false, false],
];

const AUDIO: Row[] = [
  ["zero-length audio (M034)", "", "empty", false, false],
  ["AAC sequence header", "af 00 12 10", "config", false, false],
  ["empty AAC sequence header (M072)", "af 00", "config", false, false],
  ["AAC raw", "af 01 21", "media", true, true],
  ["AAC cut after one byte", "af", "unknown", false, false],
  ["AAC reserved packet type", "af 02", "unknown", false, false],
  ["MP3", "2f ff fb", "media", true, true],
  ["A-law", "7e d5", "media", true, true],
  ["Speex", "b6", "media", true, true],
  ["enhanced sequence start", `90 ${OPUS}`, "config", false, false],
  ["enhanced coded frames", `91 ${OPUS} fc`, "media", true, true],
  ["enhanced sequence end (M074)", `92 ${OPUS}`, "end", false, false],
  ["enhanced multichannel config", `94 ${OPUS} 01 06`, "metadata", false, false],
  ["enhanced reserved packet type", `93 ${OPUS}`, "unknown", false, false],
  ["enhanced cut in the FourCC", "91 4f 70", "unknown", false, false],
  ["multitrack coded frames", `95 01 ${OPUS} 00`, "media", true, true],
  ["ModEx before coded frames", `97 ${NANO} 01 ${OPUS}`, "media", true, true],
];

for (const [name, hex, role, keyFrame, discardable] of VIDEO) {
  Deno.test(`classifyVideo knows ${name}`, () => {
    assertEquals(classifyVideo(bytes(hex)), { role, keyFrame, discardable } as never);
  });
}

for (const [name, hex, role, keyFrame, discardable] of AUDIO) {
  Deno.test(`classifyAudio knows ${name}`, () => {
    assertEquals(classifyAudio(bytes(hex)), { role, keyFrame, discardable } as never);
  });
}

Deno.test("classifyVideo returns shared frozen objects", () => {
  const once = classifyVideo(bytes("17 01 00 00 00"));
  assertStrictEquals(classifyVideo(bytes(`91 ${HVC1}`)), once);
  assertEquals(Object.isFrozen(once), true);
});

Deno.test("classifyVideo stops at the limit of ModEx entries", () => {
  const entry = [0x00, 0x00, 0x07];
  const body = Uint8Array.from([
    0x97,
    ...Array(17).fill(entry).flat(),
    0x01,
    0x61,
    0x76,
    0x63,
    0x31,
  ]);
  assertEquals(classifyVideo(body).role, "unknown");
});

Deno.test("classifyVideo and classifyAudio never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
      classifyVideo(body);
      classifyAudio(body);
    }),
    { seed: 7, numRuns: 2000 },
  );
});
