import { assertEquals, assertThrows } from "@std/assert";
import {
  aacRateIndex,
  buildAacConfig,
  buildAdtsHeader,
  buildLatmConfig,
  buildLatmElement,
  buildOpusHead,
  g711DurationUs,
  isOpusStereo,
  MediaError,
  opusPacketDurationUs,
  parseAacConfig,
  parseAc3Header,
  parseAdtsHeader,
  parseFlacStreamInfo,
  parseLatmConfig,
  parseMp3Header,
  parseOpusHead,
  splitAdts,
  splitLatm,
} from "../../src/media/mod.ts";
import { AUDIO, type AudioStream } from "./fixtures/streams.ts";

function streamsOf(...codecs: string[]): AudioStream[] {
  return AUDIO.filter(({ codec }) => codecs.includes(codec));
}

function stream(name: string): AudioStream {
  return AUDIO.find((candidate) => candidate.name === name)!;
}

function firstPacket({ packets }: AudioStream): Uint8Array {
  return Uint8Array.fromHex(packets[0]!.data);
}

for (const expected of streamsOf("aac").filter(({ config }) => config !== "")) {
  Deno.test(`parseAacConfig agrees with ffprobe on ${expected.name}`, () => {
    const bytes = Uint8Array.fromHex(expected.config);
    const config = parseAacConfig(bytes);
    assertEquals(config.sampleRate, expected.sampleRate);
    assertEquals(config.channels, expected.channels);
    assertEquals(config.objectType, 2);
    const durationUs = Math.floor((config.frameLength * 1_000_000) / config.sampleRate);
    assertEquals(Math.abs(durationUs - expected.packets[0]!.duration) <= 1, true);
    // ffmpeg adds an extension that says: no spectral band replication.
    const built = buildAacConfig({ ...config, frameLength: 1024 });
    assertEquals(built, bytes.subarray(0, built.length));
  });
}

Deno.test("parseAacConfig reads HE-AAC signalled explicitly, as Apple and FDK write it", () => {
  assertEquals(parseAacConfig(Uint8Array.fromHex("2b920800")), {
    objectType: 2,
    sampleRate: 22050,
    channelConfig: 2,
    channels: 2,
    frameLength: 1024,
    extension: { sbr: true, ps: false, sampleRate: 44100 },
  });
  const { extension } = parseAacConfig(Uint8Array.fromHex("eb8a0800"));
  assertEquals(extension, { sbr: true, ps: true, sampleRate: 44100 });
});

Deno.test("parseAacConfig reads backward-compatible signalling of HE-AAC and HE-AAC v2", () => {
  const he = parseAacConfig(Uint8Array.fromHex("131056e598"));
  assertEquals(he.extension, { sbr: true, ps: false, sampleRate: 48000 });
  const v2 = parseAacConfig(Uint8Array.fromHex("130856e59d4880"));
  assertEquals(v2.extension, { sbr: true, ps: true, sampleRate: 48000 });
});

Deno.test("parseAacConfig and buildAacConfig take escaped sample rates and object types", () => {
  for (const objectType of [1, 2, 4, 29 + 3, 42]) {
    const bytes = buildAacConfig({ objectType, sampleRate: 44000, channelConfig: 6 });
    const config = parseAacConfig(bytes);
    assertEquals([config.objectType, config.sampleRate, config.channels], [objectType, 44000, 6]);
  }
  assertEquals(aacRateIndex(44000), undefined);
});

Deno.test("parseAacConfig counts the channels of a program config element", () => {
  // LC, 48000 Hz, channel configuration 0; one front pair, one front channel, one LFE; no comment.
  const text = "00010" + "0011" + "0000" + "000" + "0000" + "01" + "0011" + "0010" + "0000" +
    "0000" +
    "01" + "000" + "0000" + "000" + "1" + "0000" + "0" + "0001" + "0000";
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8, "0") + "00000000";
  const bytes = Uint8Array.from(padded.match(/.{8}/g)!, (byte) => parseInt(byte, 2));
  assertEquals(parseAacConfig(bytes).channels, 4);
});

Deno.test("parseAacConfig says what an empty config is (M072)", () => {
  assertEquals(assertThrows(() => parseAacConfig(new Uint8Array(0)), MediaError).code, "truncated");
});

Deno.test("ADTS of ffmpeg is parsed, taken off and built again", () => {
  const expected = stream("adts");
  const [packet] = expected.packets;
  const bytes = firstPacket(expected);
  const header = parseAdtsHeader(bytes);
  assertEquals(header.frameSize, packet!.size);
  assertEquals([header.sampleRate, header.channels], [expected.sampleRate, expected.channels]);
  const whole = new Uint8Array(packet!.size);
  whole.set(bytes);
  const [frame] = splitAdts(whole);
  assertEquals(frame!.length, packet!.size - 7);
  assertEquals(buildAdtsHeader(header, frame!.length), bytes.subarray(0, 7));
});

Deno.test("LATM of ffmpeg: its StreamMuxConfig has the AudioSpecificConfig that ffprobe shows", () => {
  const expected = stream("latm");
  // ffprobe's packet is an AudioMuxElement with useSameStreamMux = 0; the config starts a bit later.
  const bytes = firstPacket(expected);
  const start = bytes[0] === 0x56 ? 3 : 0;
  const shifted = bytes.subarray(start, bytes.length - 1)
    .map((byte, i) => (byte << 1) | (bytes[start + i + 1]! >> 7));
  const { config, audioSpecificConfig, subFrames } = parseLatmConfig(shifted);
  assertEquals(config.sampleRate, expected.sampleRate);
  assertEquals(config.channels, expected.channels);
  assertEquals(audioSpecificConfig.toHex(), expected.config);
  assertEquals(subFrames, 1);
});

Deno.test("parseLatmConfig reads what GStreamer's rtpmp4apay announces: an extension, and no end", () => {
  const { config, audioSpecificConfig, subFrames } = parseLatmConfig(
    Uint8Array.fromHex("40002410adca00"),
  );
  assertEquals([config.sampleRate, config.channels, subFrames], [44100, 1, 1]);
  assertEquals(audioSpecificConfig.toHex(), "120856e500");
});

Deno.test("parseLatmConfig reads the example of RFC 6416, 7.4.1", () => {
  // "LATM config: 400026103fc0": LC, 24000 Hz, mono.
  const { config } = parseLatmConfig(Uint8Array.fromHex("400026103fc0"));
  assertEquals([config.objectType, config.sampleRate, config.channels], [2, 24000, 1]);
});

Deno.test("LATM elements and configs survive a round trip, HE-AAC's odd bits too", () => {
  for (const hex of ["1190", "2b920800"]) {
    const built = buildLatmConfig(Uint8Array.fromHex(hex));
    const config = parseLatmConfig(built);
    assertEquals(config.config, parseAacConfig(Uint8Array.fromHex(hex)));
    for (const size of [0, 1, 254, 255, 256, 510, 700]) {
      const frame = new Uint8Array(size).fill(7);
      assertEquals(splitLatm(buildLatmElement(frame), config), [frame]);
    }
  }
});

for (const expected of streamsOf("opus")) {
  Deno.test(`Opus parsers agree with ffprobe on ${expected.name}`, () => {
    const bytes = Uint8Array.fromHex(expected.config);
    const head = parseOpusHead(bytes);
    assertEquals(head.channels, expected.channels);
    assertEquals(buildOpusHead(head), bytes);
    const durationUs = opusPacketDurationUs(firstPacket(expected));
    // Matroska's times are in milliseconds.
    assertEquals(Math.floor(durationUs / 1000) * 1000, expected.packets[0]!.duration);
    if (expected.channels === 2) assertEquals(isOpusStereo(firstPacket(expected)), true);
  });
}

Deno.test("opusPacketDurationUs knows every configuration of RFC 6716, table 2", () => {
  const durations = Array.from(
    { length: 32 },
    (_, config) => opusPacketDurationUs(new Uint8Array([config << 3])) / 1000,
  );
  const silk = [10, 20, 40, 60];
  const celt = [2.5, 5, 10, 20];
  assertEquals(durations, [
    ...silk,
    ...silk,
    ...silk,
    10,
    20,
    10,
    20,
    ...celt,
    ...celt,
    ...celt,
    ...celt,
  ]);
  assertEquals(opusPacketDurationUs(new Uint8Array([(19 << 3) | 3, 6])), 120_000);
  assertThrows(() => opusPacketDurationUs(new Uint8Array([(19 << 3) | 3, 7])), MediaError);
});

for (const expected of streamsOf("mp3", "mp2")) {
  Deno.test(`parseMp3Header agrees with ffprobe on ${expected.name}`, () => {
    const header = parseMp3Header(firstPacket(expected));
    assertEquals(header.sampleRate, expected.sampleRate);
    assertEquals(header.channels, expected.channels);
    assertEquals(header.frameSize, expected.packets[0]!.size);
    assertEquals(header.layer, expected.codec === "mp3" ? 3 : 2);
    const durationUs = (header.samplesPerFrame * 1_000_000) / header.sampleRate;
    assertEquals(Math.abs(durationUs - expected.packets[0]!.duration) < 1, true);
  });
}

for (const expected of streamsOf("ac3", "eac3")) {
  Deno.test(`parseAc3Header agrees with ffprobe on ${expected.name}`, () => {
    for (const { data, size, duration } of expected.packets) {
      const header = parseAc3Header(Uint8Array.fromHex(data));
      assertEquals(header.codec as string, expected.codec);
      assertEquals(header.sampleRate, expected.sampleRate);
      assertEquals(header.channels, expected.channels);
      assertEquals(header.frameSize, size);
      const durationUs = (header.samplesPerFrame * 1_000_000) / header.sampleRate;
      assertEquals(Math.abs(durationUs - duration) < 10, true);
    }
  });
}

for (const expected of streamsOf("flac")) {
  Deno.test(`parseFlacStreamInfo agrees with ffprobe on ${expected.name}, in all three forms`, () => {
    const block = Uint8Array.fromHex(expected.config);
    const info = parseFlacStreamInfo(block);
    assertEquals([info.sampleRate, info.channels], [expected.sampleRate, expected.channels]);
    assertEquals(info.bitsPerSample, expected.name === "flac" ? 16 : 24);
    const withHeader = new Uint8Array([0x80, 0, 0, 34, ...block]);
    assertEquals(parseFlacStreamInfo(withHeader), info);
    const signed = new Uint8Array([0x66, 0x4c, 0x61, 0x43, ...withHeader]);
    assertEquals(parseFlacStreamInfo(signed), info);
  });
}

Deno.test("g711DurationUs: 160 bytes are 20 ms", () => {
  assertEquals(g711DurationUs(160), 20_000);
  assertEquals(g711DurationUs(320, 2), 20_000);
});
