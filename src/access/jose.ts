import type * as Jose from "npm:jose@6.2.18";

/** The package `jose`, which reads JSON Web Tokens and their keys. */
export type JosePackage = typeof Jose;

/** Not a literal where it is imported: Deno would download the package before it starts, whether it is used or not. */
const JOSE = "npm:jose@6.2.18";

/**
 * Loads the package `jose`; the one file that does.
 *
 * @throws {TypeError} if it is neither in the cache nor to be downloaded
 */
export async function loadJose(): Promise<JosePackage> {
  return await import(JOSE) as JosePackage;
}
