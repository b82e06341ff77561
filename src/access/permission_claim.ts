import { type AccessAction, NamePattern } from "../gate/mod.ts";

/** A permission that a token gives. */
export interface Permission {
  /** What may be done. */
  readonly action: AccessAction;
  /** The streams; `undefined` for all. */
  readonly path: NamePattern | undefined;
}

/** Permissions of one token that are looked at. */
const MOST = 1000;

const ACTIONS: Readonly<Record<string, AccessAction>> = {
  publish: "publish",
  play: "play",
  read: "play",
  talk: "talk",
  api: "api",
};

/**
 * Reads the claim of a token that says what is allowed: a list of objects of `action` and `path`, or one such object.
 * What cannot be read gives no permission.
 */
export function permissionsOf(claim: unknown): Permission[] {
  const list = Array.isArray(claim) ? claim.slice(0, MOST) : [claim];
  return list.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const { action, path = "" } = entry as { readonly action?: unknown; readonly path?: unknown };
    if (typeof action !== "string" || !Object.hasOwn(ACTIONS, action)) return [];
    if (typeof path !== "string") return [];
    const pattern = patternOf(path);
    return pattern === null ? [] : [{ action: ACTIONS[action]!, path: pattern }];
  });
}

/** The pattern of a path, `undefined` for all streams; null where there is none like that. */
function patternOf(path: string): NamePattern | undefined | null {
  if (path === "") return undefined;
  try {
    return new NamePattern(path);
  } catch {
    return null;
  }
}
