import type { RtspServerAuthenticator } from "./authentication.ts";
import { parseAuthorization, splitScheme } from "./authentication_headers.ts";
import type { RtspRequest } from "./message.ts";
import type { RtspPresentedCredentials } from "./server_events.ts";

/** The credentials that a request shows, and how they are compared with those that are known. */
export function presentedCredentials(
  { method, url, headers }: RtspRequest,
  { authenticator, nowMs }: {
    readonly authenticator: RtspServerAuthenticator;
    /** The time when they are compared. */
    readonly nowMs: () => number;
  },
): RtspPresentedCredentials {
  const authorization = headers.get("Authorization");
  const shown = parsed(authorization);
  return {
    scheme: authorization === undefined ? undefined : splitScheme(authorization).scheme,
    isOffered: authenticator.offers(authorization),
    realm: authenticator.realm,
    username: shown?.username,
    password: shown?.scheme === "basic" ? shown.password : undefined,
    verify: (known) =>
      authenticator.verify({ method, url, authorization }, { credentials: known, nowMs: nowMs() }),
  };
}

function parsed(
  authorization: string | undefined,
): ReturnType<typeof parseAuthorization> | undefined {
  try {
    return authorization === undefined ? undefined : parseAuthorization(authorization);
  } catch {
    return undefined;
  }
}
