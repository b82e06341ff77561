import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { parseAudioBody, parseOnMetaData, parseVideoBody } from "../../src/flv/mod.ts";
import {
  buildAvcConfig,
  joinLengthPrefixed,
  type MediaUnit,
  parseAvcConfig,
  type Track,
} from "../../src/media/mod.ts";
import { buildRtpPacket } from "../../src/rtp/mod.ts";
import { FlvRemuxer, RtpRemuxer, sdpOfTracks } from "../../src/transmux/mod.ts";
import { bodyOf, flvBodies, load, unitsOfFlv } from "./support.ts";

const CONFIG = load("h264").config;
const OTHER = buildAvcConfig({
  sps: [Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48")],
  pps: [Uint8Array.fromHex("68cb80652c80")],
});
const VIDEO: Track = { kind: "video", id: 0, codec: "h264", config: CONFIG };
const AUDIO: Track = { kind: "audio", id: 0, codec: "aac", config: new Uint8Array([0x12, 0x10]) };

function setsOf(config: Uint8Array): Uint8Array[] {
  const { sps, pps } = parseAvcConfig(config);
  return [...sps, ...pps];
}

function accessUnit(
  data: Uint8Array,
  fields: Partial<MediaUnit> = {},
): MediaUnit {
  return {
    kind: "video",
    role: "media",
    track: 0,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    ...fields,
    payload: { format: "access-unit", data },
  };
}

const IDR = new Uint8Array([0x65, 0x88, 0x80]);
const SLICE = new Uint8Array([0x41, 0x9a, 0x24]);
const AUD = new Uint8Array([0x09, 0x10]);

/** The NAL units of single packets and STAP-As. */
function nalUnitsOf(remuxer: RtpRemuxer, unit: MediaUnit): Uint8Array[] {
  return remuxer.remux(unit).flatMap((packet) => {
    assert("payload" in packet);
    const { payload } = packet;
    if ((payload[0]! & 31) !== 24) return [payload];
    const units: Uint8Array[] = [];
    for (let at = 1; at < payload.length;) {
      const size = (payload[at]! << 8) | payload[at + 1]!;
      units.push(payload.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
    return units;
  });
}

Deno.test("RtpRemuxer forwards packets untouched, of codecs that it does not know too", () => {
  const rtp = { payloadType: 26, encodingName: "JPEG", clockRate: 90000, parameters: {} };
  const { tracks } = sdpOfTracks([
    AUDIO,
    { kind: "video", id: 3, codec: undefined, config: undefined, rtp },
  ]);
  const packet = buildRtpPacket({
    payloadType: 26,
    sequenceNumber: 9,
    timestamp: 0xfffffffe,
    ssrc: 5,
    payload: new Uint8Array([1, 2, 3]),
  });
  const remuxer = new RtpRemuxer(tracks);
  const unit: MediaUnit = {
    ...accessUnit(packet, { track: 3 }),
    payload: { format: "rtp", packets: [packet, packet] },
  };
  const out = remuxer.remux(unit);
  assertEquals(out.map(({ track, timestamp }) => [track, timestamp]), [
    [1, 0xfffffffe],
    [1, 0xfffffffe],
  ]);
  assert("packet" in out[0]!);
  assertStrictEquals(out[0].packet, packet);
  assertEquals(remuxer.remux({ ...unit, track: 4 }), []);
});

Deno.test("RtpRemuxer puts the parameter sets in force before a key frame that has none", () => {
  const remuxer = new RtpRemuxer(sdpOfTracks([VIDEO]).tracks);
  assertEquals(
    nalUnitsOf(remuxer, accessUnit(joinLengthPrefixed([AUD, IDR]))),
    [AUD, ...setsOf(CONFIG), IDR],
  );
  assertEquals(nalUnitsOf(remuxer, accessUnit(joinLengthPrefixed([SLICE]))), [SLICE]);
  const own = [...setsOf(OTHER), IDR];
  assertEquals(nalUnitsOf(remuxer, accessUnit(joinLengthPrefixed(own))), own);
  // What came in band is in force from there on.
  assertEquals(nalUnitsOf(remuxer, accessUnit(joinLengthPrefixed([IDR]))), own);
  assertEquals(remuxer.remux(accessUnit(CONFIG, { role: "config" })), []);
  assertEquals(
    nalUnitsOf(remuxer, accessUnit(joinLengthPrefixed([IDR]))).slice(0, -1),
    setsOf(CONFIG),
  );
});

Deno.test("RtpRemuxer takes new sequence headers of an RTMP publisher in mid-stream", () => {
  const remuxer = new RtpRemuxer(sdpOfTracks([VIDEO]).tracks);
  const units = unitsOfFlv([
    { kind: "video", dtsUs: 0, body: bodyOf("h264", { config: true, data: OTHER }) },
    {
      kind: "video",
      dtsUs: 1000,
      body: bodyOf("h264", { config: false, data: joinLengthPrefixed([IDR]) }),
    },
  ]);
  assertEquals(units.flatMap((unit) => nalUnitsOf(remuxer, unit)), [...setsOf(OTHER), IDR]);
});

Deno.test("RtpRemuxer drops what its payload format cannot carry, and counts it", () => {
  const { tracks } = sdpOfTracks([{ kind: "audio", id: 0, codec: "opus", config: undefined }]);
  const remuxer = new RtpRemuxer(tracks);
  const unit = accessUnit(new Uint8Array(3000).fill(0xfc), { kind: "audio" });
  assertEquals(remuxer.remux(unit), []);
  assertEquals(remuxer.stats, { packets: 0, dropped: 1 });
  assertEquals(remuxer.remux(accessUnit(IDR)), [], "a track that it does not know");
});

Deno.test("FlvRemuxer passes FLV bodies on as they are", () => {
  const remuxer = new FlvRemuxer();
  remuxer.setTracks([VIDEO]);
  const bodies = flvBodies(load("h264"));
  const out = unitsOfFlv(bodies).flatMap((unit) => remuxer.remux(unit));
  assertEquals(out, bodies);
  assertStrictEquals(out[0]!.body, bodies[0]!.body);
});

Deno.test("FlvRemuxer tells metadata and sequence headers first, and once", () => {
  const remuxer = new FlvRemuxer();
  remuxer.setTracks([VIDEO, AUDIO]);
  const first = remuxer.remux(accessUnit(joinLengthPrefixed([IDR]), {
    dtsUs: 40_000,
    ptsUs: 80_400,
  }));
  assertEquals(first.map(({ kind, dtsUs }) => [kind, dtsUs]), [
    ["data", 40_000],
    ["video", 40_000],
    ["audio", 40_000],
    ["video", 40_000],
  ]);
  const metadata = parseOnMetaData(first[0]!.body)!;
  assertEquals(
    [metadata.width, metadata.height, metadata.frameRate, metadata.videoCodec],
    [192, 108, 25, "h264"],
  );
  assertEquals([metadata.audioCodec, metadata.sampleRate, metadata.channels], ["aac", 44100, 2]);
  assertEquals(first[1]!.body, new Uint8Array([0x17, 0, 0, 0, 0, ...CONFIG]));
  assertEquals(first[2]!.body, new Uint8Array([0xaf, 0, 0x12, 0x10]));
  assertEquals(first[3]!.body, new Uint8Array([0x17, 1, 0, 0, 40, 0, 0, 0, 3, ...IDR]));
  const second = remuxer.remux(accessUnit(joinLengthPrefixed([SLICE])));
  assertEquals(second.map(({ body }) => body), [
    new Uint8Array([0x27, 1, 0, 0, 0, 0, 0, 0, 3, ...SLICE]),
  ]);
  assertEquals(remuxer.headers(0).length, 3);
  assertEquals(remuxer.remux(accessUnit(CONFIG, { role: "config" })), []);
  assertEquals(remuxer.stats, { bodies: 5, dropped: 0, incomplete: 0 });
});

Deno.test("FlvRemuxer tells a new configuration before the frame that needs it (M071)", () => {
  const remuxer = new FlvRemuxer();
  remuxer.setTracks([{ ...VIDEO, config: undefined }]);
  remuxer.headers(0);
  assertEquals(remuxer.remux(accessUnit(joinLengthPrefixed([IDR]))), []);
  assertEquals(remuxer.stats.dropped, 1);
  const announced = remuxer.remux(accessUnit(CONFIG, { role: "config" }));
  assertEquals(announced.map(({ body }) => body[1]), [0]);
  const inBand = joinLengthPrefixed([...setsOf(OTHER), IDR]);
  const changed = remuxer.remux(accessUnit(inBand));
  assertEquals(changed.map(({ body }) => body[1]), [0, 1]);
  assertEquals(changed[0]!.body.subarray(5), OTHER);
  // The sets are in the sequence header, and no more among the NAL units.
  assertEquals(changed[1]!.body.subarray(5), joinLengthPrefixed([IDR]));
  assertEquals(remuxer.remux(accessUnit(inBand)).map(({ body }) => body[1]), [1]);
});

Deno.test("FlvRemuxer writes Enhanced RTMP where FLV has no codec id (M073)", () => {
  const cases: [Track, MediaUnit, string[]][] = [
    [
      { kind: "video", id: 0, codec: "h265", config: load("h265").config },
      accessUnit(load("h265").packets[0]!.data, { keyFrame: true }),
      ["hvc1/0", "hvc1/3"],
    ],
    [
      { kind: "video", id: 0, codec: "av1", config: undefined },
      accessUnit(load("av1").packets[0]!.data, { keyFrame: true }),
      ["av01/0", "av01/1"],
    ],
    [
      { kind: "video", id: 0, codec: "vp9", config: undefined },
      accessUnit(load("vp9").packets[0]!.data, { keyFrame: true }),
      ["vp09/0", "vp09/1"],
    ],
  ];
  for (const [track, unit, expected] of cases) {
    const remuxer = new FlvRemuxer();
    remuxer.setTracks([track]);
    const kinds = remuxer.remux(unit).slice(1).map(({ body }) => {
      const parsed = parseVideoBody(body);
      assert(parsed.form === "enhanced");
      return `${parsed.tracks[0]!.fourCc}/${parsed.packetType}`;
    });
    assertEquals(kinds, expected);
  }
  for (
    const [codec, fourCc, count] of [["opus", "Opus", 2], ["ac3", "ac-3", 1], [
      "flac",
      "fLaC",
      2,
    ]] as const
  ) {
    const { config, packets } = load(codec);
    const remuxer = new FlvRemuxer();
    remuxer.setTracks([{
      kind: "audio",
      id: 0,
      codec,
      config: config.length > 0 ? config : undefined,
    }]);
    const bodies = remuxer.remux(accessUnit(packets[0]!.data, { kind: "audio" })).slice(1);
    assertEquals(bodies.length, count, codec);
    for (const { body } of bodies) {
      const parsed = parseAudioBody(body);
      assert(parsed.form === "enhanced" && parsed.tracks[0]!.fourCc === fourCc);
    }
    const last = parseAudioBody(bodies.at(-1)!.body);
    assert(last.form === "enhanced");
    assertEquals(last.tracks[0]!.data, packets[0]!.data);
  }
});

Deno.test("FlvRemuxer tells each track that it leaves out once, and why", () => {
  const remuxer = new FlvRemuxer();
  const layer2: Track = { kind: "audio", id: 0, codec: "mp3", config: undefined };
  remuxer.setTracks([
    { kind: "video", id: 0, codec: "mpeg4", config: undefined },
    VIDEO,
    { ...VIDEO, id: 1 },
    layer2,
    { kind: "data", id: 0, codec: undefined, config: undefined },
    { kind: "audio", id: 1, codec: "pcma", config: undefined, sampleRate: 16000 },
  ]);
  assertEquals(remuxer.unsupported.length, 4);
  const frame = new Uint8Array(417);
  frame.set([0xff, 0xfd, 0x80, 0x00]);
  remuxer.remux(accessUnit(frame, { kind: "audio" }));
  remuxer.remux(accessUnit(frame, { kind: "audio" }));
  assertEquals(remuxer.unsupported.map(({ track, reason }) => `${track.kind}: ${reason}`), [
    "video: FLV has no codec id for mpeg4 here",
    "video: FLV carries one video track here: another comes first",
    "data: FLV has no place for its data",
    "audio: G.711 has 8000 samples a second in FLV: it has 16000",
    "audio: FLV has no sound format for MPEG audio below layer III",
  ]);
});

Deno.test("FlvRemuxer writes G.711 and MP3 with their old codec ids", () => {
  const bodyOfFirst = (track: Track, data: Uint8Array) => {
    const remuxer = new FlvRemuxer();
    remuxer.setTracks([track]);
    remuxer.headers(0);
    return remuxer.remux(accessUnit(data, { kind: "audio" }))[0]!.body;
  };
  const samples = new Uint8Array(160);
  const track = { kind: "audio", id: 0, config: undefined } as const;
  assertEquals(bodyOfFirst({ ...track, codec: "pcma" }, samples)[0], 0x72);
  assertEquals(bodyOfFirst({ ...track, codec: "pcmu", channels: 2 }, samples)[0], 0x83);
  const mp3 = bodyOfFirst({ ...track, codec: "mp3" }, load("mp3").packets[0]!.data);
  assertEquals([mp3[0], mp3.length], [0x2f, load("mp3").packets[0]!.data.length + 1]);
});
