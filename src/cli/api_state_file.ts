import type { ApiState } from "../server/mod.ts";

/** Keeps the state of the API in a file, which nobody else may read: URLs of relays have passwords. */
export function apiStateFile(path: string): ApiState {
  // It takes the place of the file when all is there.
  const draft = `${path}.new`;
  return {
    async load() {
      try {
        return await Deno.readTextFile(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    async save(text) {
      await Deno.writeTextFile(draft, text, { mode: 0o600 });
      await Deno.rename(draft, path);
    },
  };
}
