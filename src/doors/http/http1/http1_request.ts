import type { IncomingRequest } from "../incoming_request.ts";
import { RequestFault, type RequestHead } from "./request_head.ts";

/** Where a request goes to, as a URL has it. */
type Target = Pick<IncomingRequest, "protocol" | "host" | "hostname" | "pathname" | "search">;

/** A request that has come by HTTP/1: its head, and its body as it is asked for. */
export class Http1Request implements IncomingRequest {
  readonly method: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly pathname: string;
  readonly search: string;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly #head: RequestHead;
  #url: URL | undefined;
  #request: Request | undefined;

  /**
   * Makes a request of a head.
   *
   * @throws {RequestFault} when its method, host or target are none
   */
  constructor(
    head: RequestHead,
    { body, isTls }: {
      readonly body: ReadableStream<Uint8Array> | undefined;
      readonly isTls: boolean;
    },
  ) {
    this.#head = head;
    this.method = methodOf(head.method);
    const target = targetOf(head, isTls ? "https:" : "http:");
    if (target instanceof URL) this.#url = target;
    this.protocol = target.protocol;
    this.host = target.host;
    this.hostname = target.hostname;
    this.pathname = target.pathname;
    this.search = target.search;
    const mayHaveBody = this.method !== "GET" && this.method !== "HEAD";
    this.body = mayHaveBody ? body ?? null : null;
  }

  get url(): URL {
    return this.#url ??= new URL(
      `${this.protocol}//${this.host}${this.pathname}${this.search}`,
    );
  }

  get request(): Request {
    return this.#request ??= new Request(this.url, {
      method: this.method,
      headers: this.#head.headers as [string, string][],
      ...(this.body === null ? {} : { body: this.body }),
    });
  }

  header(name: string): string | null {
    let value: string | null = null;
    for (const [of, one] of this.#head.headers) {
      if (of === name) value = value === null ? one : `${value}, ${one}`;
    }
    return value;
  }
}

/** Methods that a `Request` cannot have, and no handler here has. */
const FORBIDDEN: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Methods that a `Request` has in capitals, however they are written (Fetch, 2.2.1). */
const IN_CAPITALS: ReadonlySet<string> = new Set([
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
]);

function methodOf(method: string): string {
  const capitals = method.toUpperCase();
  if (FORBIDDEN.has(capitals)) {
    throw new RequestFault(405, `The method ${method} is not for this server`);
  }
  return IN_CAPITALS.has(capitals) ? capitals : method;
}

const LABEL = "[a-z][a-z\\d]*(?:-[a-z\\d]+)*";
const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

/** A host that a URL has as it is: a name whose labels begin with a letter, or an IPv4 address, and a port. */
const PLAIN_HOST = new RegExp(
  `^(${LABEL}(?:\\.${LABEL})*|${OCTET}(?:\\.${OCTET}){3})(?::[1-9]\\d{0,4})?$`,
);

/** The newest host that was looked at: most clients are all for the same. */
let newest: { readonly host: string; readonly hostname: string | undefined } | undefined;

function plainHostname(host: string): string | undefined {
  if (newest?.host !== host) newest = { host, hostname: PLAIN_HOST.exec(host)?.[1] };
  return newest.hostname;
}

/** Reads a target by the rules of URLs; what needs none of them is read without. */
function targetOf({ target, isPlain, host: said, isOld }: RequestHead, protocol: string): Target {
  const host = said ?? (isOld ? "localhost" : "");
  const hostname = isPlain ? plainHostname(host) : undefined;
  if (hostname === undefined || !isPlainPort(host, { hostname, protocol })) {
    return urlOf(target, { host, protocol });
  }
  const question = target.indexOf("?");
  const pathname = question < 0 ? target : target.slice(0, question);
  const search = question < 0 ? "" : target.slice(question);
  return { protocol, host, hostname, pathname, search };
}

function isPlainPort(
  host: string,
  { hostname, protocol }: { readonly hostname: string; readonly protocol: string },
): boolean {
  if (host.length === hostname.length) return true;
  const port = Number(host.slice(hostname.length + 1));
  return port < 65536 && port !== (protocol === "https:" ? 443 : 80);
}

function urlOf(
  target: string,
  { host, protocol }: { readonly host: string; readonly protocol: string },
): URL {
  if (!/^[^\s/?#@\\]+$/.test(host)) throw new RequestFault(400, "The Host is none");
  const base = `${protocol}//${host}`;
  const text = target.startsWith("/") ? base + target : target === "*" ? `${base}/*` : target;
  const url = /^https?:\/\/[^/?]/i.test(text) ? URL.parse(text) : null;
  // Who shows a password shows it in a header.
  if (url === null || url.username !== "" || url.password !== "") {
    throw new RequestFault(400, "The target of the request is none");
  }
  return url;
}
