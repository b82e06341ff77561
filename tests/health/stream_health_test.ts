import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { MediaUnit } from "../../src/media/mod.ts";
import { StreamHealth, type StreamHealthReport } from "../../src/health/mod.ts";

interface Frame {
  readonly kind?: "video" | "audio";
  readonly dtsMs: number;
  readonly atMs?: number;
  readonly ptsMs?: number;
  readonly key?: boolean;
  readonly role?: MediaUnit["role"];
  readonly body?: Uint8Array;
}

const NAL = new Uint8Array(1000);

function reportOf(frames: readonly Frame[], nowMs: number): StreamHealthReport {
  const health = new StreamHealth();
  const sorted = [...frames].sort((a, b) => (a.atMs ?? a.dtsMs) - (b.atMs ?? b.dtsMs));
  for (const { kind = "video", dtsMs, atMs = dtsMs, ptsMs = dtsMs, key, role, body } of sorted) {
    health.take({
      kind,
      role: role ?? "media",
      track: 0,
      dtsUs: dtsMs * 1000,
      ptsUs: ptsMs * 1000,
      keyFrame: key ?? kind === "audio",
      discardable: false,
      payload: body ? { format: "flv", body } : { format: "access-unit", data: NAL },
    }, atMs);
  }
  return health.report(nowMs);
}

/** 25 pictures a second with a key frame every `keyMs`, changed as `change` says. */
function video(
  seconds: number,
  { keyMs = 2000, change = (frame: Frame): Frame => frame } = {},
): Frame[] {
  return Array.from({ length: seconds * 25 }, (_, index) => {
    const dtsMs = index * 40;
    return change({ dtsMs, key: dtsMs % keyMs === 0 });
  });
}

function audio(seconds: number, aheadMs: (dtsMs: number) => number = () => 0): Frame[] {
  return Array.from({ length: seconds * 50 }, (_, index) => ({
    kind: "audio" as const,
    dtsMs: index * 20,
    atMs: index * 20 - aheadMs(index * 20),
  }));
}

function codes({ advice }: StreamHealthReport): string[] {
  return advice.map(({ code }) => code);
}

Deno.test("a stream that is as it should be has its rates, and no advice", () => {
  const report = reportOf([...video(20), ...audio(20)], 20_000);
  const [picture, sound] = report.tracks;
  assertEquals(codes(report), []);
  assertEquals(picture?.frameRate, 25);
  assertEquals(sound?.frameRate, 50);
  assertEquals(picture?.keyIntervalMs, 2000);
  assertAlmostEquals(picture!.bitrate, 25 * 8000, 25 * 8000 * 0.11);
  assertAlmostEquals(report.speed!, 1, 0.01);
  assert(Math.abs(report.avOffsetMs!) <= 40, `${report.avOffsetMs}`);
  assert(Math.abs(report.avDriftMs!) <= 10, `${report.avDriftMs}`);
});

const CASES: Readonly<Record<string, [readonly Frame[], number]>> = {
  "key-interval": [video(25, { keyMs: 10_000 }), 21_000],
  "no-key-frame": [video(14, { keyMs: 1e9 }), 14_000],
  "b-frames": [
    video(10, { change: (frame) => ({ ...frame, ptsMs: frame.dtsMs + 80 }) }),
    10_000,
  ],
  "slow": [
    video(18, { change: (frame) => ({ ...frame, atMs: frame.dtsMs * 1.1 }) }),
    19_800,
  ],
  "jitter": [
    video(10, {
      change: (frame) => ({ ...frame, atMs: Math.ceil((frame.dtsMs + 1) / 800) * 800 }),
    }),
    10_400,
  ],
  "gaps": [video(10).filter(({ dtsMs }) => dtsMs < 4000 || dtsMs > 5500), 10_000],
  "time-jumps": [
    video(20, {
      change: (frame) => ({
        ...frame,
        atMs: frame.dtsMs,
        dtsMs: frame.dtsMs < 10_000 ? frame.dtsMs : frame.dtsMs + 3_600_000,
      }),
    }),
    20_000,
  ],
  "config-changes": [
    [
      { dtsMs: 0, role: "config", body: Uint8Array.of(0x17, 0, 1) },
      { dtsMs: 5001, role: "config", body: Uint8Array.of(0x17, 0, 2) },
      ...video(10),
    ],
    10_000,
  ],
  "header-missing": [
    video(10, { change: (frame) => ({ ...frame, body: Uint8Array.of(0x17, 1, 0, 0, 0) }) }),
    10_000,
  ],
  "av-offset": [[...video(20), ...audio(20, () => 900)], 19_000],
  "av-drift": [[...video(60), ...audio(60, (dtsMs) => dtsMs / 200)], 59_000],
};

for (const [code, [frames, nowMs]] of Object.entries(CASES)) {
  Deno.test(`health says ${code}, and nothing else`, () => {
    assertEquals(codes(reportOf(frames, nowMs)), [code]);
  });
}

Deno.test("nothing is advised in a publisher's first five seconds", () => {
  assertEquals(codes(reportOf(CASES["b-frames"]![0].slice(0, 100), 4000)), []);
});

Deno.test("rates are those of the last ten seconds, and a gap ends them", () => {
  const report = reportOf(video(20), 40_000);
  assertEquals(report.tracks[0]?.bitrate, 0);
  assertEquals(report.tracks[0]?.frameRate, undefined);
});

Deno.test("tracks of a publisher that invents them without end are not measured", () => {
  const health = new StreamHealth();
  for (let track = 0; track < 256; track++) {
    health.take({
      kind: "audio",
      role: "media",
      track,
      dtsUs: 0,
      ptsUs: 0,
      keyFrame: true,
      discardable: false,
      payload: { format: "access-unit", data: NAL },
    }, 0);
  }
  assertEquals(health.report(0).tracks.length, 16);
});

Deno.test("the first settings of a picture whose description has none are no change", () => {
  const report = reportOf([
    { dtsMs: 0, role: "config", body: new Uint8Array(0) },
    { dtsMs: 1, role: "config", body: Uint8Array.of(0x17, 0, 1) },
    ...video(5),
  ], 5000);
  assertEquals(report.tracks[0]?.configChanges, 0);
  assertEquals(codes(report), []);
});
