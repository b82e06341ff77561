import type { Admitted } from "./authentication.ts";
import type { Desk } from "./desk.ts";

/**
 * Asks whether a publisher or player may stay, by the rules of now; resolves with why not, `undefined` where it may.
 * Where nobody can say, it may not.
 */
export async function whyNotStay(desk: Desk, admitted: Admitted): Promise<string | undefined> {
  const { mayStay } = desk.hooks;
  if (mayStay === undefined) return undefined;
  const away = await desk.caller.turnsAway(() => mayStay(admitted), {
    locate: (redirect) => redirect,
    leavers: new Set(),
  });
  if (away === undefined) return undefined;
  return "refused" in away ? away.why : "Not allowed any more";
}
