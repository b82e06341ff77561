// deno-lint-ignore no-import-prefix
import type * as HonoZodOpenApi from "npm:@hono/zod-openapi@1.6.3";

/** Not written where it is imported: Deno downloads what a program names there as it starts. */
const PACKAGE = "npm:@hono/zod-openapi@1.6.3";

/** What the API is made with. */
export type HonoPackage = typeof HonoZodOpenApi;

/** Brings Hono with its OpenAPI and zod; it rejects where they cannot be downloaded. */
export async function loadHono(): Promise<HonoPackage> {
  return await import(PACKAGE);
}
