import { encodeFlvHeader, encodeFlvTag } from "../../flv/mod.ts";
import { pause } from "../../hub/mod.ts";
import { reasonOf } from "../../log/mod.ts";
import type { MediaUnit } from "../../media/mod.ts";
import { FlvRemuxer, flvTagOf } from "../../transmux/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../usage_error.ts";
import { untilInterrupted } from "./interrupted.ts";
import { numberOf, parseMediaArguments, streamUrl, wordOf } from "./media_arguments.ts";
import { RemoteError } from "./remote_error.ts";
import { RemoteStream } from "./remote_stream.ts";
import { shownBitrate, shownTime, StatusLine } from "./status_line.ts";
import { StreamWatch, watchedUnits } from "./stream_watch.ts";

const HELP = `Receive a stream: show how it does, and write it to a file if asked.

Usage: weir play URL [-o FILE.flv] [options]

Options:
  -o, --output FILE   write an FLV file; - is standard output (weir play URL -o - | ffplay -)
  --seconds N         end after so long
  --transport WORD    what carries the media of RTSP: auto (the default), tcp or udp
  --help              print this

Permissions: --allow-net, and --allow-write of the file.
Exit codes: 0 when the stream has ended or it was interrupted, 1 when it cannot be had or written, 2
when the arguments are wrong.
`;

/** `weir play`: a stream received. */
export const playCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, values } = parseMediaArguments(args, {
      flags: [],
      values: ["output", "seconds", "transport"],
    });
    const url = streamUrl(positionals[0]);
    if (positionals.length > 1) throw new UsageError("play takes one URL");
    const { output } = values;
    const seconds = numberOf("seconds", values["seconds"], { min: 0.1, max: 1e7, usual: 1e7 });
    const transport = wordOf("transport", values["transport"], ["auto", "tcp", "udp"]);
    return await untilInterrupted(async (interrupted) => {
      const writable = output === undefined ? undefined : await openOutput(output);
      await using remote = new RemoteStream({ url, mode: "pull", transport });
      await play(remote, { writable, seconds, interrupted });
      return 0;
    });
  },
};

async function openOutput(path: string): Promise<WritableStream<Uint8Array>> {
  if (path === "-") return Deno.stdout.writable;
  const permission = await Deno.permissions.query({ name: "write", path });
  if (permission.state !== "granted") {
    throw new RemoteError(`Cannot write ${path} without permission: add --allow-write=${path}`);
  }
  try {
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    return file.writable;
  } catch (error) {
    throw new RemoteError(
      `Cannot write ${path}: ${reasonOf(error)}`,
    );
  }
}

async function play(
  remote: RemoteStream,
  { writable, seconds, interrupted }: {
    readonly writable: WritableStream<Uint8Array> | undefined;
    readonly seconds: number;
    readonly interrupted: AbortSignal;
  },
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupted, ended.signal]);
  const watch = new StreamWatch(() => performance.now());
  const status = new StatusLine();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const counted = (async function* () {
    for await (const unit of watchedUnits(remote, { watch, signal })) {
      timer ??= setTimeout(() => ended.abort(), Math.min(seconds * 1000, 2 ** 31 - 1));
      yield unit;
    }
  })();
  const reading = writable === undefined
    ? drain(counted)
    : ReadableStream.from(flvBytes(remote, counted)).pipeTo(writable);
  const shown = showProgress(watch, { status, signal });
  await remote.open();
  const all = reading.finally(() => ended.abort());
  try {
    await Promise.race([all, remote.watched(signal)]);
    await all;
  } catch (error) {
    if (error instanceof RemoteError) throw error;
    throw new RemoteError(`Cannot write: ${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
    ended.abort();
    await Promise.allSettled([all, shown]);
    status.end();
  }
}

async function drain(units: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of units);
}

/** The bytes of an FLV file of units, whose time begins at 0. */
async function* flvBytes(
  remote: RemoteStream,
  units: AsyncIterable<MediaUnit>,
): AsyncGenerator<Uint8Array> {
  const remuxer = new FlvRemuxer();
  let originUs: number | undefined;
  let hasTracks = false;
  yield encodeFlvHeader({ hasAudio: true, hasVideo: true });
  for await (const unit of units) {
    const { tracks } = remote.local;
    if (!hasTracks && tracks !== undefined) remuxer.setTracks(tracks);
    hasTracks = true;
    if (unit.role === "media" && unit.kind !== "data") originUs ??= unit.dtsUs;
    for (const body of remuxer.remux(unit)) {
      yield encodeFlvTag(flvTagOf(body, { originUs: originUs ?? body.dtsUs }));
    }
  }
}

async function showProgress(
  watch: StreamWatch,
  { status, signal }: { readonly status: StatusLine; readonly signal: AbortSignal },
): Promise<void> {
  const startedAt = performance.now();
  while (!signal.aborted) {
    await pause(1000, { clock: systemClock, signal });
    const { bitrate, tracks, avOffsetMs } = watch.report;
    const video = tracks.find(({ kind }) => kind === "video");
    const facts = [
      shownTime(performance.now() - startedAt),
      tracks.length === 0 ? "waiting" : shownBitrate(bitrate),
      video?.frameRate === undefined ? "" : `${video.frameRate.toFixed(1)} fps`,
      video?.keyIntervalMs === undefined
        ? ""
        : `key frame each ${(video.keyIntervalMs / 1000).toFixed(1)} s`,
      avOffsetMs === undefined ? "" : `A/V ${Math.round(avOffsetMs)} ms`,
    ];
    status.show(facts.filter((fact) => fact !== "").join(", "));
  }
}
