import { RtspError } from "./errors.ts";

/** A `Session` header (RFC 2326, 12.37). */
export interface RtspSessionHeader {
  /** Session id, opaque. */
  readonly id: string;
  /** Seconds without a request after which the server ends the session; 60 where it is not said. */
  readonly timeoutS?: number;
}

/**
 * Reads a `Session` header; attributes other than `timeout` are passed over.
 *
 * @throws {RtspError} `malformed-session` if there is no id
 *
 * @example
 * ```ts
 * import { parseSessionHeader } from "@weir/server/rtsp";
 *
 * console.log(parseSessionHeader("a1b2; timeout=60")); // { id: "a1b2", timeoutS: 60 }
 * ```
 */
export function parseSessionHeader(text: string): RtspSessionHeader {
  const [id, ...attributes] = text.split(";").map((part) => part.trim());
  if (!id) throw new RtspError("malformed-session", "a Session header without id", { status: 454 });
  for (const attribute of attributes) {
    const timeout = /^timeout\s*=\s*(\d{1,6})$/i.exec(attribute);
    if (timeout !== null) return { id, timeoutS: Number(timeout[1]) };
  }
  return { id };
}

/**
 * Whether a `Session` header names no session: some clients and cameras send an empty one before there is any.
 *
 * @example
 * ```ts
 * import { isNoSession } from "@weir/server/rtsp";
 *
 * console.log(isNoSession(" "), isNoSession(";timeout=60"), isNoSession("a1b2")); // true true false
 * ```
 */
export function isNoSession(text: string): boolean {
  return text.split(";", 1)[0]!.trim() === "";
}

/**
 * Writes a `Session` header.
 *
 * @example
 * ```ts
 * import { formatSessionHeader } from "@weir/server/rtsp";
 *
 * console.log(formatSessionHeader({ id: "a1b2", timeoutS: 55 })); // a1b2;timeout=55
 * ```
 */
export function formatSessionHeader(header: RtspSessionHeader): string {
  return header.timeoutS === undefined ? header.id : `${header.id};timeout=${header.timeoutS}`;
}
