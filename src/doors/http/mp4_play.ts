import type { Stream } from "../../hub/mod.ts";
import { whyNotMp4 } from "../../mp4/mod.ts";
import { mp4FormatName, Mp4WireFormat, settledTracks } from "../../wire/mod.ts";
import type { StreamVisit } from "./http_visit.ts";
import type { HttpAnswer } from "./whole_answer.ts";
import { playWire, type WirePlay } from "./wire_play.ts";

/** Answers who plays fragmented MP4. */
export function playMp4(visit: StreamVisit): Promise<HttpAnswer> {
  return playWire(visit, (stream) => playOf(visit, stream));
}

/** A file names its tracks at its start: they must be known before the first byte. */
async function playOf({ shell, log }: StreamVisit, stream: Stream): Promise<WirePlay> {
  const { clock, timing: { describeWaitMs: waitMs } } = shell;
  const tracks = await settledTracks(stream, { clock, waitMs });
  const reasons = tracks.map(whyNotMp4);
  return {
    format: mp4FormatName(tracks),
    create: () => new Mp4WireFormat(stream, { tracks, log }),
    contentType: tracks.some(({ kind }) => kind === "video") ? "video/mp4" : "audio/mp4",
    whyNothing: () =>
      reasons.includes(undefined)
        ? undefined
        : `The stream ${stream.name} has nothing that MP4 players can be sent (${
          reasons.length === 0 ? "no frame can be decoded yet" : reasons.join("; ")
        })`,
    isOver: (format) => format instanceof Mp4WireFormat && format.isOver,
  };
}
