import { createHash, timingSafeEqual } from "node:crypto";
import type { Credentials } from "./hooks.ts";

/**
 * Whether the parameters of an RTMP URL show the credentials: `user` and `pass`, or `username` and
 * `password`. The time that it takes tells nothing of them.
 */
export function showsCredentials(query: URLSearchParams, known: Credentials): boolean {
  const username = query.get("user") ?? query.get("username") ?? "";
  const password = query.get("pass") ?? query.get("password") ?? "";
  const isUser = isSame(username, known.username);
  return isSame(password, known.password) && isUser;
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
