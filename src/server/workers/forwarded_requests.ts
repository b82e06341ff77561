import type { HttpRoutes, HttpVisit } from "../../doors/http/mod.ts";

/** An HTTP request on its way to the main thread; the answer comes by the port. */
export interface ForwardedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** Address of the client. */
  readonly remoteAddress: string;
}

/** What comes by the port of a request: the head of the answer, pieces of its body, and the end. */
type AnswerMessage =
  | {
    readonly type: "head";
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly hasBody: boolean;
  }
  | { readonly type: "piece"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "end" };

/** Paths that are the main thread's: the API and the metrics are of the whole server. */
const OF_MAIN = /^\/(v1(\/|$)|metrics$)/;

/** Bytes that a request may bring: as many as the API reads. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Has requests that are for the whole server answered by the main thread. */
export class ForwardedRoutes implements HttpRoutes {
  readonly protocol = "http-api";
  readonly place = "before-outputs";
  readonly #post: (request: ForwardedRequest, port: MessagePort) => void;

  /** Gives requests to the main thread by `post`. */
  constructor(post: (request: ForwardedRequest, port: MessagePort) => void) {
    this.#post = post;
  }

  has(path: string): boolean {
    return OF_MAIN.test(path);
  }

  serve(visit: HttpVisit): Promise<Response> {
    return forward(visit, this.#post);
  }
}

/** Has a request answered by whoever `post` gives it to. */
export async function forward(
  { request, url, path, guest }: HttpVisit,
  post: (request: ForwardedRequest, port: MessagePort) => void,
): Promise<Response> {
  const body = request.body === null ? undefined : await bodyOf(request);
  if (body === "too-large") return new Response(null, { status: 413 });
  const { port1, port2 } = new MessageChannel();
  post({
    method: request.method,
    // Wherever this server is mounted, the other thread is at the root.
    url: new URL(`${encodeURI(path)}${url.search}`, url).href,
    headers: [...request.headers],
    body,
    remoteAddress: guest.remoteAddress,
  }, port2);
  return await answerFrom(port1);
}

/** Answers a request of a worker, in another thread. */
export async function answerForwarded(
  { method, url, headers, body, remoteAddress }: ForwardedRequest,
  { port, fetch }: {
    readonly port: MessagePort;
    readonly fetch: (request: Request, remoteAddress: string) => Promise<Response>;
  },
): Promise<void> {
  const send = (message: AnswerMessage): void => port.postMessage(message);
  const request = new Request(url, {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body }),
  });
  try {
    const answer = await fetch(request, remoteAddress);
    const reader = answer.body?.getReader();
    // Whoever reads it has gone.
    port.onmessage = () => void reader?.cancel().catch(() => {});
    const { status } = answer;
    send({ type: "head", status, headers: [...answer.headers], hasBody: reader !== undefined });
    for (let read; reader !== undefined && (read = await reader.read()).value !== undefined;) {
      send({ type: "piece", bytes: new Uint8Array(read.value) });
    }
  } catch {
    send({ type: "head", status: 500, headers: [], hasBody: false });
  }
  send({ type: "end" });
  port.onmessage = null;
  port.close();
}

async function bodyOf(request: Request): Promise<Uint8Array<ArrayBuffer> | "too-large"> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const piece of request.body!) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) return "too-large";
    pieces.push(new Uint8Array(piece));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Makes the answer of what comes by a port. */
async function answerFrom(port: MessagePort): Promise<Response> {
  const head = Promise.withResolvers<Extract<AnswerMessage, { type: "head" }>>();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let isOver = false;
  const close = (): void => {
    isOver = true;
    port.onmessage = null;
    port.close();
  };
  const body = new ReadableStream<Uint8Array>({
    start: (own) => void (controller = own),
    cancel() {
      port.postMessage("cancel");
      close();
    },
  });
  port.onmessage = ({ data }: MessageEvent<AnswerMessage>) => {
    if (isOver) return;
    if (data.type === "head") return head.resolve(data);
    if (data.type === "piece") return controller.enqueue(data.bytes);
    close();
    controller.close();
  };
  const { status, headers, hasBody } = await head.promise;
  return new Response(hasBody ? body : null, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  });
}
