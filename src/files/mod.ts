/**
 * Files as publishers: FLV, MP4 and other containers become the units of a live stream.
 *
 * @example What a file that cannot be published says
 * ```ts
 * import { fileUnits } from "@weir/server/files";
 *
 * const reader = fileUnits(["missing.mp4"]).getReader();
 * const reason = await reader.read().catch((error) => error.name);
 * console.log(reason); // MediaFileError
 * ```
 *
 * @module
 */
export * from "./file_channel.ts";
export * from "./file_source.ts";
export { checkMedia, checkReadable, MediaFileError, readMediaFile } from "./media_file.ts";
export type { FlvBody } from "../transmux/mod.ts";
export type { MediaUnit } from "../media/mod.ts";
export type { Clock, Timer } from "../hub/mod.ts";
export type { LogFields, ServerLog } from "../log/mod.ts";
