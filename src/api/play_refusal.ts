import { answerOfGate, type HttpVisit } from "../doors/http/mod.ts";

/**
 * Asks the gate whether a client may play what was kept of a stream, which need not be live; resolves with the answer
 * for one that may not, and `undefined` for one that may.
 */
export async function playRefusal(visit: HttpVisit, name: string): Promise<Response | undefined> {
  const { guest, url, credentials, request } = visit;
  const userAgent = request.headers.get("user-agent") ?? "";
  const entered = await guest.enter({ userAgent: userAgent.slice(0, 512) });
  if (!("granted" in entered)) return answerOfGate(entered);
  const answer = await guest.prove("play", { name, query: url.searchParams, credentials });
  return "granted" in answer ? undefined : answerOfGate(answer);
}
