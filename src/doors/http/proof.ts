import type { Answer, Ask, Guest } from "../../gate/mod.ts";
import type { HttpVisit } from "./http_visit.ts";

/**
 * Asks the gate who a client is and whether it might do something, for requests of what is no live stream; resolves with
 * the user that it has proved to be.
 */
export async function proofOf(
  visit: HttpVisit,
  action: Parameters<Guest["prove"]>[0],
  ask: Omit<Ask, "credentials">,
): Promise<Answer<string | undefined>> {
  const { guest, credentials } = visit;
  const userAgent = visit.header("user-agent") ?? "";
  const entered = await guest.enter({ userAgent: userAgent.slice(0, 512), isRequest: true });
  return "granted" in entered ? await guest.prove(action, { ...ask, credentials }) : entered;
}
