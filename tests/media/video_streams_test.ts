import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  buildAv1Config,
  buildAvcConfig,
  buildHevcConfig,
  buildVpxConfig,
  DtsEstimator,
  encodeLeb128,
  h264NalType,
  h264SliceType,
  inspectAv1,
  inspectH264,
  inspectH265,
  isH265Irap,
  joinLengthPrefixed,
  joinObus,
  MediaError,
  parseAv1Config,
  parseAv1SequenceHeader,
  parseAvcConfig,
  parseH264PpsIds,
  parseH264Sps,
  parseH265PpsIds,
  parseH265Sps,
  parseH265VpsId,
  parseHevcConfig,
  parseVp8Frame,
  parseVp9Frame,
  parseVpxConfig,
  readLeb128,
  splitLengthPrefixed,
  splitObus,
} from "../../src/media/mod.ts";
import { VIDEO, type VideoPacket, type VideoStream } from "./fixtures/streams.ts";

const H264_PROFILES: Record<string, number> = {
  "Constrained Baseline": 66,
  "High": 100,
  "High 4:2:2": 122,
  "High 4:4:4 Predictive": 244,
};
const H265_PROFILES: Record<string, number> = { "Main": 1, "Main 10": 2, "Rext": 4 };

function streamsOf(codec: string): VideoStream[] {
  return VIDEO.filter((stream) => stream.codec === codec);
}

function stream(name: string): VideoStream {
  return VIDEO.find((candidate) => candidate.name === name)!;
}

function wholePackets({ packets }: VideoStream): VideoPacket[] {
  return packets.filter(({ size, data }) => data.length === size * 2);
}

function bitDepth(pixFmt: string): number {
  return pixFmt.includes("10") ? 10 : 8;
}

function chromaFormat(pixFmt: string): number {
  return pixFmt.includes("444") ? 3 : pixFmt.includes("422") ? 2 : 1;
}

function frameRate({ frameRate }: VideoStream): number {
  const [numerator, denominator] = frameRate.split("/").map(Number);
  return numerator! / denominator!;
}

for (const expected of streamsOf("h264")) {
  Deno.test(`parseH264Sps agrees with ffprobe on ${expected.name}`, () => {
    const record = Uint8Array.fromHex(expected.config);
    const config = parseAvcConfig(record);
    const sps = parseH264Sps(config.sps[0]!);
    assertEquals([sps.width, sps.height], [expected.width, expected.height]);
    assertEquals(sps.profile, H264_PROFILES[expected.profile!]);
    assertEquals(sps.level, expected.level);
    assertEquals(sps.bitDepthLuma, bitDepth(expected.pixFmt));
    // ffprobe's decoder shows monochrome pictures as 4:2:0.
    const gray = expected.name === "h264-gray-sar";
    assertEquals(sps.chromaFormat, gray ? 0 : chromaFormat(expected.pixFmt));
    assertEquals(sps.frameRate, frameRate(expected));
    assertEquals(sps.reorderDepth, expected.hasBFrames);
    assertEquals(parseH264PpsIds(config.pps[0]!), { ppsId: 0, spsId: 0 });
    assertEquals(buildAvcConfig(config).toHex(), expected.config);
  });
}

for (const expected of streamsOf("hevc")) {
  Deno.test(`parseH265Sps agrees with ffprobe on ${expected.name}`, () => {
    const config = parseHevcConfig(Uint8Array.fromHex(expected.config));
    const sps = parseH265Sps(config.sps[0]!);
    assertEquals([sps.width, sps.height], [expected.width, expected.height]);
    assertEquals(sps.profile.profile, H265_PROFILES[expected.profile!]);
    assertEquals(sps.profile.level, expected.level);
    assertEquals(sps.bitDepthLuma, bitDepth(expected.pixFmt));
    assertEquals(sps.chromaFormat, chromaFormat(expected.pixFmt));
    assertEquals(sps.frameRate, frameRate(expected));
    assertEquals(sps.reorderDepth, expected.hasBFrames);
    assertEquals(config.profile, sps.profile);
    assertEquals(config.maxSubLayers, sps.maxSubLayers);
    assertEquals(parseH265VpsId(config.vps[0]!), 0);
    assertEquals(parseH265PpsIds(config.pps[0]!), { ppsId: 0, spsId: 0 });
    const built = buildHevcConfig(config);
    assertEquals(parseHevcConfig(built), config);
    // The record of main 10 has a fourth array, of SEI, which is not kept.
    if (expected.name !== "h265-main10") assertEquals(built.toHex(), expected.config);
  });
}

for (const expected of [...streamsOf("h264"), ...streamsOf("hevc")]) {
  Deno.test(`NAL units of ${expected.name} have the key frames that ffprobe sees`, () => {
    const packets = wholePackets(expected);
    assert(packets.length > 0);
    for (const { data, key } of packets) {
      const bytes = Uint8Array.fromHex(data);
      const units = splitLengthPrefixed(bytes);
      const info = expected.codec === "h264" ? inspectH264(units) : inspectH265(units);
      assertEquals(info.keyFrame, key);
      assert(info.hasPicture);
      assertEquals(joinLengthPrefixed(units), bytes);
    }
  });
}

for (const expected of VIDEO.filter(({ packets }) => packets.some(({ pts, dts }) => pts !== dts))) {
  Deno.test(`DtsEstimator gives the decoding times of ${expected.name} (M074)`, () => {
    const shiftUs = 1_000_000;
    const frameDurationUs = 1_000_000 / frameRate(expected);
    const estimator = new DtsEstimator({ reorderDepth: expected.hasBFrames, frameDurationUs });
    const times = expected.packets.map(({ pts }) => estimator.next(pts + shiftUs) - shiftUs);
    // ffprobe's times are rounded to the time base of the file.
    times.forEach((dts, i) => assert(Math.abs(dts - expected.packets[i]!.dts) <= 40));
  });
}

Deno.test("inspectH264 finds discardable B pictures, and h264SliceType their type", () => {
  const units = wholePackets(stream("h264-high-b")).map(({ data }) =>
    splitLengthPrefixed(Uint8Array.fromHex(data))[0]!
  );
  const slices = units.map((unit) => h264SliceType(unit));
  assertEquals(slices.slice(0, 7), ["I", "P", "B", "B", "P", "B", "B"]);
  for (const [i, unit] of units.entries()) {
    assertEquals(inspectH264([unit]).discardable, slices[i] === "B");
  }
});

Deno.test("inspectH264 tells a pyramid's reference B pictures from discardable ones", () => {
  const units = wholePackets(stream("h264-pyramid")).map(({ data }) =>
    splitLengthPrefixed(Uint8Array.fromHex(data))[0]!
  );
  const infos = units.map((unit) => ({ slice: h264SliceType(unit), ...inspectH264([unit]) }));
  const b = infos.filter(({ slice }) => slice === "B");
  assert(b.some(({ discardable }) => discardable) && b.some(({ discardable }) => !discardable));
});

Deno.test("inspectH264 takes a recovery point for a key frame, unless it is to be strict", () => {
  const slice = new Uint8Array([0x61, 0x9a]);
  assertEquals(inspectH264([new Uint8Array([6, 6, 1, 0xc4, 0x80]), slice]).keyFrame, true);
  assertEquals(inspectH264([new Uint8Array([6, 5, 1, 6, 6, 1, 0x30, 0x80]), slice]).keyFrame, true);
  assertEquals(inspectH264([new Uint8Array([6, 5, 3, 6, 1, 0, 0x80]), slice]).keyFrame, false);
  const strict = { strict: true };
  assertEquals(inspectH264([new Uint8Array([6, 6, 1, 0xc4, 0x80]), slice], strict).keyFrame, false);
});

Deno.test("inspectH264 has no key frame in parameter sets alone", () => {
  const { sps, pps } = parseAvcConfig(Uint8Array.fromHex(stream("h264-baseline").config));
  assertEquals(inspectH264([...sps, ...pps]), {
    keyFrame: false,
    discardable: false,
    hasPicture: false,
  });
  assertEquals(h264NalType(sps[0]!), 7);
});

Deno.test("parseH264Sps infers the reorder depth where the VUI does not tell", () => {
  // Profile 100, level 3.1, 1280 by 720, picture order count type 0, no VUI.
  const sps = (profile: string, poc: string) => {
    const high = profile === "64" ? "0101100" : ""; // 4:2:0, 8 bits, 8 bits, two flags
    const text = `1${high}1${poc}0100` + "0000001010000" + "00000101101" + "1" + "1" + "0" +
      "0" + "1";
    const padded = text.padEnd(Math.ceil(text.length / 8) * 8, "0");
    return Uint8Array.fromHex(
      `67${profile}001f` +
        padded.match(/.{8}/g)!.map((byte) => parseInt(byte, 2).toString(16).padStart(2, "0")).join(
          "",
        ),
    );
  };
  const high = parseH264Sps(sps("64", "11"));
  assertEquals([high.width, high.height, high.pocType], [1280, 720, 0]);
  assertEquals(high.frameRate, undefined);
  assertEquals(high.reorderDepth, 5); // floor(18000 / (80 * 45))
  assertEquals(parseH264Sps(sps("64", "011")).reorderDepth, 0); // type 2
  assertEquals(parseH264Sps(sps("42", "11")).reorderDepth, 0); // baseline
});

Deno.test("isH265Irap knows BLA, IDR and CRA", () => {
  const types = Array.from({ length: 64 }, (_, type) => type).filter(isH265Irap);
  assertEquals(types, [16, 17, 18, 19, 20, 21, 22, 23]);
});

Deno.test("inspectH265 calls a non-reference picture of the highest sub-layer discardable", () => {
  const trailN = new Uint8Array([0x00, 0x01]);
  assertEquals(inspectH265([trailN]).discardable, false);
  assertEquals(inspectH265([trailN], { maxSubLayers: 1 }).discardable, true);
  const trailR = new Uint8Array([0x02, 0x01]);
  assertEquals(inspectH265([trailR], { maxSubLayers: 1 }).discardable, false);
});

for (const expected of streamsOf("av1")) {
  Deno.test(`AV1 parsers agree with ffprobe on ${expected.name}`, () => {
    const record = Uint8Array.fromHex(expected.config);
    const config = parseAv1Config(record);
    assertEquals(config.bitDepth, bitDepth(expected.pixFmt));
    assertEquals(config.subsamplingX, !expected.pixFmt.includes("444"));
    const sequence = parseAv1SequenceHeader(splitObus(config.obus)[0]!.payload);
    assertEquals([sequence.width, sequence.height], [expected.width, expected.height]);
    assertEquals(sequence.profile, expected.profile === "High" ? 1 : 0);
    assertEquals([sequence.level, config.level], [expected.level, expected.level]);
    const first = Uint8Array.fromHex(expected.packets[0]!.data);
    assertEquals(buildAv1Config(first).subarray(0, 4), record.subarray(0, 4));
    for (const { data, key } of expected.packets) {
      const unit = Uint8Array.fromHex(data);
      const obus = splitObus(unit);
      assertEquals(inspectAv1(obus), { keyFrame: key, discardable: false, hasPicture: true });
      assertEquals(joinObus(obus), unit);
    }
  });
}

Deno.test("LEB128 numbers survive a round trip and stay within 32 bits", () => {
  for (const value of [0, 1, 127, 128, 16383, 16384, 0xffffffff]) {
    const bytes = encodeLeb128(value);
    assertEquals(readLeb128(bytes), { value, size: bytes.length });
  }
  assertEquals(readLeb128(Uint8Array.fromHex("8080808000")), { value: 0, size: 5 });
  assertThrows(() => readLeb128(Uint8Array.fromHex("8080808010")), MediaError);
  assertThrows(() => readLeb128(Uint8Array.fromHex("80")), MediaError);
});

Deno.test("parseVp8Frame agrees with ffprobe", () => {
  const expected = stream("vp8");
  for (const { data, key } of expected.packets) {
    const frame = parseVp8Frame(Uint8Array.fromHex(data));
    assertEquals(frame.keyFrame, key);
    if (key) assertEquals([frame.width, frame.height], [expected.width, expected.height]);
  }
});

for (const expected of streamsOf("vp9")) {
  Deno.test(`VP9 parsers agree with ffprobe on ${expected.name}`, () => {
    const record = Uint8Array.fromHex(expected.config);
    const config = parseVpxConfig(record);
    assertEquals(config.bitDepth, bitDepth(expected.pixFmt));
    assertEquals(config, parseVpxConfig(record.subarray(4)));
    assertEquals(buildVpxConfig(config, { boxed: true }), record);
    assertEquals(buildVpxConfig(config), record.subarray(4));
    for (const { data, key } of expected.packets) {
      const frame = parseVp9Frame(Uint8Array.fromHex(data));
      assertEquals(frame.keyFrame, key);
      assertEquals(frame.profile, config.profile);
      if (!key) continue;
      assertEquals([frame.width, frame.height], [expected.width, expected.height]);
      assertEquals(frame.bitDepth, config.bitDepth);
      assertEquals(frame.subsamplingX, !expected.pixFmt.includes("444"));
    }
  });
}
