/** From an RTMP publisher over RTSP back to RTMP players: nothing lost, nothing changed, in time. */
import { assert, assertEquals } from "@std/assert";
import type { CodecName, MediaUnit, Track } from "../../src/media/mod.ts";
import {
  type CodedFrame,
  FlvRemuxer,
  FlvTrackProbe,
  FrameReader,
  RtpRemuxer,
  sdpOfTracks,
} from "../../src/transmux/mod.ts";
import { seededRandom } from "../support/split.ts";
import {
  type Fixture,
  flvBodies,
  hashesOf,
  isVideo,
  load,
  RtpLink,
  unitsOfFlv,
} from "./support.ts";

function probe(units: readonly MediaUnit[]): Track[] {
  const probe = new FlvTrackProbe();
  for (const unit of units) probe.take(unit);
  return probe.tracks;
}

interface Journey {
  readonly sent: CodedFrame[];
  readonly received: CodedFrame[];
  readonly replayed: CodedFrame[];
  readonly rtpUnits: MediaUnit[];
}

/** FLV → frames; FLV → RTP → frames; FLV → RTP → FLV → frames. */
function travel(fixture: Fixture, startMs = 0): Journey {
  const units = unitsOfFlv(flvBodies(fixture, startMs));
  const before = structuredClone(units);
  const source = new FrameReader();
  const sent = units.flatMap((unit) => source.read(unit));
  const described = sdpOfTracks(probe(units));
  assertEquals(described.unsupported, []);
  const remuxer = new RtpRemuxer(described.tracks, { maxPayloadSize: 1000 });
  const link = new RtpLink(described);
  const rtpUnits = [
    ...link.header,
    ...units.flatMap((unit) => link.send(remuxer.remux(unit), unit.dtsUs / 1000)),
    ...link.flush(),
  ];
  assertEquals(units, before, "the units were changed");
  assertEquals(remuxer.stats.dropped, 0);
  const tracks = link.ingests.map((ingest) => ingest.track);
  const reader = new FrameReader({ tracks });
  const received = rtpUnits.flatMap((unit) => reader.read(unit));
  assertEquals(reader.stats, { frames: received.length, broken: 0, dependent: 0, incomplete: 0 });
  const flv = new FlvRemuxer();
  flv.setTracks(tracks);
  const replay = new FrameReader();
  const replayed = rtpUnits.flatMap((unit) => unitsOfFlv(flv.remux(unit)))
    .flatMap((unit) => replay.read(unit));
  assertEquals(flv.unsupported, []);
  assertEquals(flv.stats.dropped, 0);
  return { sent, received, replayed, rtpUnits };
}

const CODECS: CodecName[] = [
  ...[
    "h264",
    "h265",
    "av1",
    "vp8",
    "vp9",
    "aac",
    "opus",
    "mp3",
    "pcma",
    "pcmu",
    "ac3",
    "eac3",
  ] as const,
];

for (const codec of CODECS) {
  Deno.test(`${codec} comes through FLV → RTP → FLV to the bit and in time`, () => {
    const fixture = load(codec);
    const { sent, received, replayed, rtpUnits } = travel(fixture, 3_600_000);
    assertEquals(sent.length, fixture.packets.length);
    if (codec !== "pcma" && codec !== "pcmu") {
      assertEquals(hashesOf(received), hashesOf(sent));
      assertEquals(hashesOf(replayed), hashesOf(sent));
      const relative = (frames: CodedFrame[]) => frames.map((f) => f.ptsUs - frames[0]!.ptsUs);
      for (const [i, ptsUs] of relative(sent).entries()) {
        assert(Math.abs(relative(received)[i]! - ptsUs) <= 1000, `frame ${i} in RTP`);
        assert(Math.abs(relative(replayed)[i]! - ptsUs) <= 1000, `frame ${i} in FLV`);
      }
      assertEquals(received.map((f) => f.keyFrame), fixture.packets.map(({ key }) => key));
      assertEquals(replayed.map((f) => f.keyFrame), fixture.packets.map(({ key }) => key));
    } else {
      // Samples are cut anew to fit packets; none is lost.
      const joined = (frames: CodedFrame[]) => frames.flatMap((f) => [...f.parts[0]!]);
      assertEquals(joined(received), joined(sent));
      assertEquals(joined(replayed), joined(sent));
    }
    const media = rtpUnits.filter(({ role }) => role === "media");
    for (const [i, { dtsUs, ptsUs }] of media.entries()) {
      assert(dtsUs >= 0 && dtsUs <= ptsUs, `unit ${i}: decoded at ${dtsUs}, shown at ${ptsUs}`);
      assert(i === 0 || dtsUs >= media[i - 1]!.dtsUs, `unit ${i} goes back in time`);
    }
  });
}

Deno.test("RtpTrackIngest gives B-frames the decoding times that they were sent with", () => {
  for (const codec of ["h264", "h265"] as const) {
    const { sent, received } = travel(load(codec));
    const shift = sent[0]!.ptsUs - received[0]!.ptsUs;
    // At the start there is no room below the first picture, which is shown at 0.
    for (const [i, frame] of received.entries()) {
      if (i >= 3) assertEquals(frame.dtsUs + shift, sent[i]!.dtsUs, `${codec} ${i}`);
    }
  }
});

Deno.test("FLV → RTP → frames never gives a corrupt picture, nor one that depends on a lost one", () => {
  for (const codec of ["h264", "h265"] as const) {
    const fixture = load(codec);
    const units = unitsOfFlv(flvBodies(fixture));
    const source = new FrameReader();
    const sent = hashesOf(units.flatMap((unit) => source.read(unit)));
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const described = sdpOfTracks(probe(units));
      const remuxer = new RtpRemuxer(described.tracks, { maxPayloadSize: 300 });
      const link = new RtpLink(described, { lose: () => random() < 0.03 });
      const rtpUnits = [
        ...units.flatMap((unit) => link.send(remuxer.remux(unit), unit.dtsUs / 1000)),
        ...link.flush(),
      ];
      const reader = new FrameReader({ tracks: described.tracks });
      const kept = new FrameReader({ tracks: described.tracks, afterLoss: "keep" });
      const frames = rtpUnits.flatMap((unit) => reader.read(unit));
      const all = rtpUnits.flatMap((unit) => kept.read(unit));
      const numbers = hashesOf(frames).map((hash) => sent.indexOf(hash));
      assert(!numbers.includes(-1), `${codec}, seed ${seed}: a corrupt picture`);
      assert(!hashesOf(all).some((hash) => !sent.includes(hash)), `${codec}, seed ${seed}`);
      for (const [i, number] of numbers.entries()) {
        const follows = number === (numbers[i - 1] ?? -1) + 1;
        assert(follows || fixture.packets[number]!.key, `${codec}, seed ${seed}: ${numbers}`);
      }
      const { broken, dependent } = reader.stats;
      if (link.lost === 0) assertEquals([broken, dependent], [0, 0]);
      if (frames.length < sent.length) assert(link.lost > 0);
    }
  }
});

Deno.test("RtpRemuxer keeps within 1 ms of RTMP's milliseconds for an hour, for any clock", () => {
  for (const clockRate of [44100, 48000, 22050]) {
    const config = { 44100: [0x12, 0x10], 48000: [0x11, 0x90], 22050: [0x13, 0x90] }[clockRate]!;
    const track: Track = { kind: "audio", id: 0, codec: "aac", config: Uint8Array.from(config) };
    const remuxer = new RtpRemuxer(sdpOfTracks([track]).tracks);
    let worst = 0;
    for (let frame = 0; frame * 1024 < clockRate * 3600; frame += 97) {
      const exactMs = (frame * 1024 * 1000) / clockRate;
      // Begins shortly before RTMP's 32 bits wrap, which the session has undone.
      const timeUs = (2 ** 32 + Math.floor(exactMs)) * 1000;
      const [packet] = remuxer.remux({
        kind: "audio",
        role: "media",
        track: 0,
        dtsUs: timeUs,
        ptsUs: timeUs,
        keyFrame: true,
        discardable: true,
        payload: { format: "flv", body: new Uint8Array([0xaf, 1, 0x21]) },
      });
      const start = BigInt(2 ** 32) * BigInt(clockRate) / 1000n;
      const expected = Number(BigInt.asUintN(32, start + BigInt(frame * 1024)));
      worst = Math.max(worst, Math.abs((packet!.timestamp - expected) | 0) / clockRate * 1000);
    }
    assert(worst <= 1.001, `${clockRate}: ${worst} ms`);
  }
});

Deno.test("RTP → FLV keeps within 1 ms of the RTP clock for an hour, over its wrap", () => {
  const track: Track = {
    kind: "audio",
    id: 0,
    codec: "aac",
    config: Uint8Array.from([0x12, 0x10]),
  };
  const described = sdpOfTracks([track]);
  const link = new RtpLink(described, { timestampOffsets: [2 ** 32 - 1000] });
  const flv = new FlvRemuxer();
  flv.setTracks(described.tracks);
  flv.headers(0);
  let frame = 0;
  for (; frame * 1024 < 44100 * 3600; frame += 50) {
    const payload = new Uint8Array([0, 16, 0, 8, 0x21]);
    const packet = { track: 0, timestamp: frame * 1024, marker: true, payload };
    const exactUs = (frame * 1024 * 1_000_000) / 44100;
    // It arrives with jitter, which must not matter.
    const [unit] = link.send([packet], exactUs / 1000 + (frame % 7));
    const [body] = flv.remux(unit!);
    assert(Math.abs(body!.dtsUs - exactUs) <= 1, `frame ${frame}`);
  }
  assertEquals(flv.stats.bodies, frame / 50);
});

Deno.test("audio and video of one publisher stay together through RTP and FLV", () => {
  const video = flvBodies(load("vp8"), 1000), audio = flvBodies(load("opus"), 1000);
  const units = unitsOfFlv([...video, ...audio].sort((a, b) => a.dtsUs - b.dtsUs));
  const described = sdpOfTracks(probe(units));
  const remuxer = new RtpRemuxer(described.tracks);
  const link = new RtpLink(described);
  const rtpUnits = units.flatMap((unit) => link.send(remuxer.remux(unit), unit.dtsUs / 1000));
  const reader = new FrameReader({ tracks: described.tracks });
  const frames = rtpUnits.flatMap((unit) => reader.read(unit));
  const source = new FrameReader();
  const sent = units.flatMap((unit) => source.read(unit));
  const skew = (all: CodedFrame[], kind: string) =>
    all.filter((frame) => frame.kind === kind).map(({ ptsUs }) => ptsUs);
  for (const kind of ["video", "audio"]) {
    const expected = skew(sent, kind).map((ptsUs) => ptsUs - 1_000_000);
    for (const [i, ptsUs] of skew(frames, kind).entries()) {
      assert(Math.abs(ptsUs - expected[i]!) < 40_000, `${kind} ${i}`);
    }
  }
  assert(isVideo("vp8") && !isVideo("opus"));
});
