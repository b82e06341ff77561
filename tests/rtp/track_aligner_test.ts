import { assert, assertEquals, assertThrows } from "@std/assert";
import { ntpFromUnixUs, type SenderReport, ticksFromUs, TrackAligner } from "../../src/rtp/mod.ts";
import { seededRandom } from "../support/split.ts";

const START = Date.UTC(2026, 10, 21, 12) * 1000;

/** A track whose RTP clock shows `origin` at START. */
function camera(clockRate: number, origin: number) {
  const at = (us: number) => (origin + ticksFromUs(us, clockRate)) >>> 0;
  const report = (us: number, options: { skewUs?: number } = {}): SenderReport => ({
    type: "sender-report",
    ssrc: 1,
    ntp: ntpFromUnixUs(START + us + (options.skewUs ?? 0)),
    rtpTimestamp: at(us),
    packetCount: 0,
    octetCount: 0,
    reports: [],
  });
  return { at, report };
}

Deno.test("TrackAligner places tracks with random origins by arrival at first (R161)", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 0xfffffff0);
  const a = camera(48000, 123456789);
  assertEquals(video.timeUs(v.at(0), 5000), 0);
  assertEquals(audio.timeUs(a.at(0), 5040), 40_000);
  assertEquals(video.timeUs(v.at(1_000_000), 6000), 1_000_000, "across the wrap");
  assertEquals(audio.timeUs(a.at(1_000_000), 6040), 1_040_000);
});

Deno.test("TrackAligner begins tracks together though seconds of one come at once (GStreamer's rtspclientsink)", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const audio = aligner.addTrack({ clockRate: 8000 });
  const video = aligner.addTrack({ clockRate: 90_000 });
  for (let ms = 0; ms <= 600; ms += 20) assertEquals(audio.timeUs(ms * 8, 1000), ms * 1000);
  assertEquals(video.timeUs(77_000, 1002), 2000);
  // A track that comes much later is beside what is newest then.
  const late = aligner.addTrack({ clockRate: 1000 });
  assertEquals(video.timeUs(77_000 + 5 * 90_000, 3500), 5_002_000);
  assertEquals(late.timeUs(1, 3510), 5_012_000);
});

Deno.test("TrackAligner places a track by sender reports that came before its packets", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 77);
  const a = camera(48000, 99);
  video.takeSenderReport(v.report(0));
  audio.takeSenderReport(a.report(0));
  assertEquals(video.timeUs(v.at(0), 0), 0);
  // The audio of 20 ms after the first picture arrives 90 ms late.
  assertEquals(audio.timeUs(a.at(20_000), 110), 20_000);
  assertEquals(audio.unixUsOf(a.at(20_000)), START + 20_000);
});

Deno.test("TrackAligner corrects forwards at once, and never gives a time below zero", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 1);
  const a = camera(48000, 2);
  video.timeUs(v.at(100_000), 100);
  assertEquals(audio.timeUs(a.at(300_000), 110), 10_000);
  video.takeSenderReport(v.report(0));
  audio.takeSenderReport(a.report(0));
  assertEquals(audio.timeUs(a.at(320_000), 130), 220_000);

  const late = new TrackAligner({ originUs: 0 });
  const picture = late.addTrack({ clockRate: 90000 });
  const sound = late.addTrack({ clockRate: 48000 });
  picture.takeSenderReport(v.report(0));
  sound.takeSenderReport(a.report(0));
  picture.timeUs(v.at(100_000), 100);
  assertEquals(sound.timeUs(a.at(40_000), 100), 0, "60 ms before the first picture");
  assertEquals(sound.timeUs(a.at(60_000), 100), 10_000, "half speed");
  assertEquals(sound.timeUs(a.at(260_000), 100), 160_000);
});

Deno.test("TrackAligner begins at 500 ms, so that a track that begins earlier has its place at once", () => {
  const aligner = new TrackAligner();
  const picture = aligner.addTrack({ clockRate: 90000 });
  const sound = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 1);
  const a = camera(48000, 2);
  picture.takeSenderReport(v.report(0));
  sound.takeSenderReport(a.report(0));
  assertEquals(picture.timeUs(v.at(300_000), 300), 500_000);
  assertEquals(sound.timeUs(a.at(40_000), 300), 240_000);
  assertEquals(sound.timeUs(a.at(60_000), 300), 260_000);
});

Deno.test("TrackAligner keeps the order of pictures when a correction follows another", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const v = camera(90000, 1);
  const a = camera(48000, 2);
  audio.timeUs(a.at(0), 0);
  audio.takeSenderReport(a.report(0));
  video.timeUs(v.at(0), 300);
  video.takeSenderReport(v.report(0));
  // Sent as 1 9 5 3 2 4: a second correction comes between pictures that the first one moves.
  const times = new Map<number, number>();
  for (const index of [1, 9, 5, 3, 2, 4]) {
    times.set(index, video.timeUs(v.at(index * 40_000), 300));
    if (index === 5) video.takeSenderReport(v.report(0, { skewUs: 30_000 }));
  }
  const inOrder = [...times].sort(([x], [y]) => x - y).map(([, us]) => us);
  for (let i = 1; i < inOrder.length; i++) assert(inOrder[i]! > inOrder[i - 1]!, `${inOrder}`);
});

Deno.test("TrackAligner corrects backwards without a time that runs back", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 1);
  const a = camera(48000, 2);
  video.timeUs(v.at(0), 0);
  assertEquals(audio.timeUs(a.at(0), 100), 100_000, "100 ms late by arrival");
  video.takeSenderReport(v.report(0));
  audio.takeSenderReport(a.report(0));
  let last = 100_000;
  for (let us = 20_000; us < 1_000_000; us += 20_000) {
    const time = audio.timeUs(a.at(us), 100);
    assert(time > last, `${time} after ${last}`);
    last = time;
    if (us >= 200_000) assertEquals(time, us);
  }
});

Deno.test("TrackAligner keeps pictures out of presentation order in order while it corrects", () => {
  for (const errorUs of [-100_000, 100_000]) {
    const aligner = new TrackAligner({ originUs: 0 });
    const audio = aligner.addTrack({ clockRate: 48000 });
    const video = aligner.addTrack({ clockRate: 90000 });
    const v = camera(90000, 1);
    const a = camera(48000, 2);
    audio.takeSenderReport(a.report(0));
    audio.timeUs(a.at(200_000), 200);
    const times = new Map<number, number>();
    // I2 P5 B3 B4 P8 B6 B7 …: decoding order, by presentation index.
    const order = [0];
    for (let i = 3; i < 60; i += 3) order.push(i, i - 2, i - 1);
    for (const [count, index] of order.entries()) {
      const us = index * 40_000 + 200_000;
      times.set(index, video.timeUs(v.at(us), 300 + (count ? 0 : errorUs / 1000)));
      if (count === 10) video.takeSenderReport(v.report(us));
    }
    const sorted = [...times].sort(([a], [b]) => a - b).map(([, time]) => time);
    for (let i = 1; i < sorted.length; i++) assert(sorted[i]! > sorted[i - 1]!, `${sorted}`);
    assertEquals(sorted.at(-1), Math.max(...order) * 40_000);
  }
});

Deno.test("TrackAligner keeps tracks within 40 ms for an hour, whatever their origins (R161)", () => {
  const random = seededRandom(11);
  for (const skewPpm of [0, 100, -100]) {
    const aligner = new TrackAligner({ originUs: 0 });
    const video = aligner.addTrack({ clockRate: 90000 });
    const audio = aligner.addTrack({ clockRate: 44100 });
    const v = camera(90000, Math.floor(random() * 2 ** 32));
    const a = camera(44100, Math.floor(random() * 2 ** 32));
    let worst = 0;
    for (let us = 0; us < 3_600_000_000; us += 500_000) {
      // The audio's clock runs fast or slow against the wall clock that both report.
      const audioUs = Math.round(us * (1 + skewPpm / 1_000_000));
      const delayMs = 20 + random() * 30;
      const videoTime = video.timeUs(v.at(us), us / 1000 + delayMs);
      const audioTime = audio.timeUs(a.at(audioUs), us / 1000 + 100 + delayMs);
      if (us % 5_000_000 === 0) {
        video.takeSenderReport(v.report(us));
        audio.takeSenderReport(a.report(audioUs, { skewUs: us - audioUs }));
      }
      if (us > 2_000_000) worst = Math.max(worst, Math.abs(videoTime - audioTime));
      assertEquals(videoTime, us, "the first track that reported is never moved");
    }
    assert(worst < 40_000, `${worst} µs apart at ${skewPpm} ppm`);
  }
});

Deno.test("TrackAligner waits for all tracks when the wall clock is set anew", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 1);
  const a = camera(48000, 2);
  video.timeUs(v.at(0), 0);
  audio.timeUs(a.at(0), 0);
  for (const skewUs of [0, 5_000_000]) {
    video.takeSenderReport(v.report(0, { skewUs }));
    assertEquals(audio.timeUs(a.at(skewUs + 20_000), 0), skewUs + 20_000);
    audio.takeSenderReport(a.report(0, { skewUs }));
    assertEquals(audio.timeUs(a.at(skewUs + 40_000), 0), skewUs + 40_000);
  }
});

Deno.test("TrackAligner does not believe wall clocks that have nothing to do with each other", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const audio = aligner.addTrack({ clockRate: 48000 });
  const v = camera(90000, 1);
  const a = camera(48000, 2);
  video.timeUs(v.at(0), 0);
  audio.timeUs(a.at(0), 0);
  video.takeSenderReport(v.report(0));
  audio.takeSenderReport(a.report(0, { skewUs: 3_600_000_000 }));
  assertEquals(audio.timeUs(a.at(20_000), 20), 20_000);
});

Deno.test("TrackAligner goes on by arrival after a restart of the source", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90000 });
  const v = camera(90000, 1);
  video.timeUs(v.at(0), 0);
  video.timeUs(v.at(1_000_000), 1000);
  video.restart();
  assertEquals(video.timeUs(0x80000000, 1040), 1_040_000);
  assertThrows(() => aligner.addTrack({ clockRate: 0 }), RangeError);
});

Deno.test("TrackAligner tells the wall-clock time of its time 0 by sender reports", () => {
  const aligner = new TrackAligner({ originUs: 0 });
  const video = aligner.addTrack({ clockRate: 90_000 });
  assertEquals(video.timeUs(1_000_000, 0), 0);
  assertEquals(aligner.epochUnixUs, undefined);
  video.timeUs(1_000_000 + 90_000, 1000);
  video.takeSenderReport({
    type: "sender-report",
    ssrc: 1,
    ntp: ntpFromUnixUs(1_700_000_001_000_000),
    rtpTimestamp: 1_000_000 + 90_000,
    packetCount: 2,
    octetCount: 2,
    reports: [],
  });
  assertEquals(aligner.epochUnixUs, 1_700_000_000_000_000);
});
