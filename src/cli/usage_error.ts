import { nearestWord } from "../config/mod.ts";

/** The command line is wrong; the message says what, and what is allowed. */
export class UsageError extends Error {
  /** Name of the class. */
  override readonly name = "UsageError";
}

/** The error for an option that there is not. */
export function unknownOption(given: string, names: Iterable<string>): UsageError {
  const nearest = nearestWord(given.replace(/^-+/, "").replace(/=.*/s, ""), names);
  const advice = nearest === undefined ? "see --help" : `did you mean --${nearest}? See --help`;
  return new UsageError(`unknown option ${given}: ${advice}`);
}
