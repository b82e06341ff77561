/** HLS out of streams, in simulated time: what players are told, and what they fetch. */
import { createHash } from "node:crypto";
import { assert, assertAlmostEquals, assertEquals, assertLess, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { HlsDirectives } from "../../src/hls/mod.ts";
import { Hub, type Publication, type Stream } from "../../src/hub/mod.ts";
import { type CodecName, type MediaUnit, parseMp3Header, type Track } from "../../src/media/mod.ts";
import { type HlsAnswer, HlsPackager, type HlsPackagingOptions } from "../../src/wire/mod.ts";
import { frameBytes, FrameReader } from "../../src/transmux/mod.ts";
import {
  checkPlaylist,
  checkUpdate,
  type ReadPlaylist,
  readPlaylist,
  type ReadSegment,
} from "../support/hls_rules.ts";
import { parse, types } from "../support/hls_parser.ts";
import { probe } from "../support/probe.ts";
import { TurnedClock } from "../support/turned_clock.ts";
import { flvBodies, load, unitsOfFlv } from "../transmux/support.ts";

/** 2026-11-27T12:00:00Z, when simulated time begins. */
const START_UNIX_US = 1_795_780_800_000_000;

/** A stream in simulated time, and its packager. */
class Packaging implements Disposable {
  readonly clock = new TurnedClock();
  readonly hub = new Hub({ clock: this.clock, lingerMs: 0, maxGopBytes: 1e6 });
  readonly stream: Stream = this.hub.stream("live/cam");
  publication: Publication<Stream>;
  packager!: HlsPackager;
  #nowMs = 0;

  constructor(tracks?: readonly Track[]) {
    this.publication = this.stream.publish(tracks === undefined ? {} : { tracks });
  }

  package(options: HlsPackagingOptions = {}): void {
    this.packager = new HlsPackager(this.stream, {
      clock: this.clock,
      nowUnixUs: () => START_UNIX_US + this.clock.now() * 1000,
      id: "abc",
      ...options,
    });
  }

  /** Sends units, each when it is due. */
  send(units: readonly MediaUnit[]): void {
    for (const unit of units) {
      const dueMs = unit.dtsUs / 1000;
      if (dueMs > this.#nowMs) {
        this.clock.turn(dueMs - this.#nowMs);
        this.#nowMs = dueMs;
      }
      this.publication.write(unit);
    }
    this.publication.commit();
  }

  async text(query: { msn?: number; part?: number; skip?: "YES" } = {}): Promise<string> {
    const { bytes } = there(await this.packager.playlist("main", query));
    return new TextDecoder().decode(bytes);
  }

  async playlist(query: { msn?: number; part?: number; skip?: "YES" } = {}): Promise<ReadPlaylist> {
    const playlist = readPlaylist(await this.text(query));
    checkPlaylist(playlist);
    return playlist;
  }

  async file(uri: string): Promise<Uint8Array> {
    return there(await this.packager.file(uri)).bytes;
  }

  [Symbol.dispose](): void {
    this.packager?.close();
    this.hub.close();
  }
}

function there<T>(answer: HlsAnswer<T>): T {
  assert(answer.is === "there", JSON.stringify(answer));
  return answer.value;
}

/** A fixture again and again, so many times, as an RTMP publisher would send it. */
function repeated(codec: CodecName, times: number, startMs = 0): MediaUnit[] {
  const fixture = load(codec);
  const bodies = flvBodies(fixture);
  const { packets } = fixture;
  const frameUs = packets.at(-1)!.dtsUs / (packets.length - 1) - packets[0]!.dtsUs;
  const stepMs = Math.round(frameUs * packets.length / 1000);
  const all = Array.from(
    { length: times },
    (_, index) =>
      bodies.filter((_body, at) => index === 0 || at > 0 || codec === "mp3" || codec === "ac3")
        .map((body) => ({ ...body, dtsUs: body.dtsUs + (startMs + index * stepMs) * 1000 })),
  );
  return unitsOfFlv(all.flat());
}

function inOrder(...lists: readonly (readonly MediaUnit[])[]): MediaUnit[] {
  return lists.flat().toSorted((a, b) => a.dtsUs - b.dtsUs);
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

Deno.test("HlsPackager's playlists hold the rules, part after part", async () => {
  using weir = new Packaging();
  weir.package();
  const units = inOrder(repeated("h264", 30), repeated("aac", 28));
  let before: ReadPlaylist | undefined;
  let changes = 0;
  let last = "";
  for (const [index, unit] of units.entries()) {
    weir.send([unit]);
    if (unit.dtsUs < 3_000_000 || index % 3 > 0) continue;
    const text = await weir.text();
    if (text === last) continue;
    last = text;
    changes++;
    const playlist = readPlaylist(text);
    checkPlaylist(playlist);
    if (before !== undefined) checkUpdate(before, playlist);
    before = playlist;
  }
  assert(changes > 100, `${changes} playlists were seen`);
  assertEquals(before!.segments.length, 10);
  assert(before!.mediaSequence > 0);
  assert(before!.segments.every(({ parts }) => parts.length === 0 || parts[0]!.independent));
});

Deno.test("HlsPackager tells codecs, size, frame rate and bandwidth", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(inOrder(repeated("h264", 4), repeated("aac", 4)));
  const text = there(await weir.packager.multivariant("hls/token/"));
  const playlist = parse(text);
  assert(playlist instanceof types.MasterPlaylist);
  const [variant] = playlist.variants;
  assertMatch(variant!.codecs!, /^avc1\.[0-9a-f]{6},mp4a\.40\.2$/);
  assertEquals(variant!.resolution, { width: 192, height: 108 });
  assertEquals(variant!.frameRate, 25);
  assertEquals(variant!.uri, "hls/token/main.m3u8");
  const media = await weir.playlist();
  const rates = await Promise.all(
    media.segments.map(async ({ uri, durationS }) => (await weir.file(uri)).length * 8 / durationS),
  );
  assert(Math.max(...rates) <= variant!.bandwidth);
  assert(variant!.averageBandwidth! < variant!.bandwidth);
});

const PAIRS: readonly (readonly CodecName[])[] = [
  ["h264", "aac"],
  ["h265", "opus"],
  ["av1", "mp3"],
  ["vp9", "flac"],
  ["h264", "ac3"],
  ["aac"],
];

/** The packets of all segments of a playlist; of none where there is no such one. */
async function packetsOf(weir: Packaging, name: string) {
  const answer = await weir.packager.playlist(name, {});
  if (answer.is === "absent") return [];
  const { segments } = readPlaylist(new TextDecoder().decode(there(answer).bytes));
  const bytes = await Promise.all(segments.map(({ uri }) => weir.file(uri)));
  const { map } = segments[0]!;
  if (map === undefined) return bytes.flatMap(packedPackets);
  return (await probe(concat([await weir.file(map), ...bytes]), { extension: "mp4" })).packets;
}

/** The packets of a segment of packed MP3: each piece has its time in front, and says of each frame how long it is. */
function packedPackets(bytes: Uint8Array) {
  const packets: { readonly kind: "audio"; readonly ptsMs: number; readonly md5: string }[] = [];
  let ptsMs = NaN;
  for (let at = 0; at < bytes.length;) {
    if (new TextDecoder().decode(bytes.subarray(at, at + 3)) === "ID3") {
      ptsMs = Number(new DataView(bytes.buffer, bytes.byteOffset + at + 65, 8).getBigUint64(0)) /
        90;
      at += 73;
      continue;
    }
    const { frameSize, samplesPerFrame, sampleRate } = parseMp3Header(bytes.subarray(at));
    packets.push({ kind: "audio", ptsMs, md5: md5(bytes.subarray(at, at + frameSize)) });
    ptsMs += samplesPerFrame * 1000 / sampleRate;
    at += frameSize;
  }
  return packets;
}

for (const codecs of PAIRS) {
  Deno.test(`HlsPackager gives ${codecs.join(" with ")} frame for frame, by segments and by parts`, async () => {
    using weir = new Packaging();
    weir.package({ segmentMs: 500, segments: 100 });
    const all = codecs.map((codec) => repeated(codec, 4));
    // Sound that goes on without a picture has no key frame to end its segment at.
    const end = all[0]!.at(-1)!.dtsUs;
    const isApart = codecs[1] === "mp3" || codecs[1] === "ac3" || codecs[1] === "eac3";
    const units = inOrder(...all).filter(({ dtsUs }) => !isApart || dtsUs <= end);
    weir.send(units);
    weir.publication.release();
    weir.clock.turn(1);
    const playlist = await weir.playlist();
    assert(playlist.isEnded);
    assert(playlist.segments.length >= 3, `${playlist.segments.length} segments`);
    const packets = [...await packetsOf(weir, "main"), ...await packetsOf(weir, "audio1")];
    const segments = await Promise.all(playlist.segments.map(({ uri }) => weir.file(uri)));
    const reader = new FrameReader();
    const frames = units.flatMap((unit) => reader.read(unit));
    for (const kind of ["video", "audio"] as const) {
      const published = frames.filter((frame) => frame.kind === kind);
      const played = packets.filter((packet) => packet.kind === kind);
      assertEquals(played.length, published.length, `${kind} up to ${end}`);
      for (const [index, frame] of published.entries()) {
        assertEquals(played[index]!.md5, md5(frameBytes(frame, { parameterSets: "leave-out" })));
        assertAlmostEquals(played[index]!.ptsMs, frame.ptsUs / 1000, 2.6);
      }
    }
    for (const [index, { msn }] of playlist.segments.entries()) {
      const parts: Uint8Array[] = [];
      for (let part = 0;; part++) {
        const answer = await weir.packager.file(`main.abc.${msn}.${part}.m4s`);
        if (answer.is !== "there") break;
        parts.push(answer.value.bytes);
      }
      assertEquals(md5(concat(parts)), md5(segments[index]!), "parts are what the segment is");
    }
  });
}

Deno.test("MP3 alone is packed: frames behind a tag that has their time, and no parts", async () => {
  using weir = new Packaging();
  weir.package({ segmentMs: 500 });
  const units = repeated("mp3", 4);
  weir.send(units);
  weir.publication.release();
  weir.clock.turn(1);
  const answer = await weir.packager.playlist("main", {});
  const { segments } = readPlaylist(new TextDecoder().decode(there(answer).bytes));
  assert(segments.length >= 3);
  const reader = new FrameReader();
  const frames = units.flatMap((unit) => reader.read(unit));
  for (const { uri, map, parts } of segments) {
    assertMatch(uri, /\.mp3$/);
    assertEquals([map, parts.length], [undefined, 0]);
    const packets = packedPackets(await weir.file(uri));
    assert(packets.length > 0);
    for (const { ptsMs, md5: sum } of packets) {
      const frame = frames.shift()!;
      assertAlmostEquals(ptsMs, frame.ptsUs / 1000, 1);
      assertEquals(sum, md5(frameBytes(frame)));
    }
  }
  assertEquals(frames.length, 0);
});

Deno.test("MP3 beside a picture is packed too: in segments, or in pieces whose players are no further behind", async () => {
  using weir = new Packaging();
  weir.package();
  const sound = repeated("mp3", 40).filter(({ dtsUs }) => dtsUs < 19_000_000);
  const units = inOrder(repeated("h264", 20), sound);
  const half = units.findIndex(({ dtsUs }) => dtsUs >= 6_000_000);
  weir.send(units.slice(0, half));
  for (const [takesPieces, main, audio] of [[false, "main", "audio1"], [true, "near", "pieces1"]]) {
    const options = { takesPieces: takesPieces === true };
    const multivariant = parse(there(await weir.packager.multivariant("a/", options)));
    assert(multivariant instanceof types.MasterPlaylist);
    const [variant, ...more] = multivariant.variants;
    // hls.js leaves out a sound whose name browsers do not know of MP4.
    assertMatch(variant!.codecs!, /^avc1\.\w+$/);
    assertEquals(variant!.uri, `a/${main}.m3u8`);
    const sounds = variant!.audio.map(({ uri, isDefault }) => [uri, isDefault]);
    assertEquals([sounds, more], [[[`a/${audio}.m3u8`, true]], []]);
  }
  const read = async (name: string, query: HlsDirectives = {}) => {
    const { bytes } = there(await weir.packager.playlist(name, query));
    const text = new TextDecoder().decode(bytes);
    const playlist = readPlaylist(text);
    return { ...playlist, text };
  };
  const before = await read("pieces1");
  const asked = read("pieces1", { msn: before.segments.at(-1)!.msn + 1 });
  weir.send(units.slice(half));
  checkUpdate(before, await asked);

  const [main, near] = [await read("main"), await read("near")];
  const [whole, pieces] = [await read("audio1"), await read("pieces1")];
  for (const playlist of [main, near, pieces]) checkPlaylist(playlist);
  const leastS = 3 * main.partTargetS!;
  assertAlmostEquals(near.partHoldBackS!, leastS, 0.0001);
  assertAlmostEquals(main.partHoldBackS!, leastS + main.targetDurationS, 0.0001);
  assertEquals(near.segments, main.segments);
  assert(!/PART|MAP|SERVER-CONTROL/.test(whole.text), whole.text);
  assert(!/PART|MAP|HINT/.test(pieces.text), pieces.text);
  assertEquals([pieces.canBlock, pieces.targetDurationS], [true, main.targetDurationS]);
  for (
    const [playlist, name, of] of [[main, "audio1", whole], [near, "pieces1", pieces]] as const
  ) {
    const last = of.segments.at(-1)!.msn;
    const report = `#EXT-X-RENDITION-REPORT:URI="${name}.m3u8",LAST-MSN=${last}`;
    assertEquals(playlist.reports.at(-1), report);
  }
  // The sound begins and ends with the pictures that are listed, and none of it is missing or told wrongly.
  const endMs = (of: ReadSegment) => of.programDateTimeMs! + of.durationS * 1000;
  const startMs = main.segments[0]!.programDateTimeMs!;
  assertAlmostEquals(pieces.segments[0]!.programDateTimeMs!, startMs, 1000 * main.partTargetS!);
  assertLess(endMs(main.segments.at(-1)!) - endMs(pieces.segments.at(-1)!), 300);
  let at = pieces.segments[0]!.programDateTimeMs!;
  const reader = new FrameReader();
  const frames = sound.flatMap((unit) => reader.read(unit));
  const times: number[] = [];
  for (const { uri, durationS, programDateTimeMs } of pieces.segments) {
    assertLess(durationS, main.partTargetS! + 0.0001);
    assertAlmostEquals(programDateTimeMs!, at, 1.5);
    at = programDateTimeMs! + durationS * 1000;
    times.push(...packedPackets(await weir.file(uri)).map(({ ptsMs }) => ptsMs));
  }
  const listed = frames.map(({ ptsUs }) => ptsUs / 1000).filter((ms) => ms >= times[0]! - 12);
  for (const [index, ms] of times.entries()) assertAlmostEquals(ms, listed[index]!, 12);

  // Players that have the playlist are sent what is new.
  const skipped = await read("pieces1", { msn: pieces.segments.at(-1)!.msn, skip: "YES" });
  assert(skipped.skipped > 0 && skipped.segments.length < pieces.segments.length);
  weir.publication = weir.stream.publish({ conflict: "takeover" });
  weir.send(inOrder(repeated("h264", 4, 30_000), repeated("mp3", 4, 30_000)));
  for (const name of ["near", "audio1", "pieces1"]) {
    const { segments } = await read(name);
    assertEquals(segments.filter(({ discontinuity }) => discontinuity).length, 1, name);
  }
});

Deno.test("a playlist that is asked for by its number waits for it, and for no longer than three target durations", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(repeated("h264", 3));
  const now = await weir.playlist();
  const msn = now.mediaSequence + now.segments.length;
  const part = now.openParts.length;
  const asked = weir.playlist({ msn, part });
  let isThere = false;
  void asked.then(() => isThere = true);
  await weir.clock.turnSlowly(0);
  assertEquals(isThere, false);
  const hinted = weir.file(now.hint!);
  weir.send(repeated("h264", 1, 2880).slice(1));
  const after = await asked;
  assertEquals(after.openParts.length > part || after.segments.at(-1)!.msn >= msn, true);
  assertEquals((await hinted).length > 0, true);
  const { openMsn } = { openMsn: after.mediaSequence + after.segments.length };
  const late = weir.packager.playlist("main", { msn: openMsn + 1 });
  await weir.clock.turnSlowly(3 * after.targetDurationS * 1000);
  assertEquals((await late).is, "late");
  assertEquals((await weir.packager.playlist("main", { msn: openMsn + 2 })).is, "too-far");
  assertEquals((await weir.packager.playlist("main", { msn: openMsn, part: 40 })).is, "too-far");
  assertEquals((await weir.packager.playlist("other", {})).is, "absent");
  assertEquals((await weir.packager.file("main.abc.99.m4s")).is, "absent");
  assertEquals((await weir.packager.file("main.xyz.0.m4s")).is, "absent");
});

Deno.test("thousands who wait for the same part are told with one timer", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(repeated("h264", 3));
  const now = await weir.playlist();
  const before = weir.clock.pending;
  const msn = now.mediaSequence + now.segments.length;
  const asked = Array.from(
    { length: 5000 },
    () => weir.packager.playlist("main", { msn, part: now.openParts.length }),
  );
  await weir.clock.turnSlowly(0);
  assertEquals(weir.clock.pending - before, 1);
  weir.send(repeated("h264", 1, 2880).slice(1));
  const bytes = new Set((await Promise.all(asked)).map((answer) => there(answer).bytes));
  assertEquals(bytes.size, 1, "all have the same bytes");
});

Deno.test("an update leaves out what the player has", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(inOrder(repeated("h264", 30), repeated("aac", 28)));
  const whole = await weir.playlist();
  const update = await weir.playlist({ skip: "YES" });
  assert(update.skipped > 0);
  assertEquals(
    update.segments.map(({ uri }) => uri),
    whole.segments.slice(update.skipped).map(
      ({ uri }) => uri,
    ),
  );
  const keptS = update.segments.reduce((sum, { durationS }) => sum + durationS, 0) +
    update.openParts.reduce((sum, { durationS }) => sum + durationS, 0);
  assert(keptS <= update.canSkipUntilS! && keptS > update.canSkipUntilS! - 2);
});

Deno.test("a segment that has left the playlist stays for as long as a player may ask for it", async () => {
  using weir = new Packaging();
  weir.package({ segments: 4 });
  weir.send(repeated("h264", 8));
  const [first] = (await weir.playlist()).segments;
  weir.send(repeated("h264", 4, 8 * 960).slice(1));
  const later = await weir.playlist();
  assert(later.mediaSequence > first!.msn);
  assertEquals((await weir.packager.file(first!.uri)).is, "there");
  weir.send(repeated("h264", 12, 12 * 960).slice(1));
  assertEquals((await weir.packager.file(first!.uri)).is, "absent");
});

Deno.test("another publisher, and other tracks, are a discontinuity with an initialization segment of their own", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(repeated("h264", 4));
  const before = await weir.playlist();
  weir.publication = weir.stream.publish({ conflict: "takeover" });
  weir.send(repeated("h264", 4, 10_000));
  weir.send(repeated("h265", 4, 20_000));
  const playlist = await weir.playlist();
  checkUpdate(before, playlist);
  const cuts = playlist.segments.filter(({ discontinuity }) => discontinuity);
  assertEquals(cuts.length, 2);
  assertEquals(new Set(playlist.segments.map(({ map }) => map)).size, 3);
  weir.send(repeated("h265", 30, 24_000).slice(1));
  const later = await weir.playlist();
  assertEquals([later.discontinuitySequence, later.segments.some((s) => s.discontinuity)], [
    2,
    false,
  ]);
});

Deno.test("PROGRAM-DATE-TIME is when a picture came, and goes on with the segments", async () => {
  using weir = new Packaging();
  weir.send(repeated("h264", 1));
  weir.package();
  weir.send(repeated("h264", 5, 960).slice(1));
  const { segments } = await weir.playlist();
  const [first] = segments;
  const { ptsUs } = load("h264").packets.find(({ key }) => key)!;
  const file = await probe(
    concat([await weir.file(first!.map!), await weir.file(first!.uri)]),
    { extension: "mp4" },
  );
  const startMs = file.packets[0]!.ptsMs;
  assertAlmostEquals(first!.programDateTimeMs! - START_UNIX_US / 1000, startMs, 100 + ptsUs / 1000);
  for (const [index, { programDateTimeMs, durationS }] of segments.slice(0, -1).entries()) {
    assertAlmostEquals(
      segments[index + 1]!.programDateTimeMs! - programDateTimeMs!,
      durationS * 1000,
      2,
    );
  }
});

Deno.test("PROGRAM-DATE-TIME goes by the sender's clock where it is known", async () => {
  using weir = new Packaging();
  const camera: { epochUnixUs?: number } = {};
  weir.publication = weir.stream.publish({
    conflict: "takeover",
    epochUnixUs: () => camera.epochUnixUs,
  });
  weir.package();
  weir.send(repeated("h264", 3));
  // 2001-09-09T01:46:40Z: a camera whose clock nobody has set.
  camera.epochUnixUs = 1e15;
  weir.send(repeated("h264", 3, 2880).slice(1));
  const { segments } = await weir.playlist();
  assert(segments[0]!.programDateTimeMs! > 1.7e12);
  const startS = segments.slice(0, -1).reduce((sum, { durationS }) => sum + durationS, 0);
  assertAlmostEquals(segments.at(-1)!.programDateTimeMs!, 1e12 + 80 + startS * 1000, 1);
});

Deno.test("a stream whose key frames are far apart has segments that are no longer than it said", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(repeated("h264", 3));
  const { targetDurationS } = await weir.playlist();
  const rest = repeated("h264", 12, 2880).slice(1).map((unit) => ({ ...unit, keyFrame: false }));
  // The pictures of another key frame follow without any being one.
  weir.send(rest.filter(({ payload }) => payload.format === "flv" && payload.body[0] !== 0x17));
  // Pictures are missing: parts have gaps.
  const playlist = readPlaylist(await weir.text(), { strict: false });
  assertEquals(playlist.targetDurationS, targetDurationS);
  for (const { durationS } of playlist.segments) assert(Math.round(durationS) <= targetDurationS);
  assert(playlist.segments.some(({ parts }) => parts.length > 0 && !parts[0]!.independent));
});

Deno.test("the first viewer gets what was kept at once where it is known how far key frames are apart", async () => {
  using weir = new Packaging();
  const units = inOrder(repeated("h264", 14), repeated("aac", 22));
  const at = (ms: number) => units.findIndex(({ dtsUs }) => dtsUs >= ms * 1000);
  // A key frame each 480 ms: at 2.3 s some 380 ms are kept.
  weir.send(units.slice(0, at(2300)));
  weir.package({ segmentMs: 1500 });
  weir.send(units.slice(at(2300), at(2400)));
  assertEquals((await weir.packager.multivariant("")).is, "there");
  let before = await weir.playlist();
  const [kept] = before.segments;
  assertEquals(before.segments.length, 1);
  assert(kept!.durationS > 0.38 && kept!.parts[0]!.independent, JSON.stringify(kept));
  // The longest there will be: four groups of pictures.
  assertEquals(before.targetDurationS, 2);
  for (const unit of units.slice(at(2400))) {
    weir.send([unit]);
    const playlist = await weir.playlist();
    checkUpdate(before, playlist);
    before = playlist;
  }
  // What is cut off ends with its group, and all that follows begins with a key frame.
  assertEquals(before.segments.map(({ durationS }) => durationS > 1.9), [
    ...[false, false],
    ...Array(before.segments.length - 2).fill(true),
  ]);
  assert(before.segments.length > 4, `${before.segments.length} segments`);
});

Deno.test("further audio tracks have playlists of their own that tell of each other", async () => {
  const tracks: Track[] = [
    { kind: "video", id: 0, codec: "h264", config: load("h264").config },
    { kind: "audio", id: 0, codec: "aac", config: load("aac").config },
    { kind: "audio", id: 1, codec: "aac", config: load("aac").config },
  ];
  using weir = new Packaging(tracks);
  weir.package();
  const units = tracks.flatMap(({ kind, id, codec }) => {
    const { packets } = load(codec!);
    const stepUs = packets.at(-1)!.dtsUs * packets.length / (packets.length - 1);
    return Array.from(
      { length: Math.ceil(5_760_000 / stepUs) },
      (_, times) =>
        packets.map(({ dtsUs, ptsUs, key, data }): MediaUnit => ({
          ...{ kind, role: "media", track: id, keyFrame: key, discardable: false },
          dtsUs: Math.round(dtsUs + times * stepUs),
          ptsUs: Math.round(ptsUs + times * stepUs),
          payload: { format: "access-unit", data },
        })),
    ).flat();
  });
  weir.send(units.toSorted((a, b) => a.dtsUs - b.dtsUs));
  const multivariant = parse(there(await weir.packager.multivariant()));
  assert(multivariant instanceof types.MasterPlaylist);
  const { audio } = multivariant.variants[0]!;
  assertEquals(audio.map(({ uri, isDefault }) => [uri, isDefault]), [
    [undefined, true],
    ["audio1.m3u8", false],
  ]);
  const main = await weir.playlist();
  assertMatch(main.reports.join(), /URI="audio1.m3u8",LAST-MSN=\d+,LAST-PART=\d+/);
  const { bytes } = there(await weir.packager.playlist("audio1", {}));
  const second = readPlaylist(new TextDecoder().decode(bytes));
  checkPlaylist(second);
  assertEquals(second.segments.map(({ msn }) => msn), main.segments.map(({ msn }) => msn));
  const file = concat([
    there(await weir.packager.file(second.segments[0]!.map!)).bytes,
    there(await weir.packager.file(second.segments[0]!.uri)).bytes,
  ]);
  assertEquals((await probe(file, { extension: "mp4" })).streams.map(({ codec }) => codec), [
    "aac",
  ]);
});

Deno.test("sound that not all browsers know is a playlist of its own, and a variant goes without", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(inOrder(repeated("h264", 6), repeated("ac3", 6)));
  const multivariant = parse(there(await weir.packager.multivariant()));
  assert(multivariant instanceof types.MasterPlaylist);
  assertEquals(
    multivariant.variants.map(({ uri, codecs, audio }) => [
      uri,
      codecs!.replace(/avc1\.\w+/, "avc1"),
      audio.map(({ uri, isDefault }) => [uri, isDefault]),
    ]),
    [
      ["main.m3u8", "avc1,ac-3", [["audio1.m3u8", true]]],
      ["main.m3u8", "avc1", []],
    ],
  );
});

Deno.test("a stream of which HLS has a name for nothing says so", async () => {
  using weir = new Packaging();
  weir.package();
  weir.send(repeated("pcma", 4));
  const answer = await weir.packager.multivariant();
  assert(answer.is === "nothing");
  assertMatch(answer.reason, /players of HLS know no pcma/);
});

Deno.test("HlsPackager holds no more bytes than it may", () => {
  using weir = new Packaging();
  const bytes = load("h264").packets.reduce((sum, { data }) => sum + data.length, 0);
  weir.package({ maxBytes: bytes * 12, segments: 1000 });
  weir.send(repeated("h264", 60));
  assert(weir.packager.heldBytes <= bytes * 14, `${weir.packager.heldBytes} of ${bytes * 12}`);
});

Deno.test("HlsPackager's segments count as what streams hold, and are let go with it", async () => {
  using weir = new Packaging();
  weir.hub.configure({ maxHeldBytes: 1_500_000 });
  weir.package({ segmentMs: 500, segments: 1000 });
  weir.hub.hold(weir.packager);
  const before = weir.hub.heldBytes;
  weir.send(repeated("h264", 6));
  assert(weir.hub.heldBytes - before > weir.packager.heldBytes);
  for (let at = 1; at < 12; at++) {
    weir.send(repeated("h264", 20, at * 20 * 960).slice(1));
    assert(weir.hub.heldBytes < 1_700_000, `${weir.hub.heldBytes} are held`);
  }
  assert((await weir.playlist()).segments.length >= 3);
});
