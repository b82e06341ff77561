import { reasonOf } from "../log/mod.ts";
import type { FlvBody } from "../transmux/mod.ts";
import { readContainerFile } from "./container_file.ts";
import { readFlvFile } from "./flv_file.ts";

/** A file cannot be opened, read or understood; the message names the file. */
export class MediaFileError extends Error {
  /** Name of the class. */
  override readonly name = "MediaFileError";
}

/** The first bytes of an FLV file. */
const FLV_SIGNATURE = "FLV";

/**
 * Reads the media of a file in decoding order, as the bodies of FLV, which every codec that weir carries has a form
 * in. FLV is read by weir itself, MP4, MOV, Matroska, WebM, MPEG-TS, Ogg, MP3, WAVE and ADTS by the package
 * `mediabunny`, which is loaded for the first of them. Of several tracks of a kind the first is read.
 *
 * Times are microseconds from the start of the file, as it has them.
 *
 * @throws {MediaFileError} when the file cannot be read, or has nothing that weir can publish; the first error
 * comes with the first body
 *
 * @example
 * ```ts ignore
 * import { readMediaFile } from "@weir/server/files";
 *
 * for await (const { kind, dtsUs, body } of readMediaFile("in.mp4")) {
 *   console.log(kind, dtsUs, body.length);
 * }
 * ```
 */
export async function* readMediaFile(path: string): AsyncGenerator<FlvBody> {
  using file = await open(path);
  try {
    yield* await isFlv(file) ? readFlvFile(file) : readContainerFile(file);
  } catch (error) {
    if (error instanceof MediaFileError) throw error;
    throw new MediaFileError(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Looks whether a file is there and may be read.
 *
 * @throws {MediaFileError} (rejects) with the flag to add, or what is wrong
 */
export async function checkReadable(path: string): Promise<void> {
  (await open(path)).close();
}

/**
 * Looks whether a file can be read, and has something to publish.
 *
 * @throws {MediaFileError} (rejects) with the flag to add, or what is wrong
 */
export async function checkMedia(path: string): Promise<void> {
  for await (const _body of readMediaFile(path)) return;
  throw new MediaFileError(`Cannot publish ${path}: it has no media`);
}

async function open(path: string): Promise<Deno.FsFile> {
  const permission = await Deno.permissions.query({ name: "read", path });
  if (permission.state !== "granted") {
    throw new MediaFileError(`Cannot read ${path} without permission: add --allow-read=${path}`);
  }
  try {
    const file = await Deno.open(path);
    if (!(await file.stat()).isDirectory) return file;
    file.close();
  } catch (error) {
    throw new MediaFileError(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
  throw new MediaFileError(`Cannot read ${path}: it is a directory`);
}

async function isFlv(file: Deno.FsFile): Promise<boolean> {
  const first = new Uint8Array(FLV_SIGNATURE.length);
  await file.read(first);
  await file.seek(0, Deno.SeekMode.Start);
  return new TextDecoder().decode(first) === FLV_SIGNATURE;
}
