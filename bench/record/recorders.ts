/**
 * What it costs to record many streams at once: processor time and memory of a server that has the streams, without and
 * with recording them, in turn.
 *
 *     deno run -A bench/record/recorders.ts [--streams 100] [--seconds 15] [--rounds 3] [--format mp4] [--s3 URL]
 *
 * `--s3` is the URL of an object storage with the bucket `weir` and the key `S3RVER`, as `tests/support/s3_process.ts`
 * makes one. The streams are published in the process itself, of pictures and sound that FFmpeg has made, at 2 Mb/s each in real
 * time, so that the difference is that of the recorders alone. Processor time is that of all threads
 * (`/proc/self/task/…/schedstat`, Linux), those that write files too.
 *
 * @module
 */
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { Server } from "../../mod.ts";
import { fileUnits } from "../../src/files/mod.ts";
import type { RecordingFormat } from "../../src/record/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

const { streams = 100, seconds = 15, rounds = 3, ...texts } = programArguments(import.meta, {
  numbers: ["streams", "seconds", "rounds"],
  texts: ["format", "s3"],
});
const format = (texts.format ?? "mp4") as RecordingFormat;

const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
try {
  const units = await sourceUnits(`${folder}/source.flv`);
  const bytes = units.reduce((sum, { payload }) => sum + sizeOf(payload), 0);
  console.log(
    `${streams} streams of ${(bytes * 8 / 4e6).toFixed(2)} Mb/s, ${format}, ${seconds} s a round`,
  );
  const shares: Record<"off" | "on", number[]> = { off: [], on: [] };
  for (let round = 0; round < rounds; round++) {
    for (const what of ["off", "on"] as const) {
      const { share, megabytes, recorded, gaps } = await measure(units, what === "on");
      shares[what].push(share);
      const written = what === "on" ? `, ${recorded} MB written, ${gaps} gaps` : "";
      console.log(
        `recording ${what}: ${(share * 100).toFixed(1)} % of a core, ${
          megabytes.join(" → ")
        } MB${written}`,
      );
    }
  }
  const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[of.length >> 1]!;
  const extra = (median(shares.on) - median(shares.off)) * 100;
  console.log(`recording costs ${extra.toFixed(1)} % of a core`);
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Four seconds of pictures and sound. */
async function sourceUnits(path: string): Promise<MediaUnit[]> {
  const { success, stderr } = await new Deno.Command("ffmpeg", {
    args: [
      ...["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"],
      ...["-f", "lavfi", "-i", "sine=sample_rate=44100", "-t", "4", "-c:v", "libx264"],
      ...["-preset", "ultrafast", "-b:v", "1930k", "-minrate", "1930k", "-maxrate", "1930k"],
      ...["-bufsize", "1M", "-nal-hrd", "cbr", "-g", "50", "-pix_fmt", "yuv420p"],
      ...["-c:a", "aac", "-b:a", "64k", path],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return await Array.fromAsync(fileUnits([path]));
}

function sizeOf(payload: MediaUnit["payload"]): number {
  switch (payload.format) {
    case "flv":
      return payload.body.length;
    case "access-unit":
      return payload.data.length;
    case "rtp":
      return payload.packets.reduce((sum, { length }) => sum + length, 0);
  }
}

/** Publishes in real time, and measures from the third second on. */
async function measure(units: readonly MediaUnit[], isRecording: boolean) {
  const to = `${folder}/recordings`;
  const key = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
  const target = texts.s3 === undefined
    ? { to }
    : { to: "s3://weir", s3: { endpoint: texts.s3, ...key } };
  await using server = new Server({
    ...{ rtmp: false, rtsp: false, http: false, webrtc: false, api: false },
    hub: { lingerMs: 0 },
    ...(isRecording ? { record: [{ name: "live/*", format, ...target }] } : {}),
  });
  await server.listen();
  const feeds: ReadableStreamDefaultController<MediaUnit>[] = [];
  const done = Array.from({ length: streams }, (_, at) =>
    server.publish(
      `live/${at}`,
      new ReadableStream<MediaUnit>({ start: (controller) => void feeds.push(controller) }),
    ));
  const startMs = performance.now();
  const places = feeds.map(() => 0);
  const timer = setInterval(() => {
    const nowUs = (performance.now() - startMs) * 1000;
    for (const [stream, feed] of feeds.entries()) {
      // Not all at the same moment.
      const untilUs = nowUs - stream * 40_000 / streams;
      for (;;) {
        const place = places[stream]!;
        const unit = units[place % units.length]!;
        const shiftUs = Math.floor(place / units.length) * 4_000_000;
        if (unit.dtsUs + shiftUs > untilUs) break;
        feed.enqueue({ ...unit, dtsUs: unit.dtsUs + shiftUs, ptsUs: unit.ptsUs + shiftUs });
        places[stream]!++;
      }
    }
  }, 5);
  await pause(3000);
  const [cpuBefore, before] = [await readCpuSeconds(), megabytes()];
  await pause(seconds * 1000);
  const share = (await readCpuSeconds() - cpuBefore) / seconds;
  const after = megabytes();
  clearInterval(timer);
  const { statistics } = server.recordings;
  for (const feed of feeds) feed.close();
  await Promise.all(done);
  await server.stop();
  if (isRecording && texts.s3 === undefined) await Deno.remove(to, { recursive: true });
  return {
    share,
    megabytes: [before, after],
    recorded: Math.round(statistics.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6),
    gaps: statistics.reduce((sum, { gaps }) => sum + gaps, 0),
  };
}

function megabytes(): number {
  return Math.round(Deno.memoryUsage().rss / 1e6);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
