import type { StreamHealthReport } from "../../health/mod.ts";
import type { Track } from "../../media/mod.ts";
import type { Command } from "../command.ts";
import { untilInterrupted } from "./interrupted.ts";
import { numberOf, parseMediaArguments, streamUrl, wordOf } from "./media_arguments.ts";
import { RemoteError } from "./remote_error.ts";
import { RemoteStream } from "./remote_stream.ts";
import { shownBitrate } from "./status_line.ts";
import { StreamWatch, watchedUnits } from "./stream_watch.ts";

const HELP = `Look at a stream for some seconds: its tracks, rates and health.

Usage: weir probe URL [options]

Options:
  --seconds N         how long it is looked at (default 10; health needs that long)
  --json              print one JSON object
  --transport WORD    what carries the media of RTSP: auto (the default), tcp or udp
  --help              print this

Permissions: --allow-net.
Exit codes: 0 when the stream was seen, 1 when it cannot be had, 2 when the arguments are wrong.
`;

/** A result of `weir probe`, as `--json` prints it. */
export interface ProbeResult {
  readonly url: string;
  readonly tracks: readonly (Omit<Track, "config" | "rtp"> & { readonly config?: string })[];
  readonly health: StreamHealthReport;
}

/** `weir probe`: what a stream is. */
export const probeCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, flags, values } = parseMediaArguments(args, {
      flags: ["json"],
      values: ["seconds", "transport"],
    });
    const url = streamUrl(positionals[0]);
    const seconds = numberOf("seconds", values["seconds"], { min: 1, max: 3600, usual: 10 });
    const transport = wordOf("transport", values["transport"], ["auto", "tcp", "udp"]);
    return await untilInterrupted(async (interrupted) => {
      await using remote = new RemoteStream({ url, mode: "pull", transport });
      const watch = await look(remote, { seconds, interrupted });
      const result = {
        url: remote.target,
        tracks: watch.tracks.map(shownTrack),
        health: watch.report,
      };
      console.log(flags["json"] ? JSON.stringify(result, null, 2) : textOf(result));
      return 0;
    });
  },
};

async function look(
  remote: RemoteStream,
  { seconds, interrupted }: { readonly seconds: number; readonly interrupted: AbortSignal },
): Promise<StreamWatch> {
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupted, ended.signal]);
  const watch = new StreamWatch(() => performance.now());
  const reading = (async () => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    for await (const _ of watchedUnits(remote, { watch, signal })) {
      timer ??= setTimeout(() => ended.abort(), seconds * 1000);
    }
    clearTimeout(timer);
    ended.abort();
  })();
  await remote.open();
  try {
    await remote.watched(signal);
  } catch (error) {
    // A stream that ends while it is looked at was seen all the same.
    if (!(error instanceof RemoteError) || watch.tracks.length === 0) throw error;
  } finally {
    ended.abort();
    await reading;
  }
  if (watch.tracks.length === 0) {
    throw new RemoteError(`${remote.target}: interrupted before any media came`);
  }
  return watch;
}

function shownTrack(track: Track): ProbeResult["tracks"][number] {
  const { config, rtp: _, ...facts } = track;
  return { ...facts, ...(config === undefined ? {} : { config: config.toHex() }) };
}

function textOf({ url, tracks, health }: ProbeResult): string {
  const lines = [`${url}: ${shownBitrate(health.bitrate)}`];
  for (const track of tracks) {
    const measured = health.tracks.find(({ kind, track: id }) =>
      kind === track.kind && id === track.id
    );
    const facts = [
      track.codec ?? "unknown codec",
      track.width === undefined ? "" : `${track.width}x${track.height}`,
      track.sampleRate === undefined ? "" : `${track.sampleRate} Hz`,
      track.channels === undefined
        ? ""
        : `${track.channels} channel${track.channels === 1 ? "" : "s"}`,
      measured === undefined ? "" : shownBitrate(measured.bitrate),
      track.kind === "video" && measured?.frameRate !== undefined
        ? `${Number(measured.frameRate.toFixed(2))} fps`
        : "",
      measured?.keyIntervalMs === undefined
        ? ""
        : `key frame each ${Number((measured.keyIntervalMs / 1000).toFixed(2))} s`,
      measured?.hasBFrames ? "B frames" : "",
    ];
    lines.push(`  ${track.kind} ${track.id}: ${facts.filter((fact) => fact !== "").join(", ")}`);
  }
  if (health.avOffsetMs !== undefined) {
    const ms = Math.round(health.avOffsetMs);
    const [first, second] = ms < 0 ? ["picture", "sound"] : ["sound", "picture"];
    lines.push(`  the ${first} is ${Math.abs(ms)} ms ahead of the ${second} as they arrive`);
  }
  if (health.speed !== undefined) lines.push(`  speed ${health.speed.toFixed(2)} of real time`);
  for (const { message } of health.advice) lines.push(`  ! ${message}`);
  return lines.join("\n");
}
