/**
 * Who may do what, as data: users and rules, publishing keys, signed URLs, tokens, and a URL that is asked. All of it is
 * one `authenticate` hook of the gate, and so the same for every protocol.
 *
 * @example A server to which one user may publish
 * ```ts
 * import { Server } from "@weir/server";
 * import { hashPassword } from "@weir/server/access";
 *
 * await using server = new Server({
 *   rtmp: { hostname: "127.0.0.1", port: 0 },
 *   access: {
 *     users: [{ name: "ann", password: await hashPassword("wonderland") }],
 *     rules: [{ allow: "play" }, { allow: "publish", users: "ann" }],
 *   },
 * });
 * ```
 *
 * @module
 */
export type { Fetch } from "../transport/mod.ts";
export * from "./access.ts";
export { ha1Of } from "./known_users.ts";
export * from "./options.ts";
export {
  type KeptKey,
  keyHash,
  type KeyStore,
  type KeyVerdict,
  type PublishKey,
  PublishKeys,
} from "./publish_keys.ts";
export { hashPassword, parseScryptHash, type ScryptHash } from "./scrypt_password.ts";
export { type SignedPermission, signPermission } from "./signed_url.ts";
