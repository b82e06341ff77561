import { headerLines } from "./http1/header_lines.ts";

/** What an answer has beside its body; what is left out is 200, and no headers. */
export interface WholeAnswerInit {
  /** HTTP's status. */
  readonly status?: number;
  /** Headers by name, in small letters. Its length is said by whoever writes it. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What requests are answered with: a `Response` whose body may take its time, or one that is all there. */
export type HttpAnswer = Response | WholeAnswer;

/**
 * An answer whose body is all there. The connections of this server write it as it lies; a `Response` is made of it only
 * where somebody else takes it. It never changes, so it may be given to many.
 *
 * @example
 * ```ts
 * import { WholeAnswer } from "./whole_answer.ts";
 *
 * const answer = new WholeAnswer("ok", { headers: { "content-type": "text/plain" } });
 * console.log(answer.bytes?.length, answer.response().status); // 2 200
 * ```
 */
export class WholeAnswer {
  /** HTTP's status. */
  readonly status: number;
  /** Headers by name. */
  readonly headers: Readonly<Record<string, string>>;
  #body: string | Uint8Array | null;
  #headerLines: string | undefined;

  /**
   * Makes one of a body; `null` for an answer that has none. Bytes are kept, not copied.
   *
   * @throws {TypeError} if a header is none that HTTP can have
   */
  constructor(
    body: string | Uint8Array | null,
    { status = 200, headers = {} }: WholeAnswerInit = {},
  ) {
    this.#body = body;
    checkHeaders(headers);
    this.status = status;
    this.headers = headers;
  }

  /** The body; not to be changed. */
  get bytes(): Uint8Array | undefined {
    if (typeof this.#body === "string") this.#body = encoder.encode(this.#body);
    return this.#body ?? undefined;
  }

  /** The headers as they are written, made once. */
  get headerLines(): string {
    return this.#headerLines ??= headerLines(Object.entries(this.headers));
  }

  /** The same answer with further headers. */
  with(headers: Readonly<Record<string, string>>): WholeAnswer {
    return new WholeAnswer(this.#body, {
      status: this.status,
      headers: { ...this.headers, ...headers },
    });
  }

  /** What HEAD gets of it: all but the body. */
  withoutBody(): WholeAnswer {
    const { status, headers, bytes } = this;
    if (bytes === undefined) return this;
    const length = { "content-length": String(bytes.length) };
    return new WholeAnswer(null, { status, headers: { ...headers, ...length } });
  }

  /** The same as a `Response`, which anybody can take. */
  response(): Response {
    const { status, headers } = this;
    // No memory of the hub is shared between threads: the type alone would allow it.
    return new Response(this.#body as string | Uint8Array<ArrayBuffer> | null, { status, headers });
  }
}

/** A name in small letters, and a value, as a head can have them (RFC 9110, 5.1 and 5.5): what else there were would be a line of its own. */
const NAME = /^[!#$%&'*+\-.^_`|~\da-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const name in headers) {
    if (NAME.test(name) && VALUE.test(headers[name]!)) continue;
    throw new TypeError(
      `Cannot answer with the header ${JSON.stringify(name)} as HTTP has no such name or value`,
    );
  }
}

const encoder = new TextEncoder();

/** Whether something is an answer, and not what one is made of. */
export function isAnswer(value: unknown): value is HttpAnswer {
  return value instanceof WholeAnswer || value instanceof Response;
}

/** An answer as a `Response`. */
export function responseOf(answer: HttpAnswer): Response {
  return answer instanceof WholeAnswer ? answer.response() : answer;
}
