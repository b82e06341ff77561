import { askByHttp, type Fetch } from "../transport/mod.ts";
import type { JosePackage } from "./jose.ts";
import type { JwtOptions } from "./options.ts";
import { type Permission, permissionsOf } from "./permission_claim.ts";
import type { TokenVerdict, TokenVerifier } from "./token_verifier.ts";

/** Algorithms of a shared key, and of public keys: never both, so that a public key cannot be taken for a shared one. */
const SHARED_ALGORITHMS = ["HS256", "HS384", "HS512"];
const PUBLIC_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

/** A set of public keys is a few thousand bytes. */
const MAX_JWKS_BYTES = 256 * 1024;
const JWKS_TIMEOUT_MS = 5000;

/** Tokens of unknown keys have the set fetched again, but not more often than this, milliseconds. */
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_MAX_AGE_MS = 600_000;

/** Difference of clocks that is let pass, seconds. */
const TOLERANCE_S = 5;

/** What tokens are judged by. */
export interface TokenVerifierTools {
  /** The package that reads them. */
  readonly jose: JosePackage;
  /** The time, milliseconds since 1970. */
  readonly now: () => number;
  /** Fetches public keys. */
  readonly fetch: Fetch;
}

/** Makes what verifies tokens. */
export function makeTokenVerifier(
  options: JwtOptions,
  { jose, now, fetch }: TokenVerifierTools,
): TokenVerifier {
  const allowed = options.secret === undefined ? PUBLIC_ALGORITHMS : SHARED_ALGORITHMS;
  const algorithms = options.algorithms?.filter((name) => allowed.includes(name)) ?? allowed;
  const key = keyOf(options, { jose, fetch });
  const { issuer, audience, claim, userClaim = "sub", allowsNoExpiry = false } = options;
  return {
    async verify(token): Promise<TokenVerdict> {
      let payload: Awaited<ReturnType<JosePackage["jwtVerify"]>>["payload"];
      try {
        ({ payload } = await jose.jwtVerify(token, key, {
          algorithms,
          clockTolerance: TOLERANCE_S,
          currentDate: new Date(now()),
          ...(issuer === undefined ? {} : { issuer }),
          ...(audience === undefined ? {} : { audience }),
        }));
      } catch (error) {
        if (isOfToken(jose, error)) {
          const hasExpired = error instanceof jose.errors.JWTExpired;
          return {
            kind: "wrong",
            why: hasExpired ? "The token has expired" : "The token is wrong",
          };
        }
        throw error;
      }
      const { exp } = payload;
      if (exp === undefined && !allowsNoExpiry) {
        return { kind: "wrong", why: "The token has no expiry" };
      }
      const user = payload[userClaim];
      const permissions: readonly Permission[] = permissionsOf(
        payload[claim ?? "weir_permissions"],
      );
      return {
        kind: "right",
        user: typeof user === "string" && user !== "" && user.length <= 256 ? user : undefined,
        permissions,
        expiresInMs: exp === undefined ? undefined : exp * 1000 - now(),
      };
    },
  };
}

function keyOf(
  { secret, jwks }: JwtOptions,
  { jose, fetch }: Omit<TokenVerifierTools, "now">,
): Parameters<JosePackage["jwtVerify"]>[1] {
  if (secret !== undefined) {
    const key = new TextEncoder().encode(secret);
    return key;
  }
  const fetchKeys = async (url: string): Promise<Response> => {
    const { status, body } = await askByHttp(
      url,
      { timeoutMs: JWKS_TIMEOUT_MS, maxBytes: MAX_JWKS_BYTES },
      fetch,
    );
    return new Response(status === 204 ? null : body, { status: status >= 200 ? status : 502 });
  };
  return jose.createRemoteJWKSet(new URL(jwks!), {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS,
    [jose.customFetch]: fetchKeys,
  });
}

/** Whether the token is at fault; all else is that its keys could not be had. */
function isOfToken(jose: JosePackage, error: unknown): boolean {
  if (!(error instanceof jose.errors.JOSEError) || error.code === "ERR_JOSE_GENERIC") return false;
  return !(error instanceof jose.errors.JWKSTimeout || error instanceof jose.errors.JWKSInvalid);
}
