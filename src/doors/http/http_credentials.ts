import type { ShownCredentials } from "../../gate/mod.ts";

/**
 * What the `Authorization` header of a request shows: Basic (RFC 7617) or Bearer (RFC 6750). What it does not
 * show may stand in the query, where the gate looks.
 */
export function credentialsInHeader(header: string | null): ShownCredentials {
  const [scheme = "", ...rest] = (header ?? "").trim().split(/\s+/, 3);
  const [value] = rest;
  if (value === undefined || rest.length > 1) return { kind: "none" };
  switch (scheme.toLowerCase()) {
    case "bearer":
      return { kind: "token", token: value };
    case "basic":
      return basic(value);
    default:
      return { kind: "none" };
  }
}

function basic(value: string): ShownCredentials {
  let text: string;
  try {
    text = new TextDecoder().decode(Uint8Array.fromBase64(value));
  } catch {
    return { kind: "none" };
  }
  const colon = text.indexOf(":");
  if (colon < 0) return { kind: "none" };
  return { kind: "password", username: text.slice(0, colon), password: text.slice(colon + 1) };
}
