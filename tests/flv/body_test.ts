import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  AudioChannelOrder,
  bareAudioBody,
  bareVideoBody,
  buildAudioBody,
  buildMultichannelConfig,
  buildVideoBody,
  buildVideoMetadata,
  type EnhancedVideoBody,
  FlvError,
  legacyVideoBody,
  type ModEx,
  parseAudioBody,
  parseMultichannelConfig,
  parseVideoBody,
  parseVideoMetadata,
  plainAudioBody,
  plainVideoBody,
  stripAudioModEx,
  stripVideoModEx,
  timestampOffsetModEx,
  timestampOffsetNs,
} from "../../src/flv/mod.ts";
import { seededRandom } from "../support/split.ts";

const bytes = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));

const AVC1 = "61766331";
const HVC1 = "68766331";
const AV01 = "61763031";
const VVC1 = "76766331";
const OPUS = "4f707573";
const MP4A = "6d703461";

const base = { frameType: 1, modEx: [], multitrack: undefined };

function track(
  fourCc: string,
  hex: string,
  more: { trackId?: number; compositionTimeMs?: number } = {},
) {
  return { trackId: 0, fourCc, compositionTimeMs: 0, data: bytes(hex), ...more };
}

/** Written from the tables of the specification: bytes, and what they say. */
const VIDEO: readonly (readonly [string, string, unknown])[] = [
  ["zero-length (M034)", "", { form: "empty" }],
  ["AVC with a negative composition time (M074)", "27 01 ffffd8 aabb", {
    form: "legacy",
    frameType: 2,
    codecId: 7,
    packetType: 1,
    compositionTimeMs: -40,
    data: bytes("aabb"),
  }],
  ["legacy HEVC (M073)", "1c 01 000050 01", {
    form: "legacy",
    frameType: 1,
    codecId: 12,
    packetType: 1,
    compositionTimeMs: 80,
    data: bytes("01"),
  }],
  ["Sorenson H.263", "12 0000", {
    form: "legacy",
    frameType: 1,
    codecId: 2,
    packetType: undefined,
    compositionTimeMs: 0,
    data: bytes("0000"),
  }],
  ["legacy seek command", "57 01", { form: "command", command: 1, low: 7, enhanced: false }],
  ["enhanced seek command", "d1 00", { form: "command", command: 0, low: 1, enhanced: true }],
  ["sequence start", `90 ${AV01} 81000c00`, {
    ...base,
    form: "enhanced",
    packetType: 0,
    tracks: [track("av01", "81000c00")],
  }],
  ["coded frames of HEVC, negative composition time", `a1 ${HVC1} fffffe 0102`, {
    ...base,
    form: "enhanced",
    frameType: 2,
    packetType: 1,
    tracks: [track("hvc1", "0102", { compositionTimeMs: -2 })],
  }],
  ["coded frames of AV1, which have no composition time", `91 ${AV01} 1200`, {
    ...base,
    form: "enhanced",
    packetType: 1,
    tracks: [track("av01", "1200")],
  }],
  ["coded frames X", `93 ${AVC1} 00000001 65`, {
    ...base,
    form: "enhanced",
    packetType: 3,
    tracks: [track("avc1", "0000000165")],
  }],
  ["sequence end", `92 ${HVC1}`, {
    ...base,
    form: "enhanced",
    packetType: 2,
    tracks: [track("hvc1", "")],
  }],
  ["MPEG-2 TS sequence start", `95 ${AV01} 80`, {
    ...base,
    form: "enhanced",
    packetType: 5,
    tracks: [track("av01", "80")],
  }],
  ["metadata with the frame type of a command, which is to be ignored", `d4 ${HVC1} 05`, {
    ...base,
    form: "enhanced",
    frameType: 5,
    packetType: 4,
    tracks: [track("hvc1", "05")],
  }],
  ["unknown FourCC", `91 ${VVC1} 00000001`, {
    ...base,
    form: "enhanced",
    packetType: 1,
    tracks: [track("vvc1", "00000001")],
  }],
  ["reserved packet type", `9f ${HVC1} 77`, {
    ...base,
    form: "enhanced",
    packetType: 15,
    tracks: [track("hvc1", "77")],
  }],
  ["multitrack, one track", `96 01 ${AVC1} 03 000028 65`, {
    ...base,
    form: "enhanced",
    packetType: 1,
    multitrack: 0,
    tracks: [track("avc1", "65", { trackId: 3, compositionTimeMs: 40 })],
  }],
  ["multitrack, many tracks", `96 10 ${AVC1} 00 000002 0102 01 000001 03`, {
    ...base,
    form: "enhanced",
    packetType: 0,
    multitrack: 1,
    tracks: [track("avc1", "0102"), track("avc1", "03", { trackId: 1 })],
  }],
  [
    "multitrack, many codecs",
    `a6 21 ${AVC1} 00 000004 000028 65 ${AV01} 02 000002 1200`,
    {
      ...base,
      form: "enhanced",
      frameType: 2,
      packetType: 1,
      multitrack: 2,
      tracks: [
        track("avc1", "65", { compositionTimeMs: 40 }),
        track("av01", "1200", { trackId: 2 }),
      ],
    },
  ],
  ["reserved multitrack type", `96 31 ${AVC1} 00`, {
    form: "opaque",
    body: bytes(`9631${AVC1}00`),
  }],
  ["ModEx with nanoseconds", `97 02 07a120 01 ${AV01} 12`, {
    ...base,
    form: "enhanced",
    packetType: 1,
    modEx: [{ type: 0, data: bytes("07a120") }],
    tracks: [track("av01", "12")],
  }],
  ["ModEx of a reserved kind, then nanoseconds", `97 00 ee 57 02 000001 01 ${AV01}`, {
    ...base,
    form: "enhanced",
    packetType: 1,
    modEx: [{ type: 5, data: bytes("ee") }, { type: 0, data: bytes("000001") }],
    tracks: [track("av01", "")],
  }],
  ["ModEx of 256 bytes, the 255 escape", `97 ff 00ff ${"ab".repeat(256)} 01 ${AV01}`, {
    ...base,
    form: "enhanced",
    packetType: 1,
    modEx: [{ type: 0, data: bytes("ab".repeat(256)) }],
    tracks: [track("av01", "")],
  }],
];

const AUDIO: readonly (readonly [string, string, unknown])[] = [
  ["zero-length (M034)", "", { form: "empty" }],
  ["AAC", "af 01 21", {
    form: "legacy",
    soundFormat: 10,
    soundRate: 3,
    soundSize: 1,
    soundType: 1,
    packetType: 1,
    data: bytes("21"),
  }],
  ["empty AAC config (M072)", "af 00", {
    form: "legacy",
    soundFormat: 10,
    soundRate: 3,
    soundSize: 1,
    soundType: 1,
    packetType: 0,
    data: bytes(""),
  }],
  ["µ-law", "82 ff", {
    form: "legacy",
    soundFormat: 8,
    soundRate: 0,
    soundSize: 1,
    soundType: 0,
    packetType: undefined,
    data: bytes("ff"),
  }],
  ["Opus coded frames", `91 ${OPUS} fc`, {
    form: "enhanced",
    packetType: 1,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc: "Opus", data: bytes("fc") }],
  }],
  ["multichannel config", `94 ${OPUS} 01 06 0000003f`, {
    form: "enhanced",
    packetType: 4,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc: "Opus", data: bytes("01060000003f") }],
  }],
  [
    "multitrack, many codecs, with ModEx",
    `97 02 000000 05 20 ${OPUS} 00 000001 aa ${MP4A} 01 000000`,
    {
      form: "enhanced",
      packetType: 0,
      modEx: [{ type: 0, data: bytes("000000") }],
      multitrack: 2,
      tracks: [
        { trackId: 0, fourCc: "Opus", data: bytes("aa") },
        { trackId: 1, fourCc: "mp4a", data: bytes("") },
      ],
    },
  ],
];

for (const [name, hex, expected] of VIDEO) {
  Deno.test(`parseVideoBody and buildVideoBody: ${name} (M073)`, () => {
    const body = bytes(hex);
    const parsed = parseVideoBody(body);
    assertEquals(parsed, expected as typeof parsed);
    assertEquals(buildVideoBody(parsed).toHex(), body.toHex());
  });
}

for (const [name, hex, expected] of AUDIO) {
  Deno.test(`parseAudioBody and buildAudioBody: ${name} (M073)`, () => {
    const body = bytes(hex);
    const parsed = parseAudioBody(body);
    assertEquals(parsed, expected as typeof parsed);
    assertEquals(buildAudioBody(parsed).toHex(), body.toHex());
  });
}

Deno.test("parseVideoBody takes an end of sequence without a composition time (M074)", () => {
  const body = parseVideoBody(bytes("17 02"));
  assertEquals(body.form === "legacy" && body.packetType, 2);
});

Deno.test("parseVideoBody reads a ModEx whose 16-bit size would have fitted into 8 bits", () => {
  const body = parseVideoBody(bytes(`97 ff 0002 000005 01 ${AV01}`)) as EnhancedVideoBody;
  assertEquals(timestampOffsetNs(body.modEx), 5);
});

Deno.test("malformed bodies are FlvErrors with a code", () => {
  const rows: [string, string][] = [
    ["17", "truncated"],
    ["17 01 0000", "truncated"],
    ["91 617663", "truncated"],
    [`91 ${AVC1} 0000`, "truncated"],
    [`96 11 ${AVC1} 00 000009 00`, "truncated"],
    [`96 06 ${AVC1}`, "multitrack"],
    [`97 ff ffff 00`, "truncated"],
    [`97 ${"0000 07".repeat(17)} 01 ${AVC1}`, "too-many-mod-ex"],
    [`96 10 ${AVC1} ${"00 000000".repeat(257)}`, "too-many-tracks"],
  ];
  for (const [hex, code] of rows) {
    assertEquals(
      assertThrows(() => parseVideoBody(bytes(hex)), FlvError).code as string,
      code,
      hex,
    );
  }
  for (const hex of ["af", "91 4f70", `95 10 ${OPUS} 00 0000`, "97"]) {
    assertEquals(assertThrows(() => parseAudioBody(bytes(hex)), FlvError).code, "truncated", hex);
  }
});

Deno.test("the nanosecond offset survives a round trip, and is checked", () => {
  for (const nanoseconds of [0, 1, 999_999]) {
    assertEquals(timestampOffsetNs([timestampOffsetModEx(nanoseconds)]), nanoseconds);
  }
  assertEquals(timestampOffsetNs([]), 0);
  assertThrows(() => timestampOffsetModEx(1_000_000), RangeError);
  assertThrows(() => timestampOffsetNs([{ type: 0, data: bytes("0001") }]), FlvError);
});

Deno.test("plainVideoBody takes a track out of a multitrack body", () => {
  const many = bytes(`a6 21 ${AVC1} 00 000004 000028 65 ${AV01} 02 000002 1200`);
  assertEquals(plainVideoBody(many)?.toHex(), `a1${AVC1}00002865`);
  assertEquals(plainVideoBody(many, { trackId: 2 })?.toHex(), `a1${AV01}1200`);
  assertEquals(plainVideoBody(many, { trackId: 1 }), undefined);
  const plain = bytes(`91 ${AV01} 12`);
  assertStrictEquals(plainVideoBody(plain), plain);
  const legacy = bytes("17 01 000000 65");
  assertStrictEquals(plainVideoBody(legacy), legacy);
});

Deno.test("plainAudioBody takes a track out of a multitrack body", () => {
  const many = bytes(`95 11 ${OPUS} 00 000001 aa 01 000001 bb`);
  assertEquals(plainAudioBody(many, { trackId: 1 })?.toHex(), `91${OPUS}bb`);
  const aac = bytes("af 01 21");
  assertStrictEquals(plainAudioBody(aac), aac);
});

Deno.test("stripVideoModEx and stripAudioModEx leave the packet and its tracks", () => {
  assertEquals(stripVideoModEx(bytes(`97 02 07a120 01 ${AV01} 12`)).toHex(), `91${AV01}12`);
  const tracks = `11 ${AVC1} 00 000003 000000`;
  const stripped = stripVideoModEx(bytes(`97 02 07a120 06 ${tracks}`));
  assertEquals(stripped, bytes(`96 ${tracks}`));
  assertEquals(stripAudioModEx(bytes(`97 02 07a120 01 ${OPUS} fc`)).toHex(), `91${OPUS}fc`);
  const plain = bytes(`91 ${OPUS} fc`);
  assertStrictEquals(stripAudioModEx(plain), plain);
});

Deno.test("legacyVideoBody turns avc1 into codec id 7, and nothing else", () => {
  assertEquals(legacyVideoBody(bytes(`90 ${AVC1} 01`))?.toHex(), "170000000001");
  assertEquals(legacyVideoBody(bytes(`a1 ${AVC1} ffffd8 41`))?.toHex(), "2701ffffd841");
  assertEquals(legacyVideoBody(bytes(`93 ${AVC1} 65`))?.toHex(), "170100000065");
  assertEquals(legacyVideoBody(bytes(`91 ${HVC1} 000000 65`)), undefined);
  assertEquals(legacyVideoBody(bytes(`94 ${AVC1} 05`)), undefined);
});

Deno.test("MultichannelConfig: the three orders (M073)", () => {
  for (const hex of ["0002", "01060000003f", "0203000104"]) {
    assertEquals(buildMultichannelConfig(parseMultichannelConfig(bytes(hex))).toHex(), hex);
  }
  const native = parseMultichannelConfig(bytes("01060000003f"));
  assertEquals(native, { order: AudioChannelOrder.Native, channelCount: 6, channelFlags: 0x3f });
  assertThrows(() => parseMultichannelConfig(bytes("020300")), FlvError);
});

Deno.test("video metadata carries colorInfo, and takes it back with undefined (M073)", () => {
  const colorInfo = {
    colorConfig: {
      bitDepth: 10,
      colorPrimaries: 9,
      transferCharacteristics: 16,
      matrixCoefficients: 9,
    },
    hdrCll: { maxFall: 400, maxCLL: 1000 },
  };
  assertEquals(parseVideoMetadata(buildVideoMetadata(colorInfo)).colorInfo, colorInfo);
  assertEquals(parseVideoMetadata(buildVideoMetadata(undefined)).colorInfo, undefined);
  assertEquals(
    parseVideoMetadata(bytes("02 0009 636f6c6f72496e666f 03 000009")).colorInfo,
    undefined,
  );
  assertEquals(assertThrows(() => parseVideoMetadata(bytes("02 00")), FlvError).code, "metadata");
  assertEquals(assertThrows(() => parseVideoMetadata(bytes("05 05")), FlvError).code, "metadata");
});

const data = fc.uint8Array({ maxLength: 300 });
const fourCc = fc.constantFrom("avc1", "hvc1", "av01", "vp09", "vp08", "vvc1");
const modEx = fc.array(
  fc.record({ type: fc.nat(15), data: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
  { maxLength: 4 },
) as fc.Arbitrary<ModEx[]>;

Deno.test("buildVideoBody and parseVideoBody are inverse for any enhanced body", () => {
  const tracks = fc.uniqueArray(
    fc.record({
      trackId: fc.nat(255),
      fourCc,
      compositionTimeMs: fc.integer({ min: -0x800000, max: 0x7fffff }),
      data,
    }),
    { minLength: 1, maxLength: 5, selector: ({ trackId }) => trackId },
  );
  const packetType = fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 15);
  fc.assert(
    fc.property(
      fc.nat(4),
      packetType,
      modEx,
      fc.nat(3),
      tracks,
      (frameType, packetType, modEx, kind, list) => {
        const multitrack = kind === 3 ? undefined : kind;
        const shared = list[0]!.fourCc;
        const chosen = (kind === 1 || kind === 2 ? list : list.slice(0, 1)).map((one) => {
          const fourCc = kind === 2 ? one.fourCc : shared;
          const timed = packetType === 1 && (fourCc === "avc1" || fourCc === "hvc1");
          return {
            ...one,
            fourCc,
            trackId: multitrack === undefined ? 0 : one.trackId,
            compositionTimeMs: timed ? one.compositionTimeMs : 0,
          };
        });
        const body = {
          form: "enhanced",
          frameType,
          packetType,
          modEx,
          multitrack,
          tracks: chosen,
        } as const;
        assertEquals(parseVideoBody(buildVideoBody(body)), body);
      },
    ),
    { seed: 21, numRuns: 300 },
  );
});

Deno.test("truncated and mutated bodies throw FlvError or nothing, and are not changed", () => {
  const random = seededRandom(22);
  const parsers = [
    parseVideoBody,
    parseAudioBody,
    plainVideoBody,
    plainAudioBody,
    legacyVideoBody,
  ] as ((body: Uint8Array) => unknown)[];
  const attempt = (body: Uint8Array) => {
    const before = body.slice();
    for (const parse of [...parsers, stripVideoModEx, stripAudioModEx]) {
      try {
        parse(body);
      } catch (error) {
        assertInstanceOf(error, FlvError);
      }
    }
    assertEquals(body, before);
  };
  for (const [, hex] of [...VIDEO, ...AUDIO]) {
    const body = bytes(hex);
    for (let size = 0; size < Math.min(body.length, 60); size++) attempt(body.slice(0, size));
    for (let round = 0; round < 60 && body.length > 0; round++) {
      const mutated = body.slice();
      mutated[Math.floor(random() * Math.min(12, mutated.length))] = Math.floor(random() * 256);
      attempt(mutated);
    }
  }
});

const MP3 = "2e6d7033";

/** What a player gets that announces nothing: `undefined` for what it can do without. */
const BARE_VIDEO: readonly (readonly [what: string, hex: string, bare: string | undefined])[] = [
  ["a legacy body", "17 01 000000 65", "170100000065"],
  ["a sequence start of avc1", `90 ${AVC1} 01`, "170000000001"],
  ["avc1 with a composition time", `a1 ${AVC1} 000028 41`, "270100002841"],
  ["avc1 behind a ModEx", `97 02 0001f4 01 ${AVC1} 000000 65`, "170100000065"],
  ["track 0 of several of avc1", `96 01 ${AVC1} 00 000000 65`, "170100000065"],
  ["the end of avc1", `92 ${AVC1}`, "1702000000"],
  ["hvc1, which has no id", `91 ${HVC1} 000028 26`, `91${HVC1}00002826`],
  ["hvc1 behind a ModEx", `97 02 0001f4 03 ${HVC1} 26`, `93${HVC1}26`],
  ["track 0 of several of hvc1", `96 03 ${HVC1} 00 26`, `93${HVC1}26`],
  ["another track", `96 03 ${HVC1} 01 26`, undefined],
  ["colours", `94 ${HVC1} 02`, undefined],
  ["a codec that is not known", `91 ${VVC1} 02`, `91${VVC1}02`],
];

const BARE_AUDIO: typeof BARE_VIDEO = [
  ["a legacy body", "af 01 21", "af0121"],
  ["a sequence start of mp4a", `90 ${MP4A} 1210`, "af001210"],
  ["frames of mp4a", `91 ${MP4A} 21`, "af0121"],
  ["frames of MP3", `91 ${MP3} fffb`, "2ffffb"],
  ["frames of Opus, which has no format", `91 ${OPUS} fc`, `91${OPUS}fc`],
  ["track 0 of several of Opus", `95 01 ${OPUS} 00 fc`, `91${OPUS}fc`],
  ["another track", `95 01 ${OPUS} 03 fc`, undefined],
  ["5.1 channels, as FFmpeg 7 tells them", `94 ${MP4A} 01 06 0000003f`, undefined],
  ["5.1 channels of Opus", `94 ${OPUS} 01 06 0000003f`, undefined],
];

for (const [what, hex, bare] of BARE_VIDEO) {
  Deno.test(`bareVideoBody makes of ${what} what a player of plain RTMP can take`, () => {
    assertEquals(bareVideoBody(bytes(hex))?.toHex(), bare);
  });
}

for (const [what, hex, bare] of BARE_AUDIO) {
  Deno.test(`bareAudioBody makes of ${what} what a player of plain RTMP can take`, () => {
    assertEquals(bareAudioBody(bytes(hex))?.toHex(), bare);
  });
}

Deno.test("bareVideoBody gives a body without frame type the one that is known of it", () => {
  const body = bytes(`81 ${AVC1} 000000 65`);
  assertEquals(bareVideoBody(body, { frameType: 1 })?.toHex(), "170100000065");
  assertEquals(bareVideoBody(body, { frameType: 2 })?.toHex(), "270100000065");
  const inter = bytes(`a1 ${AVC1} 000000 41`);
  assertEquals(bareVideoBody(inter, { frameType: 1 })?.toHex(), "270100000041");
});
