import { flvRow } from "./flv_row.ts";
import type { HttpOutput } from "./http_output.ts";
import { mp4Row } from "./mp4_row.ts";
import { tsRow } from "./ts_row.ts";

/** Built-in ways by which streams are played and published over HTTP, beside those that have options; the first whose suffix matches counts. */
export const HTTP_OUTPUTS: readonly HttpOutput[] = [
  flvRow(),
  tsRow(),
  mp4Row(),
];
