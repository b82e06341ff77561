import { assertEquals } from "@std/assert";
import { buildAacConfig, buildAdtsHeader, parseAacConfig } from "../../src/media/mod.ts";
import { codecOfFile, containedTrack, type Track } from "../../src/transmux/mod.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

function track(codec: Track["codec"], config?: Uint8Array): Track {
  const kind = codec === "aac" ? "audio" : "video";
  return { kind, id: 0, codec, config };
}

/** An avcC without parameter sets, whose NAL units have lengths of `size` bytes. */
function avcC(size: number): Uint8Array {
  return bytes(1, 0x42, 0, 0x1e, 0xfc | (size - 1), 0xe0, 0);
}

Deno.test("codecOfFile knows codecs by the names that files have for them", () => {
  const names = ["avc", "hevc", "av1", "ulaw", "alaw", "opus", "constructor", "h264"];
  assertEquals(names.map(codecOfFile), [
    ...["h264", "h265", "av1", "pcmu", "pcma", "opus"],
    ...[undefined, undefined],
  ]);
});

Deno.test("containedTrack gives NAL units lengths of four bytes, whatever the file has", () => {
  const wanted = bytes(0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41);
  const unit = (sample: Uint8Array, config?: Uint8Array): Uint8Array =>
    containedTrack(track("h264", config), sample).accessUnit(sample);
  assertEquals(unit(bytes(0, 2, 0x65, 1, 0, 1, 0x41), avcC(2)), wanted);
  assertEquals(unit(wanted, avcC(4)), wanted);
  assertEquals(unit(bytes(0, 0, 0, 1, 0x65, 1, 0, 0, 1, 0x41)), wanted);
});

Deno.test("containedTrack leaves a frame that looks like a start code to a codec without NAL units", () => {
  const sample = bytes(0, 0, 1, 0x9d, 0, 0, 1, 7);
  assertEquals(containedTrack(track("vp8"), sample).accessUnit(sample), sample);
});

Deno.test("containedTrack takes the configuration of AAC from the headers of its frames, and them off", () => {
  const config = buildAacConfig({ sampleRate: 44_100, channelConfig: 2 });
  const raw = bytes(0x21, 0x10, 5);
  const sample = bytes(...buildAdtsHeader(parseAacConfig(config), raw.length), ...raw);
  const contained = containedTrack(track("aac"), sample);
  assertEquals(contained.track.config, config);
  assertEquals(contained.accessUnit(sample), raw);
  const told = containedTrack(track("aac", config), raw);
  assertEquals([told.track.config, told.accessUnit(raw)], [config, raw]);
});
