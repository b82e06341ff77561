import { flvRow } from "./flv_row.ts";
import { hlsRow } from "./hls_row.ts";
import type { HttpOutput } from "./http_output.ts";
import { mp4Row } from "./mp4_row.ts";
import { tsRow } from "./ts_row.ts";

/** The built-in ways by which streams are played and published over HTTP; the first whose suffix matches counts. */
export const HTTP_OUTPUTS: readonly HttpOutput[] = [
  hlsRow(),
  flvRow(),
  tsRow(),
  mp4Row(),
];
