import { assert, assertEquals } from "@std/assert";
import { buildVideoBody, timestampOffsetModEx } from "../../src/flv/mod.ts";
import {
  buildAvcConfig,
  joinAnnexB,
  joinLengthPrefixed,
  parseAvcConfig,
  splitLengthPrefixed,
  type Track,
} from "../../src/media/mod.ts";
import { buildRtpPacket } from "../../src/rtp/mod.ts";
import {
  FrameReader,
  type MediaUnit,
  RtpRemuxer,
  sdpOfTracks,
  unitOfFlv,
} from "../../src/transmux/mod.ts";
import { seededRandom } from "../support/split.ts";
import { bodyOf, flvBodies, hashesOf, load, RtpLink, unitsOfFlv } from "./support.ts";

function unit(fields: Partial<MediaUnit> & Pick<MediaUnit, "payload">): MediaUnit {
  return {
    kind: "video",
    role: "media",
    track: 0,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    ...fields,
  };
}

const H264: Track = { kind: "video", id: 0, codec: "h264", config: load("h264").config };

Deno.test("FrameReader tells lengths from start codes, also lengths that look like start codes", () => {
  for (const size of [1, 2, 255, 256, 300, 511, 512, 70_000]) {
    const units = [new Uint8Array(size).fill(0x41), new Uint8Array([0x41, 0x9a])];
    for (const data of [joinLengthPrefixed(units), joinAnnexB(units)]) {
      const reader = new FrameReader({ tracks: [H264] });
      const frames = reader.read(unit({ payload: { format: "access-unit", data } }));
      assertEquals(frames[0]?.parts, units, `${size}`);
    }
  }
});

Deno.test("FrameReader reads FLV by the length size of the configuration in force", () => {
  const { sps, pps } = parseAvcConfig(load("h264").config);
  const nalUnits = [new Uint8Array([0x65, 0x88]), new Uint8Array([0x65, 0x99])];
  for (const lengthSize of [1, 2, 4] as const) {
    const config = buildAvcConfig({ sps, pps, lengthSize });
    const reader = new FrameReader();
    const units = unitsOfFlv([
      { kind: "video", dtsUs: 0, body: bodyOf("h264", { config: true, data: config }) },
      {
        kind: "video",
        dtsUs: 0,
        body: bodyOf("h264", {
          config: false,
          data: joinLengthPrefixed(nalUnits, { lengthSize }),
        }),
      },
    ]);
    const frames = units.flatMap((one) => reader.read(one));
    assertEquals(frames[0]?.parts, nalUnits);
    // What is made of it has lengths of 4 bytes.
    assertEquals(parseAvcConfig(reader.tracks[0]!.config!).lengthSize, 4);
  }
});

Deno.test("FrameReader reads each track of a multitrack body, with its nanoseconds", () => {
  const body = buildVideoBody({
    form: "enhanced",
    frameType: 1,
    packetType: 1,
    modEx: [timestampOffsetModEx(500_000)],
    multitrack: 2,
    tracks: [
      {
        trackId: 0,
        fourCc: "avc1",
        compositionTimeMs: 40,
        data: joinLengthPrefixed([new Uint8Array([0x65])]),
      },
      { trackId: 5, fourCc: "vp09", compositionTimeMs: 0, data: new Uint8Array([0x82]) },
    ],
  });
  const frames = new FrameReader().read(unitOfFlv({ kind: "video", dtsUs: 1_000_000, body })!);
  assertEquals(frames.map(({ track, codec, dtsUs, ptsUs }) => [track, codec, dtsUs, ptsUs]), [
    [0, "h264", 1_000_500, 1_040_500],
    [5, "vp9", 1_000_500, 1_000_500],
  ]);
});

Deno.test("FrameReader gives every AAC frame of a packet its own time", () => {
  const config = new Uint8Array([0x12, 0x10]);
  const described = sdpOfTracks([{ kind: "audio", id: 0, codec: "aac", config }]);
  const link = new RtpLink(described);
  const payload = new Uint8Array([0, 48, 0, 8, 0, 16, 0, 8, 1, 2, 3, 4]);
  const units = link.send([{ track: 0, timestamp: 44100, marker: true, payload }], 0);
  const reader = new FrameReader({ tracks: described.tracks });
  const frames = units.flatMap((one) => reader.read(one));
  assertEquals(frames.map(({ ptsUs }) => ptsUs), [0, 23_220, 46_440]);
  assertEquals(frames.map(({ dtsUs }) => dtsUs), [0, 23_220, 46_440]);
  assertEquals(frames.map(({ parts }) => parts[0]!.length), [1, 2, 1]);
});

Deno.test("FrameReader gives audio times that do not go back where packets reach into each other", () => {
  const config = new Uint8Array([0x12, 0x10]);
  const described = sdpOfTracks([{ kind: "audio", id: 0, codec: "aac", config }]);
  const link = new RtpLink(described);
  const payload = new Uint8Array([0, 48, 0, 8, 0, 16, 0, 8, 1, 2, 3, 4]);
  const reader = new FrameReader({ tracks: described.tracks });
  const timesOf = (dtsUs: number, timestamp: number): number[] => {
    const [sent] = link.send([{ track: 0, timestamp, marker: true, payload }], 0);
    // The track is being moved: its units come at half the distance that their timestamps have.
    const frames = reader.read({ ...sent!, dtsUs, ptsUs: dtsUs });
    assert(frames.every((frame) => frame.ptsUs === frame.dtsUs));
    return frames.map((frame) => frame.dtsUs);
  };
  assertEquals(timesOf(0, 44_100), [0, 23_220, 46_440]);
  assertEquals(timesOf(34_830, 44_100 + 3072), [46_441, 58_050, 81_270]);
  assertEquals(timesOf(69_660, 44_100 + 6144), [81_271, 92_880, 116_100]);
});

Deno.test("FrameReader splits MP3 frames that share a message", () => {
  const { packets } = load("mp3");
  const data = new Uint8Array([...packets[0]!.data, ...packets[1]!.data]);
  const body = bodyOf("mp3", { config: false, data });
  const frames = new FrameReader().read(unitOfFlv({ kind: "audio", dtsUs: 1000, body })!);
  assertEquals(frames.map(({ ptsUs, parts }) => [ptsUs, parts[0]]), [
    [1000, packets[0]!.data],
    [27_122, packets[1]!.data],
  ]);
});

Deno.test("FrameReader follows parameter sets that change in mid-stream, beside the stream and in band", () => {
  const { config } = H264;
  const sps = Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48");
  const pps = Uint8Array.fromHex("68cb80652c80");
  const other = buildAvcConfig({ sps: [sps], pps: [pps] });
  const reader = new FrameReader({ tracks: [H264] });
  const old = parseAvcConfig(config!);
  assertEquals(reader.parameterSets("video", 0), [...old.sps, ...old.pps]);
  reader.read(unit({ role: "config", payload: { format: "access-unit", data: other } }));
  assertEquals(reader.parameterSets("video", 0), [sps, pps]);
  assertEquals(reader.track("video", 0)?.width, 160);
  const data = joinLengthPrefixed([...old.sps, ...old.pps, new Uint8Array([0x65, 0x88])]);
  const [frame] = reader.read(unit({ payload: { format: "access-unit", data } }));
  assert(frame?.keyFrame);
  assertEquals(reader.track("video", 0)?.width, 192);
});

Deno.test("FrameReader waits for a key frame after a loss, or not, as it is told", () => {
  const packet = (sequenceNumber: number, nal: number) =>
    buildRtpPacket({
      payloadType: 96,
      sequenceNumber,
      timestamp: sequenceNumber * 3600,
      ssrc: 1,
      marker: true,
      payload: new Uint8Array([nal, 0x88, 0x80]),
    });
  const { tracks } = sdpOfTracks([H264]);
  // Number 3 is missing: a whole picture, which no packet tells of.
  const packets = [[1, 0x65], [2, 0x41], [4, 0x41], [5, 0x41], [6, 0x65], [7, 0x41]] as const;
  const read = (afterLoss: "drop" | "keep") => {
    const reader = new FrameReader({ tracks, afterLoss });
    const frames = packets.flatMap(([number, nal]) => {
      const payload = { format: "rtp", packets: [packet(number, nal)] } as const;
      return reader.read(unit({ ptsUs: number, dtsUs: number, payload }));
    });
    return { numbers: frames.map(({ ptsUs }) => ptsUs), stats: reader.stats };
  };
  const dropped = read("drop");
  assertEquals(dropped.numbers, [1, 2, 6, 7]);
  assertEquals(dropped.stats.dependent + dropped.stats.broken, 2);
  // Of number 4 it is not certain that it was whole; 5 is, and is only not decodable.
  assertEquals(read("keep").numbers, [1, 2, 5, 6, 7]);
});

Deno.test("FrameReader keeps what it knows of a track that is described again", () => {
  const reader = new FrameReader({ tracks: [H264] });
  const data = joinLengthPrefixed([new Uint8Array([0x65, 0x88])]);
  reader.read(unit({ payload: { format: "access-unit", data } }));
  reader.setTracks([H264]);
  assertEquals(reader.stats.frames, 1);
  reader.setTracks([{ ...H264, codec: "h265", config: undefined }]);
  assertEquals(reader.stats.frames, 1);
  assertEquals(reader.tracks[0]?.config, undefined);
});

Deno.test("FrameReader drops malformed frames, counts them, and throws for no bytes", () => {
  const reader = new FrameReader({ tracks: [H264] });
  const broken = new Uint8Array([0, 0, 0, 9, 0x65]);
  assertEquals(reader.read(unit({ payload: { format: "access-unit", data: broken } })), []);
  assertEquals(reader.stats.broken, 1);
  const random = seededRandom(7);
  for (const codec of ["h264", "h265", "av1", "vp9", "vp8", "aac", "opus", "mp3", "ac3"] as const) {
    const bodies = flvBodies(load(codec)).slice(0, 6);
    for (let round = 0; round < 60; round++) {
      const hostile = new FrameReader();
      for (const { kind, dtsUs, body } of bodies) {
        const copy = body.slice(0, Math.floor(random() * (body.length + 1)));
        for (let i = 0; i < 3 && copy.length > 0; i++) {
          copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
        }
        for (const one of unitsOfFlv([{ kind, dtsUs, body: copy }])) hostile.read(one);
      }
    }
  }
});

Deno.test("what was made of hostile RTP packets is read without an exception", () => {
  const random = seededRandom(11);
  for (const codec of ["h264", "h265", "av1", "vp9", "vp8", "aac", "opus", "mp3", "ac3"] as const) {
    const source = load(codec);
    const kind = codec === "aac" || codec === "opus" || codec === "mp3" || codec === "ac3"
      ? "audio"
      : "video";
    const track: Track = {
      kind,
      id: 0,
      codec,
      config: source.config.length > 0 ? source.config : undefined,
      sampleRate: 48000,
    };
    const described = sdpOfTracks([track]);
    for (let round = 0; round < 40; round++) {
      const remuxer = new RtpRemuxer(described.tracks, { maxPayloadSize: 200 });
      const link = new RtpLink(described);
      const reader = new FrameReader({ tracks: described.tracks });
      for (const one of unitsOfFlv(flvBodies(source)).slice(0, 6)) {
        const packets = remuxer.remux(one).map((packet) => {
          assert("payload" in packet);
          const payload = packet.payload.slice(
            0,
            Math.floor(random() * (packet.payload.length + 1)),
          );
          if (payload.length > 0 && random() < 0.5) {
            payload[Math.floor(random() * Math.min(8, payload.length))] = Math.floor(
              random() * 256,
            );
          }
          return { ...packet, payload };
        });
        for (const received of link.send(packets, 0)) reader.read(received);
      }
    }
  }
});

Deno.test("FrameReader changes no byte of a unit, and gives views of it", () => {
  const [, first] = unitsOfFlv(flvBodies(load("h264")));
  assert(first?.payload.format === "flv");
  const before = first.payload.body.slice();
  const reader = new FrameReader({ tracks: [H264] });
  const [frame] = reader.read(first);
  assertEquals(first.payload.body, before);
  assert(
    frame!.parts.every((part) =>
      part.buffer === (first.payload as { body: Uint8Array }).body.buffer
    ),
  );
  assertEquals(frame!.parts, splitLengthPrefixed(load("h264").packets[0]!.data));
  assertEquals(hashesOf([frame!]).length, 1);
});
