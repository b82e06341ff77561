import { checkStreamName, RtmpError } from "../rtmp/mod.ts";

/**
 * The stream's name in the path of a URL.
 *
 * @throws {RtmpError} if there can be no stream of that name
 */
export function streamNameOf(path: string): string {
  let name: string;
  try {
    name = decodeURIComponent(path).replace(/^\/+/, "");
  } catch (cause) {
    throw new RtmpError("url", "The path has malformed percent-encoding", { cause });
  }
  checkStreamName(name);
  return name;
}
