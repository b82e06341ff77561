import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  encodeFlvHeader,
  encodeFlvTag,
  FlvDecoder,
  FlvTagType,
  parseAudioBody,
  parseOnMetaData,
  parseVideoBody,
} from "../../src/flv/mod.ts";
import {
  buildAdtsHeader,
  joinAnnexB,
  MediaError,
  parseAvcConfig,
  parseHevcConfig,
  splitLengthPrefixed,
} from "../../src/media/mod.ts";
import { FlvFrameWriter, type FlvMessage, unitOfFlv } from "../../src/transmux/mod.ts";
import { AUDIO, VIDEO } from "../media/fixtures/streams.ts";
import { assertDecodes, makeRecording, packetsOf, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g)!, (x) => parseInt(x, 16));

const BASELINE = VIDEO.find(({ name }) => name === "h264-baseline")!;
const AVCC = hex(BASELINE.config);
const SETS = [...parseAvcConfig(AVCC).sps, ...parseAvcConfig(AVCC).pps];
/** Frames as encoders give them: behind start codes, the first with parameter sets and delimiter. */
const FRAMES = BASELINE.packets.map(({ pts, key, data }) => {
  const units = splitLengthPrefixed(hex(data));
  const delimiter = new Uint8Array([9, 0xf0]);
  return {
    dtsUs: pts,
    units: units,
    data: joinAnnexB(key ? [delimiter, ...SETS, ...units] : [delimiter, ...units]),
  };
});
const ASC = new Uint8Array([0x12, 0x10]);
const AAC = (number: number): Uint8Array => new Uint8Array([0x21, number, 0x10]);

/** What a message is, in a word. */
function kinds(messages: readonly FlvMessage[]): string[] {
  return messages.map(({ kind, timestampMs, body }) => {
    const unit = unitOfFlv({ kind, dtsUs: timestampMs * 1000, body });
    return `${kind} ${unit?.role}${
      unit?.keyFrame && kind === "video" ? " key" : ""
    } ${timestampMs}`;
  });
}

Deno.test("FlvFrameWriter writes metadata and headers before the first frame of each codec (M071)", () => {
  const writer = new FlvFrameWriter({
    video: { codec: "h264" },
    audio: { codec: "aac", config: ASC },
    metadata: { encoder: "camera", frameRate: 25 },
  });
  const [key, inter] = FRAMES;
  const messages = [
    ...writer.writeVideo({ ...key!, dtsUs: 7_000_000 }),
    ...writer.writeAudio({ data: AAC(1), ptsUs: 7_010_000 }),
    ...writer.writeVideo({ ...inter!, dtsUs: 7_040_000 }),
    ...writer.writeAudio({ data: AAC(2), ptsUs: 7_033_000 }),
    ...writer.end(),
  ];
  assertEquals(kinds(messages), [
    "data metadata 0",
    "video config 0",
    "video media key 0",
    "audio config 10",
    "audio media 10",
    "video media 40",
    "audio media 33",
    "video end 40",
  ]);
  const metadata = parseOnMetaData(messages[0]!.body)!;
  assertEquals(
    [metadata.width, metadata.height, metadata.videoCodec, metadata.audioCodec],
    [160, 90, "h264", "aac"],
  );
  assertEquals([metadata.sampleRate, metadata.channels, metadata.encoder], [44100, 2, "camera"]);
  // The same record that FFmpeg wrote, and the frame without what is in it.
  assertEquals(messages[1]!.body, new Uint8Array([0x17, 0, 0, 0, 0, ...AVCC]));
  assertEquals(
    messages[2]!.body,
    new Uint8Array([0x17, 1, 0, 0, 0, ...hex(BASELINE.packets[0]!.data)]),
  );
  assertEquals(messages[3]!.body, new Uint8Array([0xaf, 0, 0x12, 0x10]));
  assertEquals(messages[4]!.body, new Uint8Array([0xaf, 1, ...AAC(1)]));
});

Deno.test("FlvFrameWriter holds audio for the first key frame, and drops what is older (M075)", () => {
  const writer = new FlvFrameWriter({
    video: { codec: "h264" },
    audio: { codec: "aac", config: ASC },
  });
  const [key, inter] = FRAMES;
  for (let index = 0; index < 10; index++) {
    assertEquals(writer.writeAudio({ data: AAC(index), ptsUs: index * 20_000 }), []);
  }
  assertEquals(writer.writeVideo({ ...inter!, dtsUs: 0 }), []);
  const messages = writer.writeVideo({ ...key!, dtsUs: 150_000 });
  assertEquals(kinds(messages), [
    "data metadata 0",
    "video config 0",
    "video media key 0",
    "audio config 10",
    "audio media 10",
    "audio media 30",
  ]);
  assertEquals([writer.droppedAudio, writer.droppedVideo], [8, 1]);
  assertEquals(writer.writeAudio({ data: AAC(7), ptsUs: 200_000 }).length, 1);
});

Deno.test("FlvFrameWriter lets audio go alone when video does not come, and video join later (M072)", () => {
  const writer = new FlvFrameWriter({
    video: { codec: "h264" },
    audio: { codec: "aac", config: ASC },
    maxWaitUs: 50_000,
  });
  const [key] = FRAMES;
  const messages = [0, 1, 2, 3, 4].flatMap((index) =>
    writer.writeAudio({ data: AAC(index), ptsUs: index * 20_000 })
  );
  assertEquals(kinds(messages), [
    "data metadata 0",
    "audio config 0",
    "audio media 0",
    "audio media 20",
    "audio media 40",
    "audio media 60",
    "audio media 80",
  ]);
  assertEquals(kinds(writer.writeVideo({ ...key!, dtsUs: 3_000_000 })), [
    "data metadata 3000",
    "video config 3000",
    "video media key 3000",
  ]);
});

Deno.test("FlvFrameWriter holds a bounded number of frames, and gives them out at the end", () => {
  const writer = new FlvFrameWriter({
    video: { codec: "h265" },
    audio: { codec: "opus" },
    maxWaitUs: Infinity,
  });
  for (let index = 0; index < 5000; index++) {
    writer.writeAudio({ data: new Uint8Array([0xfc, 1]), ptsUs: index * 2500 });
  }
  assertEquals(writer.end().length, 2048 + 2);
  assertEquals(writer.droppedAudio, 5000 - 2048);
});

Deno.test("FlvFrameWriter writes headers again when parameter sets change, and only then (M071)", () => {
  const writer = new FlvFrameWriter({ video: { codec: "h264" } });
  const [key] = FRAMES;
  assertEquals(writer.writeVideo({ ...key!, dtsUs: 0 }).length, 3);
  assertEquals(kinds(writer.writeVideo({ ...key!, dtsUs: 40_000 })), ["video media key 40"]);
  const other = VIDEO.find(({ name }) => name === "h264-1080")!;
  const sets = parseAvcConfig(hex(other.config));
  const picture = FRAMES[0]!.units;
  const data = joinAnnexB([...sets.sps, ...sets.pps, ...picture]);
  const messages = writer.writeVideo({ data, dtsUs: 80_000 });
  assertEquals(kinds(messages), ["data metadata 80", "video config 80", "video media key 80"]);
  assertEquals(parseOnMetaData(messages[0]!.body)?.width, 1920);
  const header = parseVideoBody(messages[1]!.body);
  assert(header.form === "legacy");
  assertEquals(parseAvcConfig(header.data).sps[0], sets.sps[0]);
  // Parameter sets that come before their picture, on their own.
  assertEquals(writer.writeVideo({ data: joinAnnexB(SETS), dtsUs: 120_000 }), []);
  assertEquals(writer.writeVideo({ data: joinAnnexB(picture), dtsUs: 120_000 }).length, 3);
  // And out of band.
  const config = hex(other.config);
  assertEquals(writer.writeVideo({ data: joinAnnexB(picture), dtsUs: 160_000, config }).length, 3);
});

Deno.test("FlvFrameWriter writes H.265 and Opus as Enhanced RTMP has them (M073)", () => {
  const stream = VIDEO.find(({ name }) => name === "h265-main")!;
  const { vps, sps, pps } = parseHevcConfig(hex(stream.config));
  const opus = AUDIO.find(({ name }) => name === "opus")!;
  const writer = new FlvFrameWriter({ video: { codec: "h265" }, audio: { codec: "opus" } });
  const [first] = stream.packets;
  const units = splitLengthPrefixed(
    hex(first!.data.slice(0, 8 + 2 * parseInt(first!.data.slice(0, 8), 16))),
  );
  const messages = [
    ...writer.writeVideo({
      data: joinAnnexB([...vps, ...sps, ...pps, ...units]),
      dtsUs: 0,
      ptsUs: 80_000,
    }),
    ...writer.writeVideo({ data: joinAnnexB(units), dtsUs: 40_000 }),
    ...writer.writeAudio({ data: hex(opus.packets[0]!.data), ptsUs: 40_000 }),
    ...writer.end(),
  ];
  const media = messages.filter(({ kind }) => kind !== "data");
  const heads = media.map(({ body }) => [body[0], new TextDecoder().decode(body.subarray(1, 5))]);
  assertEquals(heads, [
    [0x90, "hvc1"],
    [0x91, "hvc1"],
    [0x93, "hvc1"],
    [0x90, "Opus"],
    [0x91, "Opus"],
    [0x92, "hvc1"],
  ]);
  assertEquals([...media[1]!.body.subarray(5, 8)], [0, 0, 80]);
  const [start, , , opusStart] = media;
  const hvcc = parseVideoBody(start!.body);
  assert(hvcc.form === "enhanced");
  assertEquals(parseHevcConfig(hvcc.tracks[0]!.data).sps, sps);
  const head = parseAudioBody(opusStart!.body);
  assert(head.form === "enhanced");
  assertEquals(new TextDecoder().decode(head.tracks[0]!.data.subarray(0, 8)), "OpusHead");
  // What the sound is like was known by its first frame only.
  const metadata = parseOnMetaData(messages.findLast(({ kind }) => kind === "data")!.body)!;
  assertEquals([metadata.channels, metadata.sampleRate], [opus.channels, 48000]);
  assertEquals([metadata.videoCodec, metadata.audioCodec, metadata.width], [
    "h265",
    "opus",
    stream.width,
  ]);
});

Deno.test("FlvFrameWriter tells lengths from start codes, and rewrites short ones", () => {
  const key = FRAMES[0]!.units[0]!;
  const long = new Uint8Array(300).fill(0x9a);
  long[0] = 0x65;
  // 300 is 00 00 01 2c, which begins like a start code.
  const prefixed = new Uint8Array([0, 0, 1, 0x2c, ...long]);
  const writer = new FlvFrameWriter({ video: { codec: "h264", config: AVCC } });
  assertEquals(writer.writeVideo({ data: prefixed, dtsUs: 0 })[2]!.body.subarray(5), prefixed);
  const bare = new FlvFrameWriter({ video: { codec: "h264", config: AVCC } });
  const threeByteCode = new Uint8Array([0, 0, 1, ...key]);
  assertEquals(
    bare.writeVideo({ data: threeByteCode, dtsUs: 0 })[2]!.body.subarray(9),
    key,
  );
  const short = AVCC.slice();
  short[4] = 0xfd; // lengths of 2 bytes
  const two = new FlvFrameWriter({ video: { codec: "h264", config: short } });
  const messages = two.writeVideo({ data: new Uint8Array([0, key.length, ...key]), dtsUs: 0 });
  assertEquals(messages[1]!.body[9], 0xff);
  assertEquals(messages[2]!.body.subarray(5), new Uint8Array([0, 0, 0, key.length, ...key]));
});

Deno.test("FlvFrameWriter takes AAC with ADTS headers, several frames at once", () => {
  const writer = new FlvFrameWriter({ audio: { codec: "aac" } });
  const adts = (raw: Uint8Array): number[] => [
    ...buildAdtsHeader({ objectType: 2, sampleRate: 48000, channelConfig: 1 }, raw.length),
    ...raw,
  ];
  const data = new Uint8Array([...adts(AAC(1)), ...adts(AAC(2))]);
  const messages = writer.writeAudio({ data, ptsUs: 1_000_000 });
  assertEquals(kinds(messages), [
    "data metadata 0",
    "audio config 0",
    "audio media 0",
    "audio media 21",
  ]);
  assertEquals(messages[1]!.body, new Uint8Array([0xaf, 0, 0x11, 0x88]));
  assertEquals(messages[3]!.body, new Uint8Array([0xaf, 1, ...AAC(2)]));
});

Deno.test("FlvFrameWriter says what the caller does wrong", () => {
  assertThrows(() => new FlvFrameWriter({}), TypeError, "there must be video or audio");
  const audio = new FlvFrameWriter({ audio: { codec: "aac" } });
  assertThrows(() => audio.writeVideo({ data: AVCC, dtsUs: 0 }), TypeError, "Cannot write video");
  assertThrows(() => audio.writeAudio({ data: AAC(0), ptsUs: 0 }), TypeError, "configuration");
  assertThrows(() => audio.writeAudio({ data: AAC(0), ptsUs: NaN }), RangeError, "NaN");
  const video = new FlvFrameWriter({ video: { codec: "h264" } });
  assertThrows(() => video.writeAudio({ data: AAC(0), ptsUs: 0 }), TypeError, "Cannot write audio");
  const config = new Uint8Array([9]);
  assertThrows(() => new FlvFrameWriter({ video: { codec: "h264", config } }), MediaError);
});

Deno.test("FlvFrameWriter throws nothing but MediaError, whatever the frames hold", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }).map((rest) => new Uint8Array([0, 0, 0, 1, ...rest])),
    fc.constantFrom(...FRAMES.map(({ data }) => data)),
  );
  const frame = fc.tuple(fc.boolean(), bytes, fc.integer({ min: -1e9, max: 1e9 }));
  fc.assert(
    fc.property(
      fc.constantFrom("h264" as const, "h265" as const),
      fc.array(frame, { maxLength: 20 }),
      (codec, frames) => {
        const writer = new FlvFrameWriter({
          video: { codec },
          audio: { codec: "aac", config: ASC },
        });
        for (const [isVideo, data, timeUs] of frames) {
          const before = data.slice();
          try {
            const messages = isVideo
              ? writer.writeVideo({ data, dtsUs: timeUs })
              : writer.writeAudio({ data, ptsUs: timeUs });
            for (const { timestampMs } of messages) assert(timestampMs >= 0);
          } catch (error) {
            assert(error instanceof MediaError, String(error));
          }
          assertEquals(data, before);
        }
      },
    ),
    { seed: 5, numRuns: 200 },
  );
});

Deno.test({
  name: "FFmpeg reads what FlvFrameWriter writes as it reads its own file",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const original = `${folder.path}/original.flv`;
    const rewritten = `${folder.path}/rewritten.flv`;
    await makeRecording(original, { seconds: 2 });
    const writer = new FlvFrameWriter({
      video: { codec: "h264" },
      audio: { codec: "aac", config: ASC },
    });
    const messages: FlvMessage[] = [];
    let sets: Uint8Array[] = [];
    for (
      const { type, timestampMs, body } of new FlvDecoder().push(await Deno.readFile(original))
    ) {
      const dtsUs = timestampMs * 1000;
      if (type === FlvTagType.Video) {
        const video = parseVideoBody(body);
        if (video.form !== "legacy" || video.packetType === 2) continue;
        if (video.packetType === 0) {
          const { sps, pps } = parseAvcConfig(video.data);
          sets = [...sps, ...pps];
          continue;
        }
        const units = splitLengthPrefixed(video.data);
        const data = joinAnnexB(video.frameType === 1 ? [...sets, ...units] : units);
        messages.push(
          ...writer.writeVideo({ data, dtsUs, ptsUs: dtsUs + video.compositionTimeMs * 1000 }),
        );
      } else if (type === FlvTagType.Audio) {
        const audio = parseAudioBody(body);
        if (audio.form !== "legacy" || audio.packetType !== 1) {
          if (audio.form === "legacy") {
            messages.push(
              ...writer.writeAudio({ data: new Uint8Array(0), ptsUs: dtsUs, config: audio.data }),
            );
          }
          continue;
        }
        messages.push(...writer.writeAudio({ data: audio.data, ptsUs: dtsUs }));
      }
    }
    messages.push(...writer.end());
    const types = { audio: FlvTagType.Audio, video: FlvTagType.Video, data: FlvTagType.Script };
    const tags = messages.map(({ kind, ...tag }) => encodeFlvTag({ type: types[kind], ...tag }));
    const file = [encodeFlvHeader({ hasAudio: true, hasVideo: true }), ...tags];
    await Deno.writeFile(
      rewritten,
      new Uint8Array(await new Blob(file as BlobPart[]).arrayBuffer()),
    );
    await assertDecodes(rewritten);
    assertEquals(await packetsOf(rewritten), await packetsOf(original));
  },
});

Deno.test("FlvFrameWriter refuses a codec that it cannot write, and names those that it can", () => {
  assertThrows(
    () => new FlvFrameWriter({ video: { codec: "av1" } }),
    TypeError,
    "must be h264 or h265: current value is av1",
  );
  assertThrows(
    () => new FlvFrameWriter({ audio: { codec: "flac" } }),
    TypeError,
    "must be aac or opus: current value is flac",
  );
});
