import type { HttpAnswer } from "../whole_answer.ts";
import { WholeAnswer } from "../whole_answer.ts";
import { headerLines } from "./header_lines.ts";

/** How an answer's body ends: after so many bytes, with the connection, or there is none. */
export type AnswerLength = number | "until-close" | "none";

/**
 * Writes the head of an answer (RFC 9112, 4), a character for each byte. What the connection decides, it says itself:
 * lengths, and whether it goes on.
 */
export function answerHead(
  answer: HttpAnswer,
  { length, goesOn, isOld = false }: {
    readonly length: AnswerLength;
    /** Whether the client may send another request. */
    readonly goesOn: boolean;
    /** Whether the request was one of HTTP/1.0, which closes where nothing else is said. */
    readonly isOld?: boolean;
  },
): string {
  const { status } = answer;
  const lines = answer instanceof WholeAnswer ? answer.headerLines : headerLines(answer.headers);
  const said = typeof length === "number" ? `content-length: ${length}\r\n` : "";
  const connection = status === 101
    ? "connection: Upgrade\r\n"
    : !goesOn
    ? "connection: close\r\n"
    : isOld
    ? "connection: keep-alive\r\n"
    : "";
  return `HTTP/1.1 ${status} ${
    REASONS[status] ?? ""
  }\r\n${lines}${said}${connection}date: ${httpDate()}\r\n\r\n`;
}

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
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  428: "Precondition Required",
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
