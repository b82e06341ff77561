import { checkStreamName, HubError } from "../hub/mod.ts";

/**
 * The stream's name in the path of a URL.
 *
 * @throws {HubError} `bad-name` if there can be no stream of that name
 */
export function streamNameOf(path: string): string {
  let name: string;
  try {
    name = decodeURIComponent(path).replace(/^\/+/, "");
  } catch (cause) {
    throw new HubError("bad-name", "The path has malformed percent-encoding", { cause });
  }
  checkStreamName(name);
  return name;
}
