import { hasNetPermission } from "./net_permission.ts";
import { ServerError } from "./server_error.ts";

/** What is asked of a server of others by HTTP. */
export interface HttpRequest {
  /** Method; GET by default. */
  readonly method?: string;
  /** Headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: string;
  /** How long all may take, milliseconds. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body that are read; with 0 the status alone is wanted. */
  readonly maxBytes: number;
  /** Ends the request when it is aborted. */
  readonly signal?: AbortSignal;
}

/** The answer of a server of others. */
export interface HttpAnswer {
  /** Status; redirections are not followed. */
  readonly status: number;
  /** The body as text; empty where it is not wanted. */
  readonly body: string;
}

/** A function like `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The answer is longer than it may be. */
export class HttpBodyTooLong extends Error {
  /** Name of the class. */
  override readonly name = "HttpBodyTooLong";
}

/**
 * Asks a server of others, which may hang, send for ever, or redirect to where nobody wanted to ask: there is a bound of
 * time for all of it together, one of bytes, and no redirection is followed.
 *
 * @throws {HttpBodyTooLong} if the body is longer than it may be
 * @throws {DOMException} `TimeoutError` if it takes too long, `AbortError` if it is aborted
 * @throws {TypeError} if the server cannot be reached
 */
export async function askByHttp(
  url: string,
  request: HttpRequest,
  fetchFunction: Fetch = fetch,
): Promise<HttpAnswer> {
  const { method = "GET", headers = {}, body, timeoutMs, maxBytes } = request;
  const late = AbortSignal.timeout(timeoutMs);
  const signal = request.signal === undefined ? late : AbortSignal.any([late, request.signal]);
  const response = await fetchFunction(url, {
    method,
    headers,
    redirect: "manual",
    signal,
    ...(body === undefined ? {} : { body }),
  }).catch((error) => {
    throw withReason(error, url);
  });
  const { status } = response;
  if (maxBytes === 0) {
    response.body?.cancel().catch(() => {});
    return { status, body: "" };
  }
  return { status, body: await textOf(response, { maxBytes, signal }) };
}

/** Whether a text is a URL of HTTP, over TLS or not, without user and password, which `fetch` does not take. */
export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "";
}

/**
 * Checks that this program may ask the server of a URL: to ask without permission would stop the program at a question.
 * `purpose` begins the message, as in `ask access.url`.
 *
 * @throws {ServerError} `permission`, with the flag to add
 */
export function checkHttpPermission(purpose: string, text: string): void {
  const { hostname, port, protocol, host } = new URL(text);
  const usual = protocol === "https:" ? 443 : 80;
  if (hasNetPermission(hostname.replace(/^\[|\]$/g, ""), Number(port) || usual)) return;
  throw new ServerError(
    "permission",
    `Cannot ${purpose} without permission: add --allow-net=${host}`,
  );
}

/** Whether a status says that all is well. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** An error that says why a server cannot be reached, and not the whole URL, which may have a secret. */
function withReason(error: unknown, url: string): unknown {
  if (!(error instanceof TypeError && error.cause instanceof Error)) return error;
  const reason = error.cause.message.replace(` for url (${new URL(url).href})`, "");
  return new TypeError(reason.includes("://") ? error.message : reason);
}

async function textOf(
  response: Response,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    signal.throwIfAborted();
    bytes += piece.length;
    if (bytes > maxBytes) throw new HttpBodyTooLong(`The answer has over ${maxBytes} bytes`);
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
