import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  buildAudioBody,
  buildOnMetaData,
  buildVideoBody,
  type OnMetaData,
} from "../../src/flv/mod.ts";
import { type CodecName, joinLengthPrefixed, parseAvcConfig } from "../../src/media/mod.ts";
import {
  type FlvBody,
  FlvTrackProbe,
  type MediaUnit,
  sdpOfTracks,
} from "../../src/transmux/mod.ts";
import { bodyOf, flvBodies, load, unitsOfFlv } from "./support.ts";

function metadata(fields: OnMetaData): FlvBody {
  return { kind: "data", dtsUs: 0, body: buildOnMetaData(fields) };
}

/** How many units the probe wants before it is complete; and its tracks then. */
function probeUntilComplete(bodies: readonly FlvBody[]): { taken: number; probe: FlvTrackProbe } {
  const probe = new FlvTrackProbe();
  let taken = 0;
  for (const unit of unitsOfFlv(bodies)) {
    if (probe.complete) break;
    probe.take(unit);
    taken++;
  }
  return { taken, probe };
}

Deno.test("FlvTrackProbe learns tracks and what players must know of them", () => {
  const expected: [CodecName, object][] = [
    ["h264", { width: 192, height: 108 }],
    ["h265", { width: 192, height: 108 }],
    ["av1", { width: 192, height: 108 }],
    ["vp8", { width: 192, height: 108 }],
    ["vp9", { width: 192, height: 108 }],
    ["aac", { sampleRate: 44100, channels: 2 }],
    ["opus", { sampleRate: 48000, channels: 2 }],
    ["mp3", { sampleRate: 44100, channels: 2 }],
    ["pcma", { sampleRate: 8000, channels: 1 }],
    ["ac3", { sampleRate: 48000, channels: 2 }],
    ["flac", { sampleRate: 48000, channels: 1 }],
  ];
  for (const [codec, facts] of expected) {
    const probe = new FlvTrackProbe();
    for (const unit of unitsOfFlv(flvBodies(load(codec))).slice(0, 2)) probe.take(unit);
    assertEquals(probe.tracks.length, 1, codec);
    const [track] = probe.tracks;
    assertEquals({ ...track, ...facts }, track, codec);
    assertEquals([track?.codec, track?.id], [codec, 0]);
    const isConfigured = !["mp3", "pcma"].includes(codec);
    assertEquals(track?.config !== undefined, isConfigured, codec);
  }
});

Deno.test("FlvTrackProbe awaits what onMetaData announces, and no more", () => {
  const video = flvBodies(load("h264")).slice(0, 3);
  const audio = flvBodies(load("aac")).slice(0, 3);
  const both = probeUntilComplete([
    metadata({ hasVideo: true, hasAudio: true }),
    ...video,
    ...audio,
  ]);
  assertEquals(both.taken, 5);
  const one = probeUntilComplete([metadata({ hasVideo: true }), ...video, ...audio]);
  assertEquals(one.taken, 2);
  const silent = probeUntilComplete([...audio, ...video]);
  assertEquals(silent.taken, 4);
  assertEquals(silent.probe.tracks.map(({ kind }) => kind), ["video", "audio"]);
  const empty = probeUntilComplete([metadata({}), ...audio, ...video]);
  assertEquals(empty.taken, 5);
});

Deno.test("FlvTrackProbe does not wait for ever for audio that never comes (M072)", () => {
  const bodies = [metadata({ hasVideo: true, hasAudio: true }), ...flvBodies(load("vp8"))];
  const { probe } = probeUntilComplete(bodies);
  assert(!probe.complete);
  const later = flvBodies(load("vp8"), 2000).slice(-1);
  for (const unit of unitsOfFlv(later)) probe.take(unit);
  assert(probe.complete);
  assertEquals(probe.tracks.map(({ codec }) => codec), ["vp8"]);
});

Deno.test("FlvTrackProbe follows a change of configuration and of codec", () => {
  const probe = new FlvTrackProbe();
  const take = (units: readonly MediaUnit[]) => units.forEach((unit) => probe.take(unit));
  take(unitsOfFlv([...flvBodies(load("h264")), ...flvBodies(load("aac"))]));
  assert(probe.complete);
  take(unitsOfFlv([{
    kind: "audio",
    dtsUs: 0,
    body: bodyOf("aac", { config: true, data: new Uint8Array([0x11, 0x90]) }),
  }]));
  assertEquals(probe.tracks[1]?.sampleRate, 48000);
  take(unitsOfFlv(flvBodies(load("h265"))));
  assertEquals(probe.tracks.map(({ codec }) => codec), ["h265", "aac"]);
});

Deno.test("FlvTrackProbe knows the tracks of multitrack bodies, and codecs that have no name here", () => {
  const probe = new FlvTrackProbe();
  const { config } = load("h264");
  const video = buildVideoBody({
    form: "enhanced",
    frameType: 1,
    packetType: 0,
    modEx: [],
    multitrack: 1,
    tracks: [3, 1].map((trackId) => ({
      trackId,
      fourCc: "avc1",
      compositionTimeMs: 0,
      data: config,
    })),
  });
  const speex = buildAudioBody({
    form: "legacy",
    soundFormat: 11,
    soundRate: 1,
    soundSize: 1,
    soundType: 0,
    packetType: undefined,
    data: new Uint8Array([1]),
  });
  const units = unitsOfFlv([
    { kind: "video", dtsUs: 0, body: video },
    { kind: "audio", dtsUs: 0, body: speex },
  ]);
  for (const unit of units) probe.take(unit);
  assertEquals(probe.tracks.map(({ kind, id, codec }) => [kind, id, codec]), [
    ["video", 1, "h264"],
    ["video", 3, "h264"],
    ["audio", 0, undefined],
  ]);
  assert(probe.complete);
});

Deno.test("FlvTrackProbe throws for no truncation of a body", () => {
  const bodies = [
    metadata({ width: 1, hasAudio: true }),
    ...flvBodies(load("h264")).slice(0, 2),
    ...flvBodies(load("av1")).slice(0, 2),
    ...flvBodies(load("opus")).slice(0, 2),
    ...flvBodies(load("mp3")).slice(0, 2),
  ];
  for (const { kind, dtsUs, body } of bodies) {
    for (let end = 0; end < Math.min(body.length, 100); end++) {
      const probe = new FlvTrackProbe();
      for (const unit of unitsOfFlv([{ kind, dtsUs, body: body.subarray(0, end) }])) {
        probe.take(unit);
      }
    }
  }
});

/** An enhanced body that announces a codec and says nothing of it, as FFmpeg's has none for AC-3. */
const EMPTY_START: FlvBody = {
  kind: "audio",
  dtsUs: 0,
  body: bodyOf("ac3", { config: true, data: new Uint8Array(0) }),
};

for (const [what, start] of [["no", []], ["an empty", [EMPTY_START]]] as const) {
  Deno.test(`FlvTrackProbe takes AC-3's sound from its frames, behind ${what} sequence start`, () => {
    const frames = flvBodies(load("ac3"));
    const announced = metadata({ hasAudio: true, audioCodec: "ac3" });
    const { taken, probe } = probeUntilComplete([announced, ...start, ...frames]);
    assertEquals(taken, 1 + start.length + 1);
    assertEquals([probe.tracks[0]?.sampleRate, probe.tracks[0]?.channels], [48_000, 2]);
    const { tracks, unsupported } = sdpOfTracks(probe.tracks);
    assertEquals(unsupported, []);
    assertEquals([tracks[0]?.rtp.encodingName, tracks[0]?.rtp.clockRate], ["AC3", 48_000]);
  });
}

Deno.test("FlvTrackProbe awaits no header of what can be told without: Opus, H.264 with sets in band", () => {
  const opus = flvBodies(load("opus")).slice(1);
  const sound = probeUntilComplete([metadata({ hasAudio: true }), ...opus]);
  assertEquals([sound.taken, sdpOfTracks(sound.probe.tracks).tracks.length], [2, 1]);

  const { config, packets } = load("h264");
  const { sps, pps } = parseAvcConfig(config);
  const data = concat([joinLengthPrefixed([...sps, ...pps]), packets[0]!.data]);
  const body = bodyOf("h264", { config: false, data });
  const video = probeUntilComplete([
    metadata({ hasVideo: true }),
    { kind: "video", dtsUs: 0, body },
  ]);
  assertEquals(video.probe.complete, true);
  assertEquals([video.probe.tracks[0]?.width, video.probe.tracks[0]?.height], [192, 108]);
});
