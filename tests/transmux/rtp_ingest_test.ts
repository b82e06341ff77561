import { assert, assertEquals } from "@std/assert";
import { parseAvcConfig, type Track } from "../../src/media/mod.ts";
import { parseRtpPacket, type RtpFormat, RtpReceiver, TrackAligner } from "../../src/rtp/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import {
  FrameReader,
  MAX_UNIT_PACKETS,
  type MediaUnit,
  RtpTrackIngest,
  tracksOfSdp,
  UnitBudget,
} from "../../src/transmux/mod.ts";
import { load, rtpPacket } from "./support.ts";

const SPS = Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48");
const PPS = Uint8Array.fromHex("68cb80652c80");
/** SPS of another picture size, same id. */
const OTHER_SPS = parseAvcConfig(load("h264").config).sps[0]!;
const IDR = [0x65, 0x88, 0x80];
const SLICE = [0x41, 0x9a, 0x24];

function trackOf(media: string): Track {
  return tracksOfSdp(parseSdp(`v=0\ns=cam\n${media}\n`))[0]!;
}

const H264_MEDIA = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000";

function ingestOf(track: Track): RtpTrackIngest {
  const time = new TrackAligner({ originUs: 0 }).addTrack({ clockRate: track.rtp!.clockRate });
  return new RtpTrackIngest({ track, time });
}

/** Pushes payloads as packets that follow each other; `*` after a timestamp stands for the marker. */
function push(
  ingest: RtpTrackIngest,
  packets: readonly [timestamp: number, marker: boolean, payload: readonly number[] | Uint8Array][],
): MediaUnit[] {
  return packets.flatMap(([timestamp, marker, payload], index) =>
    ingest.push(
      rtpPacket({
        payloadType: ingest.track.rtp!.payloadType,
        sequenceNumber: index,
        timestamp,
        marker,
        payload,
      }),
      timestamp / 90,
    )
  );
}

function packetCounts(units: readonly MediaUnit[]): number[] {
  return units.flatMap(({ payload }) => payload.format === "rtp" ? [payload.packets.length] : []);
}

function stapA(...units: readonly (readonly number[] | Uint8Array)[]): number[] {
  return [0x78, ...units.flatMap((unit) => [unit.length >> 8, unit.length & 0xff, ...unit])];
}

Deno.test("RtpTrackIngest ends a picture with the marker, and keeps the packets as they are", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const units = push(ingest, [
    [1000, false, [0x7c, 0x85, 0x88]],
    [1000, false, [0x7c, 0x05, 0x88]],
    [1000, true, [0x7c, 0x45, 0x88]],
    [4600, true, SLICE],
  ]);
  assertEquals(packetCounts(units), [3, 1]);
  assertEquals(units.map(({ keyFrame }) => keyFrame), [true, false]);
  assertEquals(units.map(({ ptsUs }) => ptsUs), [0, 40_000]);
  const [unit] = units;
  assert(unit?.payload.format === "rtp");
  assertEquals(
    parseRtpPacket(unit.payload.packets[2]!).payload,
    new Uint8Array([0x7c, 0x45, 0x88]),
  );
});

Deno.test("RtpTrackIngest ends a picture where the timestamp changes (FLIR M400 sets no marker)", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const units = push(ingest, [
    [0, false, stapA(SPS, PPS)],
    [0, false, IDR],
    [3600, false, SLICE],
    [3600, false, SLICE],
    [7200, false, SLICE],
  ]);
  assertEquals(packetCounts(units), [2, 2]);
  assertEquals(packetCounts(ingest.flush()), [1]);
  assertEquals(ingest.stats, { units: 3, dropped: 0, foreignPackets: 0 });

  const reader = new FrameReader({ tracks: [ingest.track] });
  const frames = units.map((unit) => reader.read(unit));
  // Each picture comes of its own unit: a player that starts at one gets that, and not the one before.
  assertEquals(frames.map((of) => of.map(({ ptsUs, keyFrame }) => [ptsUs, keyFrame])), [
    ...units.slice(0, -2).map(() => []),
    [[0, true]],
    [[40_000, false]],
  ]);
});

Deno.test("RtpTrackIngest keeps parameter sets that have a marker of their own with their picture", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const units = push(ingest, [[0, true, SPS], [0, true, PPS], [0, true, IDR], [3600, true, SLICE]]);
  assertEquals(units.map(({ role }) => role), ["config", "media", "media"]);
  assertEquals(packetCounts(units), [3, 1]);
  const reader = new FrameReader({ tracks: [ingest.track] });
  const frames = units.flatMap((unit) => reader.read(unit));
  assertEquals(frames.map(({ keyFrame }) => keyFrame), [true, false]);
});

Deno.test("RtpTrackIngest tells parameter sets that come in band, and only where they change", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  assertEquals(ingest.header().map(({ role, payload }) => [role, payload]), [
    ["config", { format: "access-unit", data: new Uint8Array(0) }],
  ]);
  const first = push(ingest, [
    [0, true, stapA([0x09, 0x10], SPS, PPS, IDR)],
    [3600, true, stapA(SPS, PPS, IDR)],
  ]);
  assertEquals(first.map(({ role }) => role), ["config", "media", "media"]);
  assertEquals(ingest.track.width, 160);
  const second = push(ingest, [[7200, false, OTHER_SPS], [7200, false, PPS], [7200, true, IDR]]);
  assertEquals(second.map(({ role }) => role), ["config", "media"]);
  assertEquals([ingest.track.width, ingest.track.height], [192, 108]);
  const { payload } = second[0]!;
  assert(payload.format === "access-unit");
  assertEquals(parseAvcConfig(payload.data).sps, [OTHER_SPS]);
});

Deno.test("RtpTrackIngest finds sets and picture in one fragmented NAL unit (Amatek AR-N3222F)", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const whole = [...SPS, 0, 0, 0, 1, ...PPS, 0, 0, 0, 1, ...IDR];
  const units = push(ingest, [
    [0, false, [0x7c, 0x87, ...whole.slice(1, 40)]],
    [0, true, [0x7c, 0x47, ...whole.slice(40)]],
  ]);
  units.push(...ingest.flush());
  assertEquals(units.map(({ role, keyFrame }) => [role, keyFrame]), [
    ["config", false],
    ["media", true],
  ]);
});

Deno.test("RtpTrackIngest calls recovery points key frames, and pictures without reference discardable", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const recoveryPoint = [0x06, 6, 1, 0xc4, 0x80];
  const units = push(ingest, [
    [0, false, recoveryPoint],
    [0, true, SLICE],
    [3600, true, [0x01, 0x9a, 0x24]],
    [7200, true, stapA(recoveryPoint, SLICE)],
  ]);
  assertEquals(units.map(({ keyFrame, discardable }) => [keyFrame, discardable]), [
    [true, false],
    [false, true],
    [true, false],
  ]);
});

Deno.test("RtpTrackIngest passes over packets of other payload types", () => {
  const ingest = ingestOf(trackOf("m=video 0 RTP/AVP 96 97\na=rtpmap:96 H264/90000"));
  const foreign = rtpPacket({ sequenceNumber: 0, payloadType: 97, marker: true, payload: IDR });
  assertEquals(ingest.push(foreign, 0), []);
  assertEquals(ingest.stats.foreignPackets, 1);
});

Deno.test("RtpTrackIngest keeps packets without payload (RFC 6263), which end nothing", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const units = push(ingest, [[0, true, IDR], [900, false, []], [3600, true, SLICE]]);
  assertEquals(packetCounts(units), [2, 1]);
  const reader = new FrameReader({ tracks: [ingest.track] });
  const frames = units.flatMap((unit) => reader.read(unit));
  assertEquals(frames.map(({ ptsUs }) => ptsUs), [0, 40_000]);
});

Deno.test("RtpTrackIngest forwards codecs that it does not know, each unit a start", () => {
  const video = ingestOf(trackOf("m=video 0 RTP/AVP 26"));
  assertEquals(video.header().length, 1);
  const units = push(video, [[0, false, [1, 2]], [0, true, [3]], [3600, true, [4]]]);
  assertEquals(units.map(({ keyFrame }) => keyFrame), [true, true]);
  const data = ingestOf(
    trackOf("m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000"),
  );
  assertEquals(data.header(), []);
  assertEquals(packetCounts(push(data, [[0, false, [1]], [0, true, [2]]])), [2]);
  const audio = ingestOf(trackOf("m=audio 0 RTP/AVP 18"));
  assertEquals(packetCounts(push(audio, [[0, false, [1]], [80, false, [2]]])), [1, 1]);
});

const H265_MEDIA = "m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000";

/** Pictures of three slices each: the first has the bit that says so, the others do not. */
const SLICED = {
  [H264_MEDIA]: {
    key: [[0x65, 0x88], [0x65, 0x24], [0x65, 0x12]],
    other: [[0x41, 0x9a], [0x41, 0x26]],
  },
  [H265_MEDIA]: {
    key: [[0x26, 1, 0xaf], [0x26, 1, 0x2f], [0x26, 1, 0x2f]],
    other: [[0x02, 1, 0xd0], [0x02, 1, 0x50]],
  },
};

for (const [media, { key, other }] of Object.entries(SLICED)) {
  const name = /H26\d/.exec(media)![0];

  Deno.test(`RtpTrackIngest makes one picture of ${name} slices that each have a marker`, () => {
    const ingest = ingestOf(trackOf(media));
    const slices = (timestamp: number, of: readonly (readonly number[])[]) =>
      of.map((slice) => [timestamp, true, slice] as [number, boolean, readonly number[]]);
    const units = push(ingest, [...slices(0, key), ...slices(3600, other), ...slices(7200, other)]);
    units.push(...ingest.flush());
    assertEquals(packetCounts(units), [3, 2, 2]);
    const reader = new FrameReader({ tracks: [ingest.track] });
    const frames = units.flatMap((unit) => reader.read(unit));
    assertEquals(frames.map(({ parts, keyFrame }) => [parts.length, keyFrame]), [
      [3, true],
      [2, false],
      [2, false],
    ]);
  });

  Deno.test(`RtpTrackIngest learns that ${name} slices have markers where one picture was of one`, () => {
    const ingest = ingestOf(trackOf(media));
    const units = push(ingest, [
      [0, true, key[0]!],
      [3600, true, other[0]!],
      [3600, true, other[1]!],
      [7200, true, other[0]!],
      [7200, true, other[1]!],
      [10_800, true, other[0]!],
    ]);
    // The second picture was taken for whole; what comes of it after shows that it was not.
    assertEquals(packetCounts(units), [1, 1, 1, 2]);
  });

  Deno.test(`RtpTrackIngest ends ${name} pictures at once where one marker is behind their slices`, () => {
    const ingest = ingestOf(trackOf(media));
    const ends = [...key, ...other, ...other].map((slice, index) =>
      push(ingest, [[Math.max(0, index - 1) >> 1, [2, 4, 6].includes(index), slice]]).length
    );
    assertEquals(ends, [0, 0, 1, 0, 1, 0, 1]);
  });

  Deno.test(`RtpTrackIngest ends the last ${name} picture in silence, where no marker will come`, () => {
    const ingest = ingestOf(trackOf(media));
    push(ingest, [[0, false, key[0]!], [3600, false, other[0]!]]);
    assertEquals(ingest.tick(40 + 199), []);
    assertEquals(packetCounts(ingest.tick(40 + 200)), [1]);
    assertEquals(ingest.tick(40 + 400), []);
  });
}

Deno.test("RtpTrackIngest ends the first picture, that may have more slices, in silence too", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  assertEquals(push(ingest, [[0, true, IDR]]), []);
  assertEquals(packetCounts(ingest.tick(200)), [1]);
});

Deno.test("RtpTrackIngest ends the first picture where a packet of another track comes behind it", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  push(ingest, [[0, true, IDR]]);
  assertEquals(packetCounts([...ingest.passOver()]), [1]);
  // Where no marker has come, it may have more to come; where it has, another track says nothing more.
  const open = ingestOf(trackOf(H264_MEDIA));
  push(open, [[0, false, IDR]]);
  assertEquals(open.passOver(), []);
  const sliced = ingestOf(trackOf(H264_MEDIA));
  push(sliced, [[0, true, IDR], [0, true, [0x65, 0x24]]]);
  assertEquals(sliced.passOver(), []);
});

Deno.test("RtpTrackIngest ends nothing in silence that lacks its rest, or its picture, or its marker", () => {
  const cut = ingestOf(trackOf(H264_MEDIA));
  push(cut, [[0, false, [0x7c, 0x85, 0x88]]]);
  assertEquals(cut.tick(1000), []);
  const sets = ingestOf(trackOf(H264_MEDIA));
  push(sets, [[0, true, SPS], [0, true, PPS]]);
  assertEquals(sets.tick(1000), []);
  const marking = ingestOf(trackOf(H264_MEDIA));
  push(marking, [[0, true, IDR], [3600, true, SLICE], [7200, false, SLICE]]);
  assertEquals(marking.tick(1000), []);
  assertEquals(packetCounts(push(marking, [[7200, true, SLICE]])), [2]);
});

Deno.test("RtpTrackIngest takes pictures of one timestamp apart by their markers", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const units = push(ingest, [[0, true, IDR], [0, true, SLICE], [0, true, SLICE]]);
  assertEquals(packetCounts([...units, ...ingest.flush()]), [1, 1, 1]);
});

Deno.test("RtpTrackIngest drops an access unit that passes its limits, and goes on", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const units: MediaUnit[] = [];
  for (let i = 0; i <= MAX_UNIT_PACKETS; i++) {
    units.push(...ingest.push(rtpPacket({ sequenceNumber: i & 0xffff, payload: IDR }), 0));
  }
  units.push(...push(ingest, [[0, true, IDR], [3600, true, SLICE]]));
  assertEquals(packetCounts(units), [1]);
  assertEquals(ingest.stats.dropped, 1);
});

Deno.test("the tracks of a publisher hold one budget of open access units together", () => {
  const budget = new UnitBudget(100_000);
  const aligner = new TrackAligner();
  const track = trackOf(H264_MEDIA);
  const ingests = Array.from(
    { length: 8 },
    () => new RtpTrackIngest({ track, time: aligner.addTrack({ clockRate: 90_000 }), budget }),
  );
  const open = (ingest: RtpTrackIngest, timestamp: number, marker: boolean): MediaUnit[] => {
    const payload = new Uint8Array(10_000).fill(1);
    payload[0] = 0x65;
    return [0, 1].flatMap((sequenceNumber) =>
      ingest.push(
        rtpPacket({ sequenceNumber, timestamp, marker: marker && sequenceNumber === 1, payload }),
        0,
      )
    );
  };
  for (const ingest of ingests) assertEquals(open(ingest, 0, false), []);
  // Four units of 20 000 bytes fit; what began after them is given up when it grows.
  assertEquals(ingests.map((ingest) => packetCounts(ingest.flush())), [
    [2],
    [2],
    [2],
    [2],
    [],
    [],
    [],
    [],
  ]);
  assertEquals(ingests.map(({ stats }) => stats.dropped), [0, 0, 0, 0, 1, 1, 1, 1]);
  // Nothing of that is held any more.
  for (const ingest of ingests) assertEquals(packetCounts(open(ingest, 3600, true)), [2]);
  assert(!budget.isExceeded);
});

Deno.test("over the budget of all tracks a unit in large buffers is copied before it is given up", () => {
  const budget = new UnitBudget(1_000_000);
  const time = new TrackAligner().addTrack({ clockRate: 90_000 });
  const ingest = new RtpTrackIngest({ track: trackOf(H264_MEDIA), time, budget });
  const units: MediaUnit[] = [];
  for (let sequenceNumber = 0; sequenceNumber < 100; sequenceNumber++) {
    const packet = rtpPacket({ sequenceNumber, marker: sequenceNumber === 99, payload: IDR });
    const slab = new Uint8Array(256 * 1024);
    slab.set(packet.bytes);
    units.push(...ingest.push(parseRtpPacket(slab.subarray(0, packet.bytes.length)), 0));
  }
  assertEquals(packetCounts(units), [100]);
});

Deno.test("RtpTrackIngest gives decoding times that never go back, whatever the timestamps", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const timestamps = [9000, 0, 90000, 3600, 2 ** 32 - 9000, 500_000, 100_000];
  const units = push(
    ingest,
    timestamps.map((timestamp) => [timestamp, true, SLICE] as const)
      .map(([timestamp, marker, payload]) => [timestamp, marker, payload]),
  );
  for (const [i, { dtsUs, ptsUs }] of units.entries()) {
    assert(dtsUs >= 0 && ptsUs >= 0);
    assert(i === 0 || dtsUs >= units[i - 1]!.dtsUs);
  }
});

Deno.test("RtpTrackIngest gives audio times that never go back, and shows it when it is decoded", () => {
  const ingest = ingestOf(trackOf("m=audio 0 RTP/AVP 0"));
  const timestamps = [8000, 8160, 8000, 4000, 8320];
  const units = push(
    ingest,
    timestamps.map((timestamp) => [timestamp, false, [1, 2]]),
  );
  assertEquals(units.map(({ dtsUs, ptsUs }) => [dtsUs, ptsUs]), [
    [0, 0],
    [20_000, 20_000],
    [20_000, 20_000],
    [20_000, 20_000],
    [40_000, 40_000],
  ]);
});

Deno.test("RtpTrackIngest gives decoding times that do not go back where a source begins anew", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const before = push(ingest, [[900_000, true, IDR], [903_600, true, SLICE]]);
  ingest.restart();
  // The new source's first pictures lie before the last ones of the old.
  const after = push(ingest, [[450_000, true, IDR], [453_600, true, SLICE], [
    990_000,
    true,
    SLICE,
  ]]);
  const times = [...before, ...after].map(({ dtsUs }) => dtsUs);
  assertEquals(times, times.toSorted((a, b) => a - b));
  assertEquals(times.at(-1), after.at(-1)!.ptsUs);
});

interface Recording {
  readonly format: RtpFormat;
  readonly unitMd5: readonly string[];
  readonly packets: readonly string[];
}

const RECORDINGS = new URL("../rtp/fixtures/", import.meta.url);

Deno.test("RtpTrackIngest and FrameReader find every frame of FFmpeg's and GStreamer's streams", () => {
  for (const { name } of Deno.readDirSync(RECORDINGS)) {
    const { format, unitMd5, packets }: Recording = JSON.parse(
      Deno.readTextFileSync(new URL(name, RECORDINGS)),
    );
    const { encodingName, clockRate, channels = 1, parameters = {} } = format;
    const isVideo = /^(H26|VP|AV1|MP4V)/.test(encodingName);
    const { payloadType } = parseRtpPacket(Uint8Array.fromHex(packets[0]!));
    const fmtp = Object.entries(parameters).map(([key, value]) => `${key}=${value}`).join(";");
    const track = trackOf(
      `m=${isVideo ? "video" : "audio"} 0 RTP/AVP ${payloadType}\n` +
        `a=rtpmap:${payloadType} ${encodingName}/${clockRate}/${channels}\n` +
        (fmtp === "" ? "" : `a=fmtp:${payloadType} ${fmtp}`),
    );
    const ingest = ingestOf(track);
    const receiver = new RtpReceiver({ clockRate });
    const units = packets.flatMap((hex) =>
      receiver.push(parseRtpPacket(Uint8Array.fromHex(hex)), 0)
        .flatMap((packet) => ingest.push(packet, 0))
    );
    const reader = new FrameReader({ tracks: [track] });
    const frames = [...units, ...ingest.flush()].flatMap((unit) => reader.read(unit));
    // PCM is cut into packets as the sender likes.
    // FFmpeg's AAC packetiser keeps its last frame; GStreamer's demuxer leaves out the priming one.
    const most = encodingName.startsWith("MP") && !isVideo ? 2 : 0;
    const missing = unitMd5.length - frames.length;
    assert(/^(L16|PCM)/.test(encodingName) || (missing >= 0 && missing <= most), name);
    assert(frames[0]!.keyFrame, name);
    if (isVideo) {
      const media = units.filter(({ role }) => role === "media");
      assertEquals(media.map((u) => u.keyFrame), frames.map((f) => f.keyFrame), name);
      assert(media.some(({ keyFrame }) => !keyFrame), `${name}: all are key frames`);
    }
  }
});

Deno.test("RtpTrackIngest does not keep what small packets were read into", () => {
  const ingest = ingestOf(trackOf(H264_MEDIA));
  const sent: Uint8Array[] = [];
  for (let number = 0; number < 200; number++) {
    // A publisher sends junk between its packets: each is a view of another large buffer.
    const bytes = rtpPacket({
      payloadType: 96,
      sequenceNumber: number,
      timestamp: 0,
      marker: number === 199,
      payload: IDR,
    }).bytes;
    const slab = new Uint8Array(256 * 1024);
    slab.set(bytes, 99);
    sent.push(bytes);
    const [unit] = ingest.push(parseRtpPacket(slab.subarray(99, 99 + bytes.length)), 0);
    if (unit?.payload.format !== "rtp") continue;
    assertEquals(unit.payload.packets, sent);
    const buffers = new Set(unit.payload.packets.map(({ buffer }) => buffer));
    const held = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert(held <= 9 * 1024 * 1024, `${held} bytes`);
    return;
  }
  assert(false, "no unit came");
});
