import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { AmfEcmaArray, type AmfValue, decodeAmf0, encodeAmf0 } from "../../src/amf/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { type FlvBody, unitOfFlv } from "../../src/transmux/flv_unit.ts";
import { EMPTY_METADATA, FlvRemuxer, toldMetadata } from "../../src/transmux/mod.ts";
import { parseOnMetaData } from "../../src/flv/mod.ts";
import { decodeHex } from "../rtmp/hex.ts";

function unitOf(kind: FlvBody["kind"], hex: string, dtsUs = 1_000_000): MediaUnit | undefined {
  return unitOfFlv({ kind, dtsUs, body: decodeHex(hex) });
}

/** What a body is, in a few words. */
function inWords(unit: MediaUnit | undefined): string {
  if (unit === undefined) return "nothing";
  const { kind, role, track, keyFrame, discardable, dtsUs, ptsUs } = unit;
  return [
    kind,
    role,
    ...(track === 0 ? [] : [`track ${track}`]),
    ...(keyFrame ? ["key"] : []),
    ...(discardable ? ["discardable"] : []),
    ...(ptsUs === dtsUs ? [] : [`${(ptsUs - dtsUs) / 1000} ms`]),
  ].join(" ");
}

function bodyOf(unit: MediaUnit | undefined): Uint8Array {
  assert(unit?.payload.format === "flv");
  return unit.payload.body;
}

/** FLV 10.1, annex E.4, and Enhanced RTMP v2. */
const VIDEO: readonly (readonly [what: string, hex: string, words: string])[] = [
  ["AVC configuration", "1700000000 01", "video config"],
  ["AVC key frame", "1701000000 65", "video media key"],
  ["AVC inter frame", "2701000000 41", "video media"],
  ["AVC disposable frame", "3701000000 01", "video media discardable"],
  ["AVC frame shown 40 ms later (M074)", "2701000028 41", "video media 40 ms"],
  ["AVC frame with a negative composition time (M074)", "2701ffffd8 41", "video media -40 ms"],
  ["AVC frame with the least composition time (M074)", "2701800000 41", "video media -8388608 ms"],
  ["AVC end of sequence (M074)", "1702000000", "video end"],
  ["HEVC with the id 12 (M073)", "1c01000028 26", "video media key 40 ms"],
  ["H.263, which has no composition time", "2200000028", "video media"],
  ["a seek command", "5700", "video media"],
  ["av01 sequence start (M073)", "90 61763031 81", "video config"],
  ["hvc1 coded frames (M073)", "91 68766331 000028 26", "video media key 40 ms"],
  ["hvc1 coded frames, negative (M073, M074)", "a1 68766331 ffffd8 02", "video media -40 ms"],
  ["hvc1 coded frames without a time (M073)", "a3 68766331 02", "video media"],
  ["av01 coded frames, which have no time (M073)", "91 61763031 000028", "video media key"],
  ["colour metadata (M073)", "94 68766331 02", "video metadata"],
  ["sequence end (M073)", "92 68766331", "video end"],
  ["an unknown packet type (M073)", "98 68766331 02", "video media"],
  ["an unknown FourCC (M073)", "91 78787878 02", "video media key"],
  ["track 3 of several, sequence start (M073)", "96 00 68766331 03 01", "video config track 3"],
  [
    "track 3 of several, frames (M073)",
    "96 01 68766331 03 000028 26",
    "video media track 3 key 40 ms",
  ],
  [
    "track 3 of several behind a ModEx (M073)",
    "97 02 00000f 06 01 68766331 03 000028 26",
    "video media track 3 key 40 ms",
  ],
  ["frames behind a ModEx (M073)", "97 02 00000f 01 68766331 000028 26", "video media key 40 ms"],
  ["zero-length video (M034)", "", "nothing"],
  ["one byte", "17", "video media"],
  ["an enhanced header that is cut", "9168", "video media"],
];

const AUDIO: typeof VIDEO = [
  ["AAC configuration", "af00 1210", "audio config"],
  ["an empty AAC configuration (M072)", "af00", "audio config"],
  ["AAC frame", "af01 21", "audio media key discardable"],
  ["MP3 frame", "2f fffb", "audio media key discardable"],
  ["Opus sequence start (M073)", "90 4f707573 00", "audio config"],
  ["Opus frame (M073)", "91 4f707573 00", "audio media key discardable"],
  ["multichannel configuration (M073)", "94 4f707573 00", "audio metadata"],
  ["track 2 of several, sequence start (M073)", "95 00 4f707573 02 00", "audio config track 2"],
  ["zero-length audio (M034)", "", "nothing"],
  ["AAC that is cut", "af", "audio media"],
];

for (const [kind, table] of [["video", VIDEO], ["audio", AUDIO]] as const) {
  for (const [what, hex, words] of table) {
    Deno.test(`unitOfFlv, ${kind}: ${what}`, () => {
      const unit = unitOf(kind, hex);
      assertEquals(inWords(unit), words);
      if (unit === undefined) return;
      assertEquals(unit.dtsUs, 1_000_000);
      assertEquals(bodyOf(unit), decodeHex(hex));
    });
  }
}

Deno.test("unitOfFlv copies nothing", () => {
  const body = decodeHex("1701000000 65");
  assertStrictEquals(bodyOf(unitOfFlv({ kind: "video", dtsUs: 0, body })), body);
});

const METADATA: readonly AmfValue[] = ["onMetaData", { width: 64, videocodecid: "avc1" }];

Deno.test("metadata with and without @setDataFrame, as object or ECMA array (M070)", () => {
  for (const value of [{ width: 64 }, new AmfEcmaArray({ width: 64 })]) {
    for (const prefix of [[], ["@setDataFrame"]]) {
      const body = encodeAmf0([...prefix, "onMetaData", value]);
      const unit = unitOfFlv({ kind: "data", dtsUs: 5, body });
      assertEquals(inWords(unit), "data metadata discardable");
      assertEquals(decodeAmf0(bodyOf(unit)), ["onMetaData", value]);
      assertEquals(unit?.dtsUs, 5);
    }
  }
});

Deno.test("up to two stray numbers before the name are dropped (Uniview, M070)", () => {
  for (const stray of [[0], [0, 0], [1.5, 7]]) {
    for (const prefix of [[], ["@setDataFrame"]]) {
      const body = encodeAmf0([...stray, ...prefix, ...METADATA]);
      const unit = unitOfFlv({ kind: "data", dtsUs: 0, body });
      assertEquals(inWords(unit), "data metadata discardable");
      assertEquals(decodeAmf0(bodyOf(unit)), METADATA);
    }
  }
  assertEquals(unitOfFlv({ kind: "data", dtsUs: 0, body: encodeAmf0([1, 2, 3, "x"]) }), undefined);
});

Deno.test("other data is passed on as it came, and is no metadata (M070)", () => {
  for (const name of ["onTextData", "onCuePoint", "onFI", "", "onMetadata"]) {
    const body = encodeAmf0([name, { text: "hello" }]);
    const unit = unitOfFlv({ kind: "data", dtsUs: 0, body });
    assertEquals(inWords(unit), "data media discardable");
    assertEquals(bodyOf(unit), body);
  }
});

Deno.test("what is for the server, or has no name, is not passed on (M070)", () => {
  const cases = [
    encodeAmf0(["@clearDataFrame", "onMetaData"]),
    encodeAmf0(["@setDataFrame"]),
    encodeAmf0(["@setDataFrame", { width: 64 }]),
    encodeAmf0([null]),
    encodeAmf0([{ width: 64 }]),
    new Uint8Array(0),
  ];
  for (const body of cases) assertEquals(unitOfFlv({ kind: "data", dtsUs: 0, body }), undefined);
});

Deno.test("every truncation of metadata is metadata, other data, or nothing (M070)", () => {
  const body = encodeAmf0([0, 0, "@setDataFrame", ...METADATA]);
  for (let length = 0; length < body.length; length++) {
    const unit = unitOfFlv({ kind: "data", dtsUs: 0, body: body.subarray(0, length) });
    assertEquals(unit === undefined, length < 18 + 16 + 13, `cut at ${length}`);
  }
});

Deno.test("no body throws, whatever is in it, and none is changed", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("audio", "video", "data"),
      fc.uint8Array({ maxLength: 40 }),
      (kind, body) => {
        const before = body.slice();
        const unit = unitOfFlv({ kind, dtsUs: 0, body });
        assertEquals(body, before);
        if (unit !== undefined) assert(Number.isInteger(unit.ptsUs) && unit.track >= 0);
      },
    ),
    { seed: 33, numRuns: 5000 },
  );
});

/** Metadata of FFmpeg's, with and without what may go wrong with it. */
const WHOLE = encodeAmf0(["onMetaData", new AmfEcmaArray({ width: 64, encoder: "Lavf59.27.100" })]);
const UNREADABLE: Readonly<Record<string, Uint8Array>> = {
  "cut short": WHOLE.subarray(0, -8),
  "of an unknown marker": new Uint8Array([...WHOLE.subarray(0, 13), 0x7f, 1, 2, 3]),
  "without properties": encodeAmf0(["onMetaData", {}]),
  "without a value": encodeAmf0(["onMetaData"]),
  "too large to be worth it": encodeAmf0(["onMetaData", { text: "x".repeat(300_000) }]),
};

for (const [what, body] of Object.entries(UNREADABLE)) {
  Deno.test(`metadata ${what} is never passed on as it came`, () => {
    let unreadable = 0;
    const prefixed = new Uint8Array([...encodeAmf0(["@setDataFrame"]), ...body]);
    for (const one of [body, prefixed]) {
      const unit = unitOfFlv(
        { kind: "data", dtsUs: 0, body: one },
        { onUnreadable: () => unreadable++ },
      );
      assertEquals(inWords(unit), "data metadata discardable");
      assertEquals(bodyOf(unit), EMPTY_METADATA);
      assertEquals(new FlvRemuxer().remux(unit!), []);
    }
    assertEquals(unreadable, 2);
  });
}

Deno.test("data that is no AMF0 is dropped and counted, and metadata that is stays as it came", () => {
  let unreadable = 0;
  const options = { onUnreadable: () => unreadable++ };
  const text = encodeAmf0(["onTextData", { text: "hello" }]);
  const of = (body: Uint8Array) => unitOfFlv({ kind: "data", dtsUs: 0, body }, options);
  assertEquals(of(text.subarray(0, -6)), undefined);
  assertEquals(unreadable, 1);
  assertEquals(bodyOf(of(WHOLE)), WHOLE);
  assertEquals(bodyOf(of(text)), text);
  assertEquals(unreadable, 1);
});

Deno.test("metadata that tells nothing is rebuilt from what the sequence headers tell", () => {
  const header = (kind: "video" | "audio", hex: string) => unitOf(kind, hex)!;
  assertEquals(toldMetadata(EMPTY_METADATA, []), undefined);
  assertStrictEquals(toldMetadata(WHOLE, [header("audio", "af00 1210")]), WHOLE);
  const told = toldMetadata(EMPTY_METADATA, [
    header("audio", "af00 1210"),
    header("video", "90 61763031 81"),
  ])!;
  const { properties, ...facts } = parseOnMetaData(told)!;
  assertEquals(facts, {
    ...{ videoCodec: "av1", hasVideo: true },
    ...{ audioCodec: "aac", hasAudio: true, sampleRate: 44_100, channels: 2 },
  });
  assert(Object.keys(properties).length > 0);
});
