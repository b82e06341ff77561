/** How an answer's body ends: after so many bytes, with the connection, or there is none. */
export type AnswerLength = number | "until-close" | "none";

/**
 * Writes the head of an answer (RFC 9112, 4). What the connection decides, it says itself: lengths, and whether it goes
 * on.
 */
export function encodeAnswerHead(
  { status, headers }: { readonly status: number; readonly headers: Headers },
  { length, goesOn, isOld = false }: {
    readonly length: AnswerLength;
    /** Whether the client may send another request. */
    readonly goesOn: boolean;
    /** Whether the request was one of HTTP/1.0, which closes where nothing else is said. */
    readonly isOld?: boolean;
  },
): Uint8Array {
  let text = `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n`;
  for (const [name, value] of headers) {
    if (!OF_CONNECTION.has(name)) text += `${name}: ${value}\r\n`;
  }
  if (typeof length === "number") text += `content-length: ${length}\r\n`;
  if (status === 101) text += "connection: Upgrade\r\n";
  else if (!goesOn) text += "connection: close\r\n";
  else if (isOld) text += "connection: keep-alive\r\n";
  text += `date: ${httpDate()}\r\n\r\n`;
  const bytes = new Uint8Array(text.length);
  // Header values are bytes, and their text has one character for each.
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Headers that are not for a handler to set; the length is, and is said by the connection. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

/** What the statuses that weir answers with are called; a client needs the number alone. */
const REASONS: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  302: "Found",
  304: "Not Modified",
  307: "Temporary Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  416: "Range Not Satisfiable",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

let shown: { readonly second: number; readonly text: string } = { second: 0, text: "" };

/** The time as HTTP writes it (RFC 9110, 5.6.7), made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (shown.second !== second) shown = { second, text: new Date(second * 1000).toUTCString() };
  return shown.text;
}
