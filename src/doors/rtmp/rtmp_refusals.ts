import type { NotGranted, RefusalKind } from "../../gate/mod.ts";
import type { PlayEvent, PublishEvent } from "../../rtmp/mod.ts";

/** What a refusal of the gate is in RTMP. */
const PUBLISH_REFUSALS: Readonly<Record<RefusalKind, string>> = {
  invalid: "BadName",
  denied: "Denied",
  taken: "BadName",
  absent: "BadName",
  full: "BadName",
  leaving: "BadName",
};

/** The status that a publisher is refused with. */
export function publishRefusal(answer: NotGranted): string {
  return `NetStream.Publish.${PUBLISH_REFUSALS["refused" in answer ? answer.refused : "denied"]}`;
}

/** The name for the log, which is to see neither what is no name, nor what may be a secret. */
export function shownName({ path }: PublishEvent | PlayEvent, answer: NotGranted): string {
  if ("redirect" in answer) return path.name;
  const isNoName = "refused" in answer && answer.refused === "invalid";
  return isNoName || answer.hidesName === true ? "" : path.name;
}
