import { type NumberBounds, SERVER_BOUNDS } from "../server/mod.ts";
import { type LeafType, type Setting, setting } from "./setting.ts";

/** A row for a number among the options of a server. */
export interface ServerNumber extends Omit<Setting<number>, "type" | "option"> {
  /** Its path among the options of a server, by which its bounds are found. */
  readonly option: string;
  /** What kind of number it is: a time, a size, a count. */
  readonly as: (bounds: NumberBounds) => LeafType<number>;
}

/**
 * Makes the row of a number that a server's options have: its bounds are those that the server checks itself.
 *
 * @throws {TypeError} if the server has no such number
 */
export function serverNumber({ as, ...row }: ServerNumber): Setting<number> {
  const bounds = SERVER_BOUNDS[row.option];
  if (bounds === undefined) {
    throw new TypeError(`Cannot make the setting ${row.key} as a server has no ${row.option}`);
  }
  return setting({ ...row, type: as(bounds) });
}
