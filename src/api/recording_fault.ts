import { faultAnswer, type HttpAnswer } from "../doors/http/mod.ts";
import type { RecordingError, RecordingErrorCode } from "../record/mod.ts";

const STATUS: Readonly<Record<RecordingErrorCode, number>> = {
  absent: 404,
  format: 409,
  unset: 409,
  busy: 503,
  store: 503,
  unreachable: 503,
  permission: 503,
};

/** The answer that says why a recording cannot be read or written. A store's own words may name folders of the machine. */
export function recordingFault({ code, message }: RecordingError): HttpAnswer {
  const status = STATUS[code];
  const isOwn = code !== "store" && code !== "unreachable" && code !== "permission";
  return faultAnswer({
    status,
    code,
    reason: isOwn ? message : "The store of recordings cannot be used now",
  });
}
