import { isSameText } from "../bytes/mod.ts";
import type { Credentials } from "./hooks.ts";

/**
 * Whether the parameters of an RTMP URL show the credentials: `user` and `pass`, or `username` and
 * `password`. The time that it takes tells nothing of them.
 */
export function showsCredentials(query: URLSearchParams, known: Credentials): boolean {
  const username = query.get("user") ?? query.get("username") ?? "";
  const password = query.get("pass") ?? query.get("password") ?? "";
  const isUser = isSameText(username, known.username);
  return isSameText(password, known.password) && isUser;
}
