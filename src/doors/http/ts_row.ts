import { TsWireFormat } from "../../wire/mod.ts";
import type { HttpOutput } from "./http_output.ts";
import { playWire } from "./wire_play.ts";

/** `/live/cam.ts`: MPEG-TS, for set-top players and what takes a file. */
export function tsRow(): HttpOutput {
  return {
    protocol: "http-ts",
    suffix: /\.ts$/,
    methods: {
      GET: (visit) =>
        playWire(visit, {
          format: "ts",
          create: (stream) => new TsWireFormat(stream, { log: visit.log }),
          contentType: "video/mp2t",
        }),
    },
  };
}
