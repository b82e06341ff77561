import type { DigestCredentials, ShownCredentials } from "../../gate/mod.ts";
import { parseAuthorization, type RtspQuestionEvent } from "../../rtsp/mod.ts";

const remembered = new WeakMap<RtspQuestionEvent, ShownCredentials>();

/** What the client of a question shows of itself, in the words of the gate; the same object each time. */
export function shownCredentials(event: RtspQuestionEvent): ShownCredentials {
  let shown = remembered.get(event);
  if (shown === undefined) remembered.set(event, shown = read(event));
  return shown;
}

function read({ request, credentials }: RtspQuestionEvent): ShownCredentials {
  const header = request.headers.get("Authorization");
  if (header === undefined) return { kind: "none" };
  const bearer = /^\s*bearer +(\S+)\s*$/i.exec(header);
  if (bearer !== null) return { kind: "token", token: bearer[1]! };
  // What cannot be read, or is of a method that is not offered, shows nothing: the client is asked for what is.
  if (!credentials.isOffered) return { kind: "none" };
  const authorization = parseAuthorization(header);
  const { username } = authorization;
  if (authorization.scheme === "basic") {
    return { kind: "password", username, password: authorization.password };
  }
  let isStale = false;
  return {
    kind: "digest",
    username,
    realm: authorization.realm,
    verify: (known) => {
      const verdict = credentials.verify({ username, ...known });
      isStale = verdict === "stale";
      return verdict === "granted";
    },
    isStale: () => isStale,
  } satisfies DigestCredentials;
}
