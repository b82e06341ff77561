import type { ApiState } from "../server/mod.ts";

/** Keeps the state of the API in a file. */
export function apiStateFile(path: string): ApiState {
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
      await Deno.writeTextFile(path, text);
    },
  };
}
