import { TsWireFormat } from "../../wire/mod.ts";
import type { StreamVisit } from "./http_visit.ts";
import type { HttpAnswer } from "./whole_answer.ts";
import { playWire } from "./wire_play.ts";

/** Answers who plays MPEG-TS. */
export function playTs(visit: StreamVisit): Promise<HttpAnswer> {
  return playWire(visit, {
    format: "ts",
    create: (stream) => new TsWireFormat(stream, { log: visit.log }),
    contentType: "video/mp2t",
  });
}
