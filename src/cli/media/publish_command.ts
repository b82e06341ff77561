import { fileUnits, MediaFileError } from "../../files/mod.ts";
import { pause } from "../../hub/mod.ts";
import type { MediaUnit } from "../../media/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../usage_error.ts";
import { untilInterrupted } from "./interrupted.ts";
import { parseMediaArguments, streamUrl, wordOf } from "./media_arguments.ts";
import { RemoteError } from "./remote_error.ts";
import { RemoteStream } from "./remote_stream.ts";
import { shownBitrate, shownTime, StatusLine } from "./status_line.ts";

const HELP = `Publish files as a live stream, at their own pace.

Usage: weir publish FILE… URL [options]

FILE is FLV, MP4, MOV, Matroska, WebM, MPEG-TS or a sound file; several play one behind the other,
as one stream. Nothing is transcoded. URL is rtmp://…, rtmps://…, rtsp://… or rtsps://…

Options:
  --loop              begin again when the last file has ended
  --transport WORD    what carries the media of RTSP: auto (the default), tcp or udp
  --help              print this

Permissions: --allow-net, and --allow-read of the files.
Exit codes: 0 when all was sent or it was interrupted, 1 when the server or a file fails, 2 when the
arguments are wrong.

Example:  weir publish in.mp4 rtmp://localhost/live/cam --loop
`;

/** How long what was sent last may take to leave, milliseconds. */
const DRAIN_MS = 3000;

/** `weir publish`: files as a live stream. */
export const publishCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, flags, values } = parseMediaArguments(args, {
      flags: ["loop"],
      values: ["transport"],
    });
    const files = positionals.slice(0, -1);
    const url = streamUrl(positionals.at(-1));
    if (files.length === 0) throw new UsageError("publish needs a FILE before the URL");
    const transport = wordOf("transport", values["transport"], ["auto", "tcp", "udp"]);
    return await untilInterrupted(async (signal) => {
      await using remote = new RemoteStream({ url, mode: "push", transport });
      await remote.open();
      await publish(remote, { files, loop: flags["loop"]!, signal });
      return 0;
    });
  },
};

async function publish(
  remote: RemoteStream,
  { files, loop, signal }: {
    readonly files: readonly string[];
    readonly loop: boolean;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const status = new StatusLine();
  const ended = new AbortController();
  const all = AbortSignal.any([signal, ended.signal]);
  const units = fileUnits(files, { loop, clock: systemClock, signal: all });
  let newestUs = 0;
  const counted = units.pipeThrough(
    new TransformStream<MediaUnit, MediaUnit>(
      {
        transform(unit, controller) {
          newestUs = Math.max(newestUs, unit.dtsUs);
          controller.enqueue(unit);
        },
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    ),
  );
  const sent = remote.publish(counted, { signal: all });
  const shown = showProgress(remote, { status, signal: all, positionMs: () => newestUs / 1000 });
  try {
    await Promise.race([sent, remote.watched(all)]);
    await sent;
    // The end has reached the relay, and what it still has goes out.
    for (let waited = 0; remote.state === "running" && waited < DRAIN_MS; waited += 50) {
      await pause(50, { clock: systemClock, signal });
    }
    if (!signal.aborted && remote.bytes === 0) {
      remote.check();
      throw new RemoteError(`${remote.target}: the files ended before the server was reached`);
    }
  } catch (error) {
    throw error instanceof MediaFileError
      ? new RemoteError(error.message, { cause: error })
      : error;
  } finally {
    ended.abort();
    await Promise.allSettled([sent, shown]);
    status.end();
  }
}

async function showProgress(
  remote: RemoteStream,
  { status, signal, positionMs }: {
    readonly status: StatusLine;
    readonly signal: AbortSignal;
    readonly positionMs: () => number;
  },
): Promise<void> {
  for (let before = remote.bytes; !signal.aborted; before = remote.bytes) {
    await pause(1000, { clock: systemClock, signal });
    const rate = shownBitrate((remote.bytes - before) * 8);
    const lost = remote.dropped > 0 ? `, ${remote.dropped} units not sent: it is too slow` : "";
    status.show(`${shownTime(positionMs())} to ${remote.target}: ${remote.state}, ${rate}${lost}`);
  }
}
