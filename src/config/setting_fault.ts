/** One step on the way to a value: a key, or the place in a list, from 0 on. */
export type KeyStep = string | number;

/** A value that a setting cannot have; the message goes on where the name of the setting has been said. */
export class SettingFault extends Error {
  /** Name of the class. */
  override readonly name = "SettingFault";
  /** Where the fault lies, below the setting. */
  readonly path: readonly KeyStep[];

  /** Makes a fault of the value at `path` below the setting. */
  constructor(message: string, path: readonly KeyStep[] = []) {
    super(message);
    this.path = path;
  }
}

/** The fault of a value that is not allowed; a secret is not repeated. */
export function wrong(
  value: unknown,
  { allowed, isSecret = false }: { readonly allowed: string; readonly isSecret?: boolean },
): SettingFault {
  if (value === null) return new SettingFault(`lacks its value: allowed is ${allowed}`);
  return new SettingFault(`${isSecret ? "" : `${shown(value)} `}is wrong: allowed is ${allowed}`);
}

/** A value as an error shows it: short, and in one line. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a section";
  const text = JSON.stringify(String(value));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…"` : text;
}

const LONGEST_SHOWN = 60;
