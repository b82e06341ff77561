import type { HttpOutput } from "./http_output.ts";

/** `/live/cam.ts`: MPEG-TS, for set-top players and what takes a file. */
export function tsRow(): HttpOutput {
  return {
    protocol: "http-ts",
    suffix: /\.ts$/,
    methods: { GET: async (visit) => (await import("./ts_play.ts")).playTs(visit) },
  };
}
