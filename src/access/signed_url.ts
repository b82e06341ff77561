import { createHmac } from "node:crypto";
import { isSameText } from "../bytes/mod.ts";
import type { StreamAction } from "../gate/mod.ts";
import { encodeBase64Url } from "./base64.ts";

/** What a signature is for. */
export interface SignedPermission {
  /** What may be done. */
  readonly action: StreamAction;
  /** Name of the stream. */
  readonly name: string;
  /** When it ends, seconds since 1970. */
  readonly expiresAtS: number;
}

/** The least length of a secret, in characters: what is shorter could be guessed from one signed URL. */
export const MIN_SECRET_LENGTH = 16;

/** The parameters of a query that make a signed URL. */
const EXPIRES = "expires";
const SIGNATURE = "signature";

/**
 * Signs the permission to publish or play one stream until some time: the parameters that its URL is to have, whatever
 * the protocol is. They are `expires` and `signature`, which is the HMAC-SHA256 of action, name and expiry in base64url.
 *
 * @throws {TypeError} if the secret is shorter than 16 characters
 *
 * @example
 * ```ts
 * import { signPermission } from "@weir/server/access";
 *
 * const query = signPermission("a secret of this server", {
 *   action: "play",
 *   name: "live/cam",
 *   expiresAtS: Math.floor(Date.now() / 1000) + 3600,
 * });
 * console.log(`rtmp://localhost/live/cam?${query}`.includes("&signature=")); // true
 * ```
 */
export function signPermission(secret: string, permission: SignedPermission): URLSearchParams {
  if (secret.length < MIN_SECRET_LENGTH) {
    throw new TypeError(
      `Cannot sign as a secret needs at least ${MIN_SECRET_LENGTH} characters: current value has ${secret.length}`,
    );
  }
  return new URLSearchParams({
    [EXPIRES]: String(permission.expiresAtS),
    [SIGNATURE]: signatureOf(secret, permission),
  });
}

/** Whether a query has a signature, right or wrong. */
export function isSigned(query: URLSearchParams): boolean {
  return query.has(SIGNATURE);
}

/** What is wrong with a signed URL, or until when it is good, seconds since 1970. */
export type SignatureVerdict = "wrong" | "expired" | { readonly expiresAtS: number };

/** Judges the signature of a query; who has a wrong one is not told whether it would have expired. */
export function judgeSignature(
  query: URLSearchParams,
  { action, name, secrets, nowS }: Omit<SignedPermission, "expiresAtS"> & {
    readonly secrets: readonly string[];
    readonly nowS: number;
  },
): SignatureVerdict {
  const expires = query.get(EXPIRES) ?? "";
  const signature = query.get(SIGNATURE) ?? "";
  if (!/^\d{1,12}$/.test(expires)) return "wrong";
  const expiresAtS = Number(expires);
  const permission = { action, name, expiresAtS };
  const isRight = secrets.map((secret) => isSameText(signature, signatureOf(secret, permission)))
    .includes(true);
  if (!isRight) return "wrong";
  return nowS < expiresAtS ? { expiresAtS } : "expired";
}

/** Names have no line ends, so that no two permissions are one text. */
function signatureOf(secret: string, { action, name, expiresAtS }: SignedPermission): string {
  const text = ["weir", action, name, expiresAtS].join("\n");
  return encodeBase64Url(createHmac("sha256", secret).update(text).digest());
}
