import { createHmac } from "node:crypto";
import { isSameText } from "../bytes/mod.ts";

/** What a token says. */
export interface PeerClaim {
  /** The machine that asks. */
  readonly node: string;
  /** The stream that it asks for. */
  readonly name: string;
  /** When the token ends, seconds since 1970. */
  readonly expires: number;
}

/**
 * Makes the token by which a machine asks another for a stream: what it says, and a signature over that (HMAC-SHA-256,
 * RFC 2104) by the secret that all machines of a cluster share.
 *
 * @example
 * ```ts
 * import { readPeerToken, signPeerToken } from "@weir/server/cluster";
 *
 * const claim = { node: "edge-1", name: "live/cam", expires: 2_000_000_000 };
 * const token = signPeerToken(claim, "a secret of many letters");
 * const read = readPeerToken(token, { secret: "a secret of many letters", nowMs: 0 });
 * console.log(read?.node); // edge-1
 * ```
 */
export function signPeerToken(claim: PeerClaim, secret: string): string {
  const { node, name, expires } = claim;
  const body = new TextEncoder().encode(JSON.stringify([node, name, expires])).toBase64(URL_SAFE);
  return `${body}.${sealOf(body, secret)}`;
}

/** Reads a token; `undefined` where the signature is another's, or it is too old. */
export function readPeerToken(
  token: string,
  { secret, nowMs }: { readonly secret: string; readonly nowMs: number },
): PeerClaim | undefined {
  const [body = "", seal = ""] = token.split(".", 2);
  if (!isSameText(seal, sealOf(body, secret))) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(body, { alphabet: "base64url" });
    const [node, name, expires] = JSON.parse(new TextDecoder().decode(bytes));
    return expires * 1000 > nowMs ? { node, name, expires } : undefined;
  } catch {
    return undefined;
  }
}

const URL_SAFE = { alphabet: "base64url", omitPadding: true } as const;

function sealOf(body: string, secret: string): string {
  const digest = createHmac("sha256", secret).update(body).digest();
  return new Uint8Array(digest).toBase64(URL_SAFE);
}
