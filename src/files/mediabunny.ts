/**
 * The one place that names the package which reads containers other than FLV. It is loaded with the first such file,
 * so that a server that reads none needs no package.
 *
 * @module
 */
import type * as Mediabunny from "npm:mediabunny@1.61.0";

/** What the package exports. */
export type MediabunnyModule = typeof Mediabunny;

/** Not written where it is imported: the runtime would load what it reads there as the program starts. */
const PACKAGE = "npm:mediabunny@1.61.0";

/**
 * Loads the package.
 *
 * @throws {TypeError} (rejects) when it cannot be had
 */
export async function loadMediabunny(): Promise<MediabunnyModule> {
  return await import(PACKAGE);
}
