import type { HttpVisit } from "./http_visit.ts";
import { answerOfGate } from "./json_answer.ts";
import type { HttpAnswer } from "./whole_answer.ts";
import { proofOf } from "./proof.ts";

/**
 * Asks the gate whether a client may play a stream, which need not be live; resolves with the answer for one that may not, and `undefined` for one that may.
 */
export async function playRefusal(visit: HttpVisit, name: string): Promise<HttpAnswer | undefined> {
  const answer = await proofOf(visit, "play", { name, query: visit.query });
  return "granted" in answer ? undefined : answerOfGate(answer);
}
