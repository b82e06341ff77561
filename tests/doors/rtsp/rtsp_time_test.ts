/** A camera whose clocks do what clocks do, in simulated time: what its units' times become. */
import { assert, assertEquals } from "@std/assert";
import { Hub, type MediaUnit } from "../../../src/hub/mod.ts";
import { buildRtcp, buildRtpPacket, ntpFromUnixUs, ticksFromUs } from "../../../src/rtp/mod.ts";
import { parseSdp } from "../../../src/sdp/mod.ts";
import {
  FlvRemuxer,
  FrameReader,
  RtpSessionIngest,
  tracksOfSdp,
} from "../../../src/transmux/mod.ts";
import { TurnedClock } from "../../support/turned_clock.ts";
import { seededRandom } from "../../support/split.ts";

const DESCRIPTION = parseSdp(`v=0
s=camera
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAC9kCjfkwEQAAAwABAAADADIPFCpI,aMtlLIA=
m=audio 0 RTP/AVP 97
a=rtpmap:97 MPEG4-GENERIC/48000/2
a=fmtp:97 mode=AAC-hbr;config=1190;sizelength=13;indexlength=3;indexdeltalength=3
`);

const SECOND = 1_000_000;
const FRAME_US = 40_000;
const AAC_SAMPLES = 1024;
const NOON = Date.UTC(2026, 10, 21, 12) * 1000;

/** Tracks in the order of the description. */
const VIDEO = 0;
const AUDIO = 1;
const RATES = [90_000, 48_000] as const;

/** What of a camera is out of the ordinary. */
interface CameraOptions {
  readonly seconds: number;
  /** AAC frames in a packet. Default 1. */
  readonly audioFrames?: number;
  /** RTP timestamps of the time 0. */
  readonly starts?: readonly [number, number];
  /** Wall clock of the time 0, microseconds since 1970. */
  readonly wallUs?: number;
  /** Added to the wall clock that a report of `track` at the time `us` tells. */
  readonly wallStep?: (track: number, us: number) => number;
  /** Added to the time that an RTP timestamp of `track` tells. */
  readonly rtpStep?: (track: number, us: number) => number;
  /** How much faster a track's RTP clock runs than the wall clock. */
  readonly ppm?: readonly [number, number];
  /** Reports that come with those of the tracks, of a source and clock that are not theirs. */
  readonly foreignReports?: boolean;
  /** Tracks that send reports; both by default. */
  readonly reporting?: readonly number[];
  /** How much later than video audio arrives, milliseconds. Default 150. */
  readonly audioDelayMs?: number;
  /** Whether pictures are sent as I P B B. */
  readonly bFrames?: boolean;
}

/** A frame's time on the camera's clock, and on the stream's. */
interface Timed {
  readonly sourceUs: number;
  readonly dtsUs: number;
  readonly ptsUs: number;
}

interface Outcome {
  /** By track: the typed units' frames. */
  readonly frames: readonly [Timed[], Timed[]];
  /** By track: the timestamps of the FLV bodies, milliseconds. */
  readonly flvMs: readonly [number[], number[]];
}

/** Runs a camera into a stream with a reader of typed units and one of FLV. */
function run(options: CameraOptions): Outcome {
  const { seconds, audioFrames = 1, audioDelayMs = 150, reporting = [VIDEO, AUDIO] } = options;
  const { starts = [1, 2], ppm = [0, 0], wallUs = NOON } = options;
  const clock = new TurnedClock();
  const stream = new Hub({ clock }).stream("live/cam");
  const tracks = tracksOfSdp(DESCRIPTION);
  const publication = stream.publish({ tracks });
  const frames: [Timed[], Timed[]] = [[], []];
  const flvMs: [number[], number[]] = [[], []];
  const reader = new FrameReader({ tracks });
  const remuxer = new FlvRemuxer();
  remuxer.setTracks(tracks);
  stream.tap((unit: MediaUnit) => {
    for (const { kind, dtsUs, ptsUs, parts } of reader.read(unit)) {
      const bytes = parts[0]!;
      const sourceUs = Number(new DataView(bytes.buffer, bytes.byteOffset + 4).getBigUint64(0));
      frames[kind === "video" ? VIDEO : AUDIO].push({ sourceUs, dtsUs, ptsUs });
    }
    for (const { kind, dtsUs } of remuxer.remux(unit)) {
      if (kind !== "data") flvMs[kind === "video" ? VIDEO : AUDIO].push(Math.round(dtsUs / 1000));
    }
  });
  const publisher = new RtpSessionIngest(publication, { tracks, ordered: true, ssrc: 9, nowMs: 0 });

  const timestampOf = (track: number, us: number): number => {
    const ownUs = us * (1 + ppm[track]! / 1e6) + (options.rtpStep?.(track, us) ?? 0);
    return (starts[track]! + ticksFromUs(Math.round(ownUs), RATES[track]!)) >>> 0;
  };
  const events: { readonly atMs: number; readonly send: () => void }[] = [];
  const at = (atMs: number, track: number, packet: { rtcp: boolean; bytes: () => Uint8Array }) => {
    const send = () =>
      publisher.take(packet.bytes(), { index: track, rtcp: packet.rtcp, nowMs: atMs });
    events.push({ atMs, send });
  };
  const numbers = [65_500, 65_500];
  const rtp = (track: number, timing: { us: number; sentUs: number }, payload: Uint8Array) => {
    const delayMs = track === AUDIO ? audioDelayMs : 0;
    at(timing.sentUs / 1000 + delayMs, track, {
      rtcp: false,
      bytes: () =>
        buildRtpPacket({
          payloadType: 96 + track,
          sequenceNumber: numbers[track]!++ & 0xffff,
          timestamp: timestampOf(track, timing.us),
          ssrc: 0x1000 + track,
          marker: true,
          payload,
        }),
    });
  };
  const pictures = Math.floor(seconds * 1e6 / FRAME_US);
  for (let i = 0; i < pictures; i++) {
    // I P B B: the third picture shown is sent before the two that it follows.
    const shown = !options.bFrames || i === 0 ? i : i % 3 === 1 ? i + 2 : i - 1;
    const us = shown * FRAME_US;
    rtp(VIDEO, { us, sentUs: (i + 3) * FRAME_US }, stamped([0, 0, 0, 0], us, i % 50 ? 0x41 : 0x65));
  }
  const audioPackets = Math.floor(seconds * 48_000 / (AAC_SAMPLES * audioFrames));
  for (let i = 0; i < audioPackets; i++) {
    const timesUs = Array.from(
      { length: audioFrames },
      (_, n) => Math.round((i * audioFrames + n) * AAC_SAMPLES / 48_000 * 1e6),
    );
    const aus = timesUs.map((us) => stamped([0x21, 0, 0, 0], us));
    const headers = aus.flatMap(({ length }) => [length >> 5, (length << 3) & 0xff]);
    const payload = [0, headers.length * 8, ...headers, ...aus.flatMap((au) => [...au])];
    rtp(AUDIO, { us: timesUs[0]!, sentUs: timesUs.at(-1)! }, Uint8Array.from(payload));
  }
  for (const track of reporting) {
    // The tracks report at times of their own.
    for (let us = track === VIDEO ? 1_000_000 : 2_500_000; us < seconds * 1e6; us += 5_000_000) {
      const report = (ssrc: number, aheadUs: number) => ({
        type: "sender-report" as const,
        ssrc,
        ntp: ntpFromUnixUs(wallUs + us + aheadUs + (options.wallStep?.(track, us) ?? 0)),
        rtpTimestamp: timestampOf(track, us),
        packetCount: 1,
        octetCount: 1,
        reports: [],
      });
      const own = report(0x1000 + track, 0);
      const foreign = options.foreignReports ? [report(0x2000 + track, track * 700_000)] : [];
      at(us / 1000 + 1 + (track === AUDIO ? audioDelayMs : 0), track, {
        rtcp: true,
        bytes: () => buildRtcp([own, ...foreign]),
      });
    }
  }
  events.sort((a, b) => a.atMs - b.atMs);
  let nowMs = 0;
  for (const { atMs, send } of events) {
    clock.turn(atMs - nowMs);
    nowMs = atMs;
    send();
  }
  publication.release();
  return { frames, flvMs };
}

/** A frame that says when it was taken. */
function stamped(head: number[], us: number, first = head[0]!): Uint8Array {
  const bytes = new Uint8Array(13);
  bytes.set(head);
  bytes[0] = first;
  bytes[1] = 0x9a;
  new DataView(bytes.buffer).setBigUint64(4, BigInt(us));
  bytes[12] = 0x80;
  return bytes;
}

/** What holds whatever the clocks do. */
function assertMonotonic({ frames, flvMs }: Outcome): void {
  for (const track of [VIDEO, AUDIO]) {
    let lastUs = -1;
    for (const { dtsUs, ptsUs, sourceUs } of frames[track]!) {
      assert(dtsUs >= 0 && ptsUs >= 0);
      assert(dtsUs >= lastUs, `track ${track} at ${sourceUs}: ${dtsUs} after ${lastUs}`);
      assert(track === VIDEO || ptsUs === dtsUs);
      lastUs = dtsUs;
    }
    let lastMs = -1;
    for (const ms of flvMs[track]!) {
      assert(ms >= lastMs, `FLV of track ${track}: ${ms} after ${lastMs}`);
      lastMs = ms;
    }
  }
}

/** How much later than on the camera's clock audio is than video, for the frames around `atUs`. */
function lipSyncUs({ frames }: Outcome, atUs: number): number {
  const [video, audio] = frames.map((track, index) => {
    const perSecond = index === VIDEO ? 25 : 48_000 / AAC_SAMPLES;
    let near = Math.max(0, Math.floor(atUs / SECOND * perSecond) - 4);
    while (near < track.length && track[near]!.sourceUs < atUs) near++;
    return track[near];
  });
  assert(video !== undefined && audio !== undefined, `nothing at ${atUs}`);
  return (audio.ptsUs - audio.sourceUs) - (video.ptsUs - video.sourceUs);
}

function assertInSync(outcome: Outcome, options: { fromUs: number; toUs: number }): void {
  for (let us = options.fromUs; us < options.toUs; us += 250_000) {
    const apart = lipSyncUs(outcome, us);
    assert(Math.abs(apart) < 40_000, `${apart} µs apart at ${us}`);
  }
}

const STEPS_US = [-5_000_000, -500_000, 500_000, 5_000_000];

Deno.test("an RTSP publisher's sender reports move audio that came late back, and no time goes back (R161)", () => {
  for (const audioDelayMs of [150, 800, 3000]) {
    for (const audioFrames of [1, 4]) {
      const outcome = run({ seconds: 20, audioDelayMs, audioFrames });
      assertMonotonic(outcome);
      assertInSync(outcome, { fromUs: 14 * SECOND, toUs: 16 * SECOND });
    }
  }
});

Deno.test("an RTSP publisher whose wall clock is set anew stays in sync, and no time goes back", () => {
  for (const stepUs of STEPS_US) {
    // The reports of either track are the first to show it.
    for (const fromUs of [30 * SECOND, 32 * SECOND]) {
      const wallStep = (_: number, us: number) => us >= fromUs ? stepUs : 0;
      const outcome = run({ seconds: 60, audioFrames: 4, wallStep });
      assertMonotonic(outcome);
      assertInSync(outcome, { fromUs: 10 * SECOND, toUs: 58 * SECOND });
    }
  }
});

Deno.test("an RTSP publisher's wall clock may be set twice between two reports of a track", () => {
  const shiftUs = 300_000;
  const outcome = run({
    seconds: 80,
    // Only a report of the video tells of the first two; later audio moves alone.
    wallStep: (track, us) =>
      us > 33 * SECOND && us < 37 * SECOND
        ? 5_000_000
        : track === AUDIO && us > 50 * SECOND
        ? shiftUs
        : 0,
  });
  assertMonotonic(outcome);
  assertInSync(outcome, { fromUs: 10 * SECOND, toUs: 50 * SECOND });
  const apart = lipSyncUs(outcome, 75 * SECOND);
  assert(Math.abs(apart - shiftUs) < 40_000, `${apart} µs apart: later reports count`);
});

Deno.test("an RTSP publisher's track follows its reports where they move alone, smoothly back", () => {
  for (const stepUs of STEPS_US) {
    for (const moved of [VIDEO, AUDIO]) {
      const wallStep = (track: number, us: number) =>
        track === moved && us >= 30 * SECOND ? stepUs : 0;
      for (const audioFrames of [1, 4]) {
        const outcome = run({ seconds: 70, wallStep, audioFrames, bFrames: true });
        assertMonotonic(outcome);
        const expected = moved === AUDIO ? stepUs : -stepUs;
        const apart = lipSyncUs(outcome, 65 * SECOND);
        assert(Math.abs(apart - expected) < 40_000, `${apart} for ${expected}`);
        for (const [i, { dtsUs }] of outcome.frames[AUDIO].entries()) {
          const before = outcome.frames[AUDIO][i - audioFrames];
          assert(before === undefined || dtsUs > before.dtsUs + 5000, "no frames in a heap");
        }
      }
    }
  }
});

Deno.test("an RTSP publisher whose RTP clocks are set anew with its wall clock stays in sync", () => {
  for (const stepUs of [...STEPS_US, -3_600_000_000, 3_600_000_000]) {
    const step = (_: number, us: number) => us >= 30 * SECOND ? stepUs : 0;
    const outcome = run({ seconds: 70, wallStep: step, rtpStep: step });
    assertMonotonic(outcome);
    assertInSync(outcome, { fromUs: 10 * SECOND, toUs: 29 * SECOND });
    assertInSync(outcome, { fromUs: 60 * SECOND, toUs: 68 * SECOND });
    const { dtsUs } = outcome.frames[VIDEO].at(-1)!;
    assert(dtsUs < 80 * SECOND, `the stream took 70 s, its times ${dtsUs} µs`);
  }
});

Deno.test("an RTSP publisher with reports of one track, or of no wall clock, goes by arrival", () => {
  const steps = (_: number, us: number) => us >= 30 * SECOND ? -5_000_000 : 0;
  for (const reporting of [[VIDEO], [AUDIO]]) {
    const outcome = run({ seconds: 60, reporting, wallStep: steps, audioDelayMs: 120 });
    assertMonotonic(outcome);
    assertInSync(outcome, { fromUs: 0, toUs: 58 * SECOND });
  }
  // RFC 3550, 6.4.1: a sender without a wall clock writes 0.
  const zero = run({
    seconds: 60,
    wallUs: -2_208_988_800_000_000,
    wallStep: (_, us) => -us,
    audioDelayMs: 120,
  });
  assertMonotonic(zero);
  assertInSync(zero, { fromUs: 0, toUs: 58 * SECOND });
});

Deno.test("an RTSP publisher's tracks are not placed by reports of other sources", () => {
  const outcome = run({ seconds: 30, foreignReports: true });
  assertMonotonic(outcome);
  assertInSync(outcome, { fromUs: 10 * SECOND, toUs: 28 * SECOND });
});

Deno.test("an RTSP publisher stays in sync as NTP and both RTP clocks wrap at one moment", () => {
  const wrapUs = 30 * SECOND;
  const starts = RATES.map((rate) => 2 ** 32 - rate * 30) as [number, number];
  // 2036-02-07 06:28:16 (RFC 4330, 3)
  const wallUs = Date.UTC(2036, 1, 7, 6, 28, 16) * 1000 - wrapUs;
  const outcome = run({ seconds: 60, starts, wallUs, bFrames: true });
  assertMonotonic(outcome);
  assertInSync(outcome, { fromUs: 10 * SECOND, toUs: 58 * SECOND });
  const { ptsUs, sourceUs } = outcome.frames[VIDEO].at(-1)!;
  assertEquals(ptsUs - sourceUs, 500_000, "the first track that reported is never moved");
});

Deno.test("an RTSP publisher's times do not depend on where its RTP clocks start", () => {
  const random = seededRandom(20_261_121);
  const expected = run({ seconds: 8, bFrames: true });
  for (let round = 0; round < 20; round++) {
    const starts: [number, number] = [
      Math.floor(random() * 2 ** 32),
      Math.floor(random() * 2 ** 32),
    ];
    assertEquals(run({ seconds: 8, bFrames: true, starts }), expected, `starts ${starts}`);
  }
});

Deno.test("an RTSP publisher stays in sync for an hour though its RTP clocks drift by 100 ppm", () => {
  for (const ppm of [[100, 0], [-50, 50]] as const) {
    const outcome = run({ seconds: 3600, ppm });
    assertMonotonic(outcome);
    assertInSync(outcome, { fromUs: 10 * SECOND, toUs: 3598 * SECOND });
  }
});
