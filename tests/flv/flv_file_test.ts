import { assertEquals, assertThrows } from "@std/assert";
import { AmfEcmaArray, encodeAmf0 } from "../../src/amf/mod.ts";
import {
  buildOnMetaData,
  classifyAudio,
  classifyVideo,
  encodeFlvHeader,
  encodeFlvTag,
  FlvDecoder,
  FlvError,
  type FlvTag,
  FlvTagType,
  fourCcToNumber,
  parseAudioBody,
  parseOnMetaData,
  parseVideoBody,
} from "../../src/flv/mod.ts";
import { assertSplitInvariant } from "../support/split.ts";
import { BFRAMES_FLV, BFRAMES_PACKETS } from "./fixtures/bframes.ts";

function decode(pieces: Uint8Array[]): FlvTag[] {
  const decoder = new FlvDecoder();
  return pieces.flatMap((piece) => decoder.push(piece));
}

/** What a tag holds, as ffprobe tells it. */
function packetOf({ type, timestampMs, body }: FlvTag) {
  if (type === FlvTagType.Video) {
    if (classifyVideo(body).role !== "media") return [];
    const parsed = parseVideoBody(body);
    if (parsed.form !== "legacy") throw new Error(parsed.form);
    const pts = timestampMs + parsed.compositionTimeMs;
    const key = classifyVideo(body).keyFrame;
    return [{ kind: "video", pts, dts: timestampMs, key, size: parsed.data.length }];
  }
  if (type !== FlvTagType.Audio || classifyAudio(body).role !== "media") return [];
  const parsed = parseAudioBody(body);
  if (parsed.form !== "legacy") throw new Error(parsed.form);
  const size = parsed.data.length;
  return [{ kind: "audio", pts: timestampMs, dts: timestampMs, key: true, size }];
}

Deno.test("FlvDecoder reads ffmpeg's file as ffprobe does, however it is cut (M074)", () => {
  const tags = assertSplitInvariant(BFRAMES_FLV, decode, { twoWayCuts: 60, randomCuts: 10 });
  assertEquals(tags.flatMap(packetOf), [...BFRAMES_PACKETS]);
});

Deno.test("FlvDecoder and the encoders are inverse on ffmpeg's file", () => {
  const decoder = new FlvDecoder();
  const tags = decoder.push(BFRAMES_FLV);
  assertEquals(decoder.header, { hasAudio: true, hasVideo: true });
  const pieces = [encodeFlvHeader(decoder.header!), ...tags.map(encodeFlvTag)];
  assertEquals(pieces.flatMap((piece) => [...piece]), [...BFRAMES_FLV]);
});

Deno.test("FlvDecoder: every truncation of a file is a shorter list of tags", () => {
  const whole = decode([BFRAMES_FLV]).length;
  let last = 0;
  for (let size = 0; size < BFRAMES_FLV.length; size++) {
    const tags = decode([BFRAMES_FLV.slice(0, size)]).length;
    assertEquals(tags >= last && tags <= whole, true);
    last = tags;
  }
});

Deno.test("FlvDecoder and encodeFlvTag carry 32-bit timestamps in the extended byte", () => {
  const header = encodeFlvHeader({ hasAudio: true, hasVideo: false });
  for (const timestampMs of [0, 0xffffff, 0x1000000, 0x80000000, 0xffffffff]) {
    const tag = { type: 8, timestampMs, body: new Uint8Array([0xaf, 1]) };
    assertEquals(decode([header, encodeFlvTag(tag)]), [tag]);
  }
  const tag = encodeFlvTag({ type: 9, timestampMs: 0x12345678, body: new Uint8Array(2) });
  assertEquals(tag.toHex(), "09" + "000002" + "345678" + "12" + "000000" + "0000" + "0000000d");
});

Deno.test("FlvDecoder refuses what is no FLV, encrypted, or too large", () => {
  const header = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  const code = (pieces: Uint8Array[], maxTagSize?: number) =>
    assertThrows(() => {
      const decoder = new FlvDecoder(maxTagSize === undefined ? {} : { maxTagSize });
      for (const piece of pieces) decoder.push(piece);
    }, FlvError).code;
  assertEquals(code([Uint8Array.fromHex("474946383961000000")]), "signature");
  assertEquals(code([Uint8Array.fromHex("464c56010500ffffff")]), "header-size");
  assertEquals(code([Uint8Array.fromHex("464c56010500000008")]), "header-size");
  assertEquals(code([header, Uint8Array.fromHex("29000001000000000000000000")]), "encrypted");
  const tag = (size: number) =>
    encodeFlvTag({ type: 9, timestampMs: 0, body: new Uint8Array(size) });
  assertEquals(code([header, tag(101)], 100), "tag-too-large");
  assertEquals(
    new FlvDecoder({ maxTagSize: 100 }).push(new Uint8Array([...header, ...tag(100)])).length,
    1,
  );
  assertThrows(() => tag(0x1000000), RangeError);
});

Deno.test("FlvDecoder takes a longer header and tags of unknown type", () => {
  const file = Uint8Array.fromHex(
    "464c5601050000000b" + "aabb" + "00000000" + "1f00000100000000000000" + "77",
  );
  assertEquals(decode([file]), [{ type: 31, timestampMs: 0, body: new Uint8Array([0x77]) }]);
});

Deno.test("parseOnMetaData reads ffmpeg's script tag (M070)", () => {
  const [script] = decode([BFRAMES_FLV]);
  const metadata = parseOnMetaData(script!.body)!;
  assertEquals([metadata.width, metadata.height, metadata.frameRate], [64, 48, 25]);
  assertEquals([metadata.videoCodec, metadata.audioCodec], ["h264", "aac"]);
  assertEquals([metadata.sampleRate, metadata.channels], [44100, 2]);
  assertEquals([metadata.hasVideo, metadata.hasAudio], [true, true]);
  assertEquals(metadata.properties.audiosamplesize, 16);
});

const PROPERTIES = { width: 1920, height: 1080, videocodecid: 7, audiocodecid: 10, stereo: true };
const FACTS = {
  width: 1920,
  height: 1080,
  videoCodec: "h264",
  audioCodec: "aac",
  channels: 2,
  hasVideo: true,
  hasAudio: true,
};

Deno.test("parseOnMetaData takes an ECMA array or an object, with and without @setDataFrame (M070)", () => {
  for (const value of [PROPERTIES, new AmfEcmaArray(PROPERTIES)]) {
    for (const before of [[], ["@setDataFrame"]]) {
      const { properties, ...facts } = parseOnMetaData(
        encodeAmf0([...before, "onMetaData", value]),
      )!;
      assertEquals(facts as unknown, FACTS);
      assertEquals(properties, PROPERTIES);
    }
  }
});

Deno.test("parseOnMetaData passes over two stray numbers before it, as Uniview sends them (M070)", () => {
  assertEquals(parseOnMetaData([0, 0, "onMetaData", PROPERTIES])?.width, 1920);
  assertEquals(parseOnMetaData(["@setDataFrame", 1, 2, "onMetaData", PROPERTIES])?.width, 1920);
});

Deno.test("parseOnMetaData knows codec ids as FourCC numbers and as strings (M070)", () => {
  const rows: [unknown, unknown][] = [
    [fourCcToNumber("av01"), "av1"],
    [1635135537, "av1"],
    [fourCcToNumber("hvc1"), "h265"],
    [12, "h265"],
    ["avc1", "h264"],
    ["H264", "h264"],
    ["hvc1", "h265"],
    ["7", "h264"],
    ["vp09", "vp9"],
    ["nonsense", undefined],
    [99, undefined],
  ];
  for (const [id, codec] of rows) {
    const metadata = parseOnMetaData(["onMetaData", { videocodecid: id as string }]);
    assertEquals(metadata?.videoCodec as unknown, codec);
    assertEquals(metadata?.hasVideo, true);
  }
  const audio = (id: number | string) =>
    parseOnMetaData(["onMetaData", { audiocodecid: id }])?.audioCodec;
  const ids = ["mp4a", ".mp3", fourCcToNumber("Opus"), 1332770163, 2, 7, 8];
  assertEquals(ids.map(audio), ["aac", "mp3", "opus", "opus", "mp3", "pcma", "pcmu"]);
});

Deno.test("parseOnMetaData without tracks says nothing of them, and knows 0 as none (M070)", () => {
  const empty = parseOnMetaData(["onMetaData", {}])!;
  assertEquals([empty.hasVideo, empty.hasAudio], [undefined, undefined]);
  assertEquals(parseOnMetaData(["onMetaData"])?.properties, {});
  const none = parseOnMetaData(["onMetaData", { videocodecid: 0, audiocodecid: 10 }])!;
  assertEquals([none.hasVideo, none.hasAudio], [false, true]);
  const said = parseOnMetaData(["onMetaData", { hasVideo: false, audiocodecid: 10, width: 0 }])!;
  assertEquals([said.hasVideo, said.width], [false, undefined]);
});

Deno.test("parseOnMetaData leaves other data messages alone, and calls bad AMF an FlvError", () => {
  assertEquals(parseOnMetaData(["onTextData", { text: "onMetaData" }]), undefined);
  assertEquals(parseOnMetaData([]), undefined);
  assertEquals(
    assertThrows(() => parseOnMetaData(new Uint8Array([2, 0])), FlvError).code,
    "metadata",
  );
});

Deno.test("buildOnMetaData writes what parseOnMetaData reads", () => {
  const metadata = {
    width: 1280,
    height: 720,
    frameRate: 29.97,
    videoCodec: "h265",
    audioCodec: "opus",
    sampleRate: 48000,
    channels: 2,
    hasVideo: true,
    hasAudio: true,
  } as const;
  const body = buildOnMetaData(metadata, { setDataFrame: true, properties: { server: "weir" } });
  const { properties, ...facts } = parseOnMetaData(body)!;
  assertEquals(facts as unknown, metadata);
  assertEquals(properties.server, "weir");
  assertEquals(properties.videocodecid, 0x68766331);
});
