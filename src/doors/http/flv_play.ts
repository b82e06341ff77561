import { encodeFlvHeader } from "../../flv/mod.ts";
import type { Stream, StreamReader } from "../../hub/mod.ts";
import { FlvWireFormat, nameOfChoice, trackChoiceOf, whyNothingForFlv } from "../../wire/mod.ts";
import { FlvFilteredFeed, type FlvWishes } from "./flv_filtered_feed.ts";
import type { StreamVisit } from "./http_visit.ts";
import type { HttpAnswer } from "./whole_answer.ts";
import { playWire } from "./wire_play.ts";

/** Nothing of Enhanced RTMP that players can do without: many take codecs by their FourCC, few more than that. */
const EXTENSIONS = { multitrack: false, modEx: false, fourCcs: false, furtherTracks: false };

/** Answers who plays FLV, over HTTP or a WebSocket. */
export function playFlv(visit: StreamVisit): Promise<HttpAnswer> {
  const { query } = visit;
  const wishes = {
    audio: query.get("audio") !== "0",
    video: query.get("video") !== "0",
  };
  const choice = trackChoiceOf(query);
  const extensions = { ...EXTENSIONS, choice };
  const wantsAll = wishes.audio && wishes.video;
  return playWire(visit, {
    format: `flv${nameOfChoice(choice)}`,
    create: (stream) => new FlvWireFormat(stream, extensions, { log: visit.log }),
    contentType: "video/x-flv",
    whyNothing: (stream) => whyNothingForFlv(stream, { players: "FLV" }),
    head: (stream, reader) => headOf(stream, { reader, wishes }),
    ...(wantsAll ? {} : { feed: ({ cursor }) => new FlvFilteredFeed(cursor, wishes) }),
  });
}

/** The header of the file: players wait for a kind of media that it announces and that never comes. */
function headOf(
  stream: Stream,
  { reader, wishes }: { readonly reader: StreamReader; readonly wishes: FlvWishes },
): Uint8Array {
  const { headers, publication } = stream;
  const kinds = new Set<string>();
  for (const { kind } of headers.units) kinds.add(kind);
  for (const { kind } of reader.cursor.peek()?.runs[0]?.entries ?? []) kinds.add(kind);
  for (const { kind, id } of publication?.tracks ?? []) {
    if (reader.format.carries?.(kind, id) ?? true) kinds.add(kind);
  }
  for (const kind of ["video", "audio"] as const) if (stream.isSilent(kind)) kinds.delete(kind);
  const knowsNothing = !kinds.has("audio") && !kinds.has("video");
  return encodeFlvHeader({
    hasAudio: wishes.audio && (knowsNothing || kinds.has("audio")),
    hasVideo: wishes.video && (knowsNothing || kinds.has("video")),
  });
}
