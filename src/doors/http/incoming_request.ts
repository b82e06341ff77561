/**
 * A request as the door sees it. Most are answered by a look at their path and two or three headers: a `URL` and a
 * `Request` are made only for who looks at those.
 */
export interface IncomingRequest {
  /** The method, in capitals. */
  readonly method: string;
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** The host, and the port where it is not the usual one. */
  readonly host: string;
  /** The host without the port. */
  readonly hostname: string;
  /** The path as a URL has it: percent-encoded, and normal. */
  readonly pathname: string;
  /** The query with its question mark, or nothing. */
  readonly search: string;
  /** The body, where it has one. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** The URL. */
  readonly url: URL;
  /** The request as the platform has it. */
  readonly request: Request;
  /** A header by its name in small letters; several of one name are joined by commas. */
  header(name: string): string | null;
}

/** A request that is one of the platform's already. */
export class PlatformRequest implements IncomingRequest {
  readonly url: URL;
  readonly #request: Request;
  #shown: Request | undefined;

  /** Looks at a request; `protocol` is how it has come, where that is not how it was passed on. */
  constructor(request: Request, protocol?: "http:" | "https:") {
    this.#request = request;
    this.url = new URL(request.url);
    if (protocol !== undefined) this.url.protocol = protocol;
  }

  get request(): Request {
    const { href } = this.url;
    const isIt = href === this.#request.url;
    return this.#shown ??= isIt ? this.#request : new Request(href, this.#request);
  }

  get method(): string {
    return this.#request.method;
  }

  get protocol(): string {
    return this.url.protocol;
  }

  get host(): string {
    return this.url.host;
  }

  get hostname(): string {
    return this.url.hostname;
  }

  get pathname(): string {
    return this.url.pathname;
  }

  get search(): string {
    return this.url.search;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#request.body;
  }

  header(name: string): string | null {
    return this.#request.headers.get(name);
  }
}
