import { assertEquals, assertInstanceOf } from "@std/assert";
import { seededRandom } from "../support/split.ts";
import {
  buildAacConfig,
  h264SliceType,
  inspectAv1,
  inspectH264,
  inspectH265,
  joinObus,
  MediaError,
  opusPacketDurationUs,
  parseAacConfig,
  parseAc3Header,
  parseAdtsHeader,
  parseAv1Config,
  parseAv1SequenceHeader,
  parseAvcConfig,
  parseFlacStreamInfo,
  parseH264PpsIds,
  parseH264Sps,
  parseH265PpsIds,
  parseH265Sps,
  parseH265VpsId,
  parseHevcConfig,
  parseLatmConfig,
  parseMp3Header,
  parseOpusHead,
  parseVp8Frame,
  parseVp9Frame,
  parseVpxConfig,
  splitAdts,
  splitAnnexB,
  splitLatm,
  splitLengthPrefixed,
  splitObus,
} from "../../src/media/mod.ts";
import { AUDIO, VIDEO } from "./fixtures/streams.ts";

type Parser = [string, (bytes: Uint8Array) => unknown];

const configOf = (name: string) =>
  Uint8Array.fromHex([...VIDEO, ...AUDIO].find((row) => row.name === name)!.config);
const packetOf = (name: string) =>
  Uint8Array.fromHex([...VIDEO, ...AUDIO].find((row) => row.name === name)!.packets[0]!.data);

const latm = Uint8Array.fromHex("400023203fc0");
const latmConfig = parseLatmConfig(latm);

const PARSERS: readonly (readonly [Uint8Array, ...Parser[]])[] = [
  [configOf("h264-444"), ["avcC", parseAvcConfig]],
  [parseAvcConfig(configOf("h264-gray-sar")).sps[0]!, ["H.264 SPS", parseH264Sps]],
  [parseAvcConfig(configOf("h264-444")).sps[0]!, ["H.264 SPS", parseH264Sps]],
  [parseAvcConfig(configOf("h264-444")).pps[0]!, ["H.264 PPS", parseH264PpsIds]],
  [configOf("h265-main"), ["hvcC", parseHevcConfig]],
  [parseHevcConfig(configOf("h265-main10")).sps[0]!, ["H.265 SPS", parseH265Sps]],
  [parseHevcConfig(configOf("h265-422-layers")).sps[0]!, ["H.265 SPS", parseH265Sps]],
  [parseHevcConfig(configOf("h265-main")).pps[0]!, ["H.265 PPS", parseH265PpsIds]],
  [parseHevcConfig(configOf("h265-main")).vps[0]!, ["H.265 VPS", parseH265VpsId]],
  [
    packetOf("h264-high-b"),
    ["NAL units", splitLengthPrefixed],
    ["Annex B", splitAnnexB],
    ["H.264 slice", (unit) => h264SliceType(unit.subarray(4))],
    ["H.264 access unit", (unit) => inspectH264([unit.subarray(4)])],
    ["H.265 access unit", (unit) => inspectH265([unit.subarray(4)])],
  ],
  [configOf("av1-aom"), ["av1C", parseAv1Config]],
  [packetOf("av1-aom"), ["OBUs", (unit) => inspectAv1(splitObus(unit))], [
    "OBUs again",
    (unit) => joinObus(splitObus(unit)),
  ]],
  [splitObus(packetOf("av1-svt"))[0]!.payload, ["sequence header", parseAv1SequenceHeader]],
  [packetOf("vp8"), ["VP8", parseVp8Frame]],
  [packetOf("vp9-444"), ["VP9", parseVp9Frame]],
  [configOf("vp9"), ["vpcC", parseVpxConfig]],
  [configOf("aac-51"), ["ASC", parseAacConfig]],
  [buildAacConfig({ sampleRate: 44000, channelConfig: 2 }), ["ASC", parseAacConfig]],
  [Uint8Array.fromHex("130856e59d4880"), ["ASC", parseAacConfig]],
  [packetOf("adts"), ["ADTS header", parseAdtsHeader], ["ADTS", splitAdts]],
  [latm, ["StreamMuxConfig", parseLatmConfig], ["LATM", (bytes) => splitLatm(bytes, latmConfig)]],
  [configOf("opus-51"), ["OpusHead", parseOpusHead]],
  [packetOf("opus"), ["Opus", opusPacketDurationUs]],
  [packetOf("mp3-44100"), ["MP3", parseMp3Header]],
  [packetOf("ac3-44100"), ["AC-3", parseAc3Header]],
  [packetOf("eac3"), ["E-AC-3", parseAc3Header]],
  [configOf("flac"), ["FLAC", parseFlacStreamInfo]],
];

function attempt(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  const before = bytes.slice();
  try {
    parse(bytes);
  } catch (error) {
    assertInstanceOf(error, MediaError);
  }
  assertEquals(bytes, before, "the input was changed");
}

for (const [vector, ...parsers] of PARSERS) {
  for (const [name, parse] of parsers) {
    Deno.test(`${name} (${vector.length} bytes): every truncation throws MediaError or nothing`, () => {
      for (let size = 0; size < vector.length; size++) attempt(parse, vector.slice(0, size));
    });

    Deno.test(`${name} (${vector.length} bytes): mutations throw MediaError or nothing`, () => {
      const random = seededRandom(vector.length);
      for (let round = 0; round < 600; round++) {
        const mutated = vector.slice();
        for (let hits = 0; hits <= round % 4; hits++) {
          mutated[Math.floor(random() * mutated.length)] = Math.floor(random() * 256);
        }
        attempt(parse, mutated);
      }
      for (let round = 0; round < 100; round++) {
        attempt(parse, vector.map(() => Math.floor(random() * 256)));
      }
    });
  }
}
