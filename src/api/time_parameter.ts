/** Reads a time of a query: of ISO 8601, or milliseconds since 1970. */
export function unixMsOf(text: string): number | undefined {
  const unixMs = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(unixMs) ? unixMs : undefined;
}

/** Why a parameter is no time. */
export function timeFault(key: string): string {
  return `"${key}" is wrong: allowed is a time of ISO 8601, or milliseconds since 1970`;
}
