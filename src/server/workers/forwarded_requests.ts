import {
  type HttpAnswer,
  type HttpRoutes,
  type HttpVisit,
  isAnswer,
} from "../../doors/http/mod.ts";

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
  | { readonly type: "end" }
  /** What is left of its body cannot be had. */
  | { readonly type: "failed" };

/** What of the main thread's is asked for at the ports of workers. */
export interface ForwardedPaths {
  /** The ends of paths of the program's own outputs. */
  readonly outputs: readonly RegExp[];
  /** Whether the program has paths of its own: who has them, it alone knows. */
  readonly others: boolean;
}

/** The API and the metrics are of the whole server. */
const API = /^\/(v1(\/|$)|metrics$)/;

/** What was recorded is media; the main thread has the files. */
const RECORDINGS = /^\/v1\/recordings(\/|$)/;
const CLIPS = /.\/clip\.mp4$/;

/** Methods that a program may not ask with (Fetch, 2.2.1). */
const FORBIDDEN: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Bytes that a request may bring: as many as the API reads. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Has requests that are for the whole server answered by the main thread, which is given them by `post`. */
export function forwardedRoutes(
  { outputs, others }: ForwardedPaths,
  post: (request: ForwardedRequest, port: MessagePort) => void,
): HttpRoutes[] {
  const serve = (visit: HttpVisit): Promise<HttpAnswer> => forward(visit, post);
  const routes = (
    protocol: string,
    has: (path: string) => boolean,
    about: Pick<HttpRoutes, "isShared"> & Partial<Pick<HttpRoutes, "place">> = {},
  ): HttpRoutes => ({ protocol, place: "before-outputs", has, serve, ...about });
  const isOutput = (path: string): boolean => outputs.some((suffix) => suffix.test(path));
  return [
    routes("http-program", isOutput, { isShared: true }),
    routes("http-recordings", (path) => RECORDINGS.test(path), { isShared: true }),
    routes("http-clip", (path) => CLIPS.test(path), { isShared: true }),
    routes("http-api", (path) => API.test(path)),
    ...others ? [routes("http-program", () => true, { place: "after-outputs" })] : [],
  ];
}

/** Has a request answered by whoever `post` gives it to. */
export async function forward(
  visit: HttpVisit,
  post: (request: ForwardedRequest, port: MessagePort) => void,
): Promise<HttpAnswer> {
  const { request, url, path, guest } = visit;
  // A request with such a method cannot be made again, in another thread.
  if (FORBIDDEN.has(request.method.toUpperCase())) return new Response(null, { status: 405 });
  const body = visit.body === null
    ? undefined
    : await visit.wholeBody({ maxBytes: MAX_BODY_BYTES });
  if (body !== undefined && isAnswer(body)) return body;
  const { port1, port2 } = new MessageChannel();
  post({
    method: request.method,
    // Wherever this server is mounted, the other thread is at the root.
    url: Object.assign(new URL(url), { pathname: encodeURI(path) }).href,
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
  try {
    const request = new Request(url, {
      method,
      headers: headers.map(([name, value]): [string, string] => [name, value]),
      ...(body === undefined ? {} : { body }),
    });
    const answer = await fetch(request, remoteAddress);
    const { status, body: answered } = answer;
    if (answered !== null) sendWhenAsked(answered, port);
    send({ type: "head", status, headers: [...answer.headers], hasBody: answered !== null });
    if (answered !== null) return;
  } catch {
    send({ type: "head", status: 500, headers: [], hasBody: false });
  }
  send({ type: "end" });
  port.onmessage = null;
  port.close();
}

/** Sends a piece of a body each time that the other thread asks for more: whoever is slow to read holds it up. */
function sendWhenAsked(body: ReadableStream<Uint8Array>, port: MessagePort): void {
  const reader = body.getReader();
  const send = (message: AnswerMessage): void => port.postMessage(message);
  const close = (): void => {
    port.onmessage = null;
    port.close();
  };
  const next = async (): Promise<void> => {
    try {
      const { value } = await reader.read();
      if (value !== undefined) return send({ type: "piece", bytes: new Uint8Array(value) });
      send({ type: "end" });
    } catch {
      send({ type: "failed" });
    }
    close();
  };
  port.onmessage = ({ data }: MessageEvent<"more" | "cancel">) => {
    if (data === "more") return void next();
    reader.cancel().catch(() => {});
    close();
  };
}

/** Makes the answer of what comes by a port. */
async function answerFrom(port: MessagePort): Promise<Response> {
  const head = Promise.withResolvers<Extract<AnswerMessage, { type: "head" }>>();
  let piece = Promise.withResolvers<Exclude<AnswerMessage, { type: "head" }>>();
  let isOver = false;
  const close = (): void => {
    isOver = true;
    port.onmessage = null;
    port.close();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      piece = Promise.withResolvers();
      port.postMessage("more");
      const next = await piece.promise;
      if (next.type === "piece") return controller.enqueue(next.bytes);
      close();
      if (next.type === "end") controller.close();
      else controller.error(new Error("The rest of the answer cannot be had"));
    },
    cancel() {
      port.postMessage("cancel");
      close();
    },
  }, { highWaterMark: 0 });
  port.onmessage = ({ data }: MessageEvent<AnswerMessage>) => {
    if (isOver) return;
    if (data.type === "head") head.resolve(data);
    else piece.resolve(data);
  };
  const { status, headers, hasBody } = await head.promise;
  if (!hasBody) close();
  return new Response(hasBody ? body : null, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  });
}
