/** Bodies of answers that are there from the start: whoever writes them needs no stream of theirs. */
const bodies = new WeakMap<Response, string | Uint8Array>();

const encoder = new TextEncoder();

/**
 * Makes an answer whose body is all there. It is a `Response` like any other, and the connections of this server write its
 * body as it lies, without reading a stream.
 *
 * @example
 * ```ts
 * import { wholeAnswer, wholeBody } from "./whole_answer.ts";
 *
 * console.log(wholeBody(wholeAnswer("ok", { status: 200 }))?.length); // 2
 * ```
 */
export function wholeAnswer(
  body: string | Uint8Array<ArrayBuffer>,
  init: ResponseInit,
): Response {
  const answer = new Response(body, init);
  bodies.set(answer, body);
  return answer;
}

/** The body of an answer that {@linkcode wholeAnswer} has made; `undefined` of others. */
export function wholeBody(answer: Response): Uint8Array | undefined {
  const body = bodies.get(answer);
  return typeof body === "string" ? encoder.encode(body) : body;
}
