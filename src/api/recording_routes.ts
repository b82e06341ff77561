import { sentTo } from "../gate/mod.ts";
import {
  answerOfGate,
  faultAnswer,
  type HttpAnswer,
  type HttpRoutes,
  type HttpVisit,
  jsonAnswer,
  playRefusal,
  rangeOf,
  WholeAnswer,
} from "../doors/http/mod.ts";
import {
  type ListedSegment,
  RecordingError,
  RecordingPlayback,
  type Recordings,
  type RecordingWindow,
} from "../record/mod.ts";
import type { ApiGuard } from "./api_guard.ts";
import type { ApiSource } from "./api_source.ts";
import { recordedFileView } from "./recorded_file_view.ts";
import { recordingFault } from "./recording_fault.ts";
import { timeFault, unixMsOf } from "./time_parameter.ts";

/** Where recordings are. */
const BASE = "/v1/recordings";

/** Files that one list has, at most, and where nothing is said. */
const MOST_LISTED = 1000;
const USUALLY_LISTED = 100;

/** Parameters of a query that say who asks: they go on to the files that a playlist names. */
const CREDENTIALS = [
  "token",
  "user",
  "username",
  "pass",
  "password",
  "key",
  "expires",
  "signature",
];

/** Bytes of a file that are read at once for an answer. */
const READ_BYTES = 1024 * 1024;

/**
 * Recordings over HTTP, as they are in their files.
 *
 * - `GET /v1/recordings?name=&from=&to=&limit=&page=` lists files; it needs the API's token, as all that follows but
 *   the last three does.
 * - `DELETE /v1/recordings/NAME?start=` removes a file.
 * - `POST /v1/recordings/NAME/start` and `…/stop` for rules whose `when` is `api`.
 * - `GET /v1/recordings/NAME/index.m3u8?from=&to=` is HLS, `GET /v1/recordings/NAME.mp4?from=&duration=` a cut, and
 *   `GET /v1/recordings/NAME/segment.mp4?start=` a file, in ranges too. Whoever may play the stream may play these. What
 *   another machine of the cluster keeps is answered with 307 to it.
 *
 * Times are ISO 8601 or milliseconds since 1970, durations seconds.
 */
export class RecordingRoutes implements HttpRoutes {
  /** See {@linkcode HttpRoutes.protocol}. */
  readonly protocol = "http-recordings";
  /** See {@linkcode HttpRoutes.place}. */
  readonly place = "before-outputs";
  /** See {@linkcode HttpRoutes.isShared}: recordings are media. */
  readonly isShared = true;
  readonly #recordings: () => Recordings;
  readonly #guard: ApiGuard;
  readonly #cluster: () => ApiSource["cluster"];
  #playback: RecordingPlayback | undefined;

  /** Routes of recordings, which may be made later than these. */
  constructor({ recordings, guard, cluster }: {
    readonly recordings: () => Recordings;
    readonly guard: ApiGuard;
    readonly cluster: () => ApiSource["cluster"];
  }) {
    this.#recordings = recordings;
    this.#guard = guard;
    this.#cluster = cluster;
  }

  /** See {@linkcode HttpRoutes.has}. */
  has(path: string): boolean {
    return path === BASE || path.startsWith(`${BASE}/`);
  }

  /** See {@linkcode HttpRoutes.serve}. */
  async serve(visit: HttpVisit): Promise<HttpAnswer> {
    try {
      return await this.#answer(visit);
    } catch (error) {
      if (error instanceof QueryFault) {
        return faultAnswer({ status: 400, code: "query", reason: error.message });
      }
      if (!(error instanceof RecordingError)) throw error;
      const answer = recordingFault(error);
      if (answer.status === 503) {
        visit.log.warn("recording cannot be read", { reason: error.message });
      }
      return answer;
    }
  }

  async #answer(visit: HttpVisit): Promise<HttpAnswer> {
    const { method } = visit;
    const rest = visit.path.slice(BASE.length + 1);
    const isRead = method === "GET" || method === "HEAD";
    if (rest === "") return isRead ? await this.#list(visit) : methodFault("GET, HEAD");
    for (const [suffix, play] of this.#ways) {
      if (!rest.endsWith(suffix)) continue;
      const name = rest.slice(0, -suffix.length);
      if (!isRead) return methodFault("GET, HEAD");
      return await playRefusal(visit, name) ?? await this.#play(visit, { name, play });
    }
    const refusal = await this.#guard.refusal(visit);
    if (refusal !== undefined) return refusal;
    const told = /^(.+)\/(start|stop)$/.exec(rest);
    if (told !== null) return method === "POST" ? await this.#tell(told) : methodFault("POST");
    return method === "DELETE" ? await this.#remove(visit, rest) : methodFault("DELETE");
  }

  /** Plays what is kept here; of what another machine of the cluster keeps, says where that is. */
  async #play(
    visit: HttpVisit,
    { name, play }: { readonly name: string; readonly play: Play },
  ): Promise<HttpAnswer> {
    try {
      return await play(visit, name);
    } catch (error) {
      if (!(error instanceof RecordingError && error.code === "absent")) throw error;
      const window = soughtIn(visit.url.searchParams);
      // Where something is kept then, that is what there is.
      if (this.#recordings().find({ name, ...window }).length > 0) throw error;
      const place = await this.#cluster()?.keeperOf(name, window);
      if (place === undefined) throw error;
      const { elsewhere } = visit;
      return answerOfGate(sentTo(place, { why: error.message, elsewhere, what: "it is kept" }));
    }
  }

  readonly #ways: readonly [string, Play][] = [
    ["/index.m3u8", (visit, name) => this.#playlist(visit, name)],
    ["/segment.mp4", (visit, name) => this.#segment(visit, name)],
    [".mp4", (visit, name) => this.#cut(visit, name)],
  ];

  get #player(): RecordingPlayback {
    return this.#playback ??= new RecordingPlayback(this.#recordings());
  }

  async #list(visit: HttpVisit): Promise<HttpAnswer> {
    const refusal = await this.#guard.refusal(visit);
    if (refusal !== undefined) return refusal;
    const query = visit.url.searchParams;
    const name = query.get("name");
    const { fromUnixMs, toUnixMs } = windowOf(query);
    const limit = whole(query, "limit", { min: 1, max: MOST_LISTED, usual: USUALLY_LISTED });
    const page = whole(query, "page", { min: 1, max: 1_000_000, usual: 1 });
    const found = this.#recordings().find({
      fromUnixMs,
      toUnixMs,
      ...(name === null ? {} : { name }),
    });
    const items = found.slice((page - 1) * limit, page * limit).map(recordedFileView);
    return jsonAnswer({ items, total: found.length, page, limit });
  }

  async #playlist({ url }: HttpVisit, name: string): Promise<HttpAnswer> {
    const query = url.searchParams;
    const kept = new URLSearchParams(
      [...query].filter(([key]) => CREDENTIALS.includes(key)),
    ).toString();
    const text = await this.#player.playlist(name, windowOf(query), {
      uriOf: ({ startUnixMs }) =>
        `segment.mp4?start=${startUnixMs}${kept === "" ? "" : `&${kept}`}`,
    });
    return new WholeAnswer(text, {
      headers: { "content-type": "application/vnd.apple.mpegurl", "cache-control": "no-cache" },
    });
  }

  async #cut({ url, method }: HttpVisit, name: string): Promise<HttpAnswer> {
    const cut = await this.#player.cut(name, windowOf(url.searchParams));
    if (method === "HEAD") await cut.readable.cancel();
    return new Response(method === "HEAD" ? null : cut.readable, {
      headers: {
        "content-type": "video/mp4",
        "content-length": String(cut.bytes),
        "cache-control": "no-cache",
        "x-start": new Date(cut.startUnixMs).toISOString(),
      },
    });
  }

  #segment({ url, request, method }: HttpVisit, name: string): Promise<HttpAnswer> {
    const segment = this.#fileOf(name, url.searchParams);
    if (!segment.isReadable) {
      throw new RecordingError("absent", `The file of ${name} can be read when it is whole`);
    }
    const range = rangeOf(request.headers.get("range"), segment.bytes);
    const headers = {
      "content-type": segment.path.endsWith(".mp4") ? "video/mp4" : "application/octet-stream",
      "accept-ranges": "bytes",
      "cache-control": segment.isOpen ? "no-cache" : "private, max-age=3600",
    };
    if (range === "unsatisfiable") {
      const fault = { status: 416, code: "range", reason: `The file has ${segment.bytes} bytes` };
      return Promise.resolve(
        faultAnswer({ ...fault, headers: { "content-range": `bytes */${segment.bytes}` } }),
      );
    }
    const { offset, length } = range ?? { offset: 0, length: segment.bytes };
    const body = method === "HEAD"
      ? null
      : ReadableStream.from(this.#read(segment, { offset, length }));
    return Promise.resolve(
      new Response(body, {
        status: range === undefined ? 200 : 206,
        headers: {
          ...headers,
          "content-length": String(length),
          ...(range === undefined
            ? {}
            : { "content-range": `bytes ${offset}-${offset + length - 1}/${segment.bytes}` }),
        },
      }),
    );
  }

  async *#read(
    segment: ListedSegment,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < length; at += READ_BYTES) {
      const size = Math.min(READ_BYTES, length - at);
      yield await this.#recordings().read(segment, { offset: offset + at, length: size });
    }
  }

  async #remove({ url }: HttpVisit, name: string): Promise<HttpAnswer> {
    const segment = this.#fileOf(name, url.searchParams);
    if (await this.#recordings().remove(segment)) return new WholeAnswer(null, { status: 204 });
    return faultAnswer({ status: 409, code: "open", reason: "The file is still being written" });
  }

  async #tell([, name, word]: RegExpExecArray): Promise<HttpAnswer> {
    const recordings = this.#recordings();
    const isDone = word === "start" ? recordings.record(name!) : await recordings.end(name!);
    if (isDone) return new WholeAnswer(null, { status: 204 });
    const reason = word === "start"
      ? `No rule with when: api is for ${name}`
      : `${name} is not recorded by the API`;
    return faultAnswer({ status: 404, code: "absent", reason });
  }

  #fileOf(name: string, query: URLSearchParams): ListedSegment {
    const startUnixMs = timeOf(query, "start");
    const found = this.#recordings().find({ name })
      .find((segment) => segment.startUnixMs === startUnixMs);
    if (found !== undefined) return found;
    throw new RecordingError("absent", `There is no file of ${name} that begins then`);
  }
}

/** Answers with a recording, or a part of it. */
type Play = (visit: HttpVisit, name: string) => Promise<HttpAnswer>;

/** The window of what a player asks for: that of a file is its first moment. */
function soughtIn(query: URLSearchParams): Partial<RecordingWindow> {
  if (query.has("start")) {
    const startUnixMs = timeOf(query, "start");
    return { fromUnixMs: startUnixMs, toUnixMs: startUnixMs + 1 };
  }
  const { fromUnixMs, toUnixMs } = windowOf(query);
  return { fromUnixMs, ...(toUnixMs === Infinity ? {} : { toUnixMs }) };
}

/** A parameter of a query is wrong. */
class QueryFault extends Error {}

function methodFault(allow: string): HttpAnswer {
  const reason = `Allowed is ${allow}`;
  return faultAnswer({ status: 405, code: "method", reason, headers: { allow } });
}

/** A window of `from` and `to` or `duration`; all by default. */
function windowOf(query: URLSearchParams): RecordingWindow {
  const fromUnixMs = query.has("from") ? timeOf(query, "from") : 0;
  if (!query.has("duration")) {
    return { fromUnixMs, toUnixMs: query.has("to") ? timeOf(query, "to") : Infinity };
  }
  const duration = Number(query.get("duration"));
  if (!(duration > 0)) throw new QueryFault('"duration" is wrong: allowed is a number of seconds');
  return { fromUnixMs, toUnixMs: fromUnixMs + duration * 1000 };
}

function timeOf(query: URLSearchParams, key: string): number {
  const unixMs = unixMsOf(query.get(key) ?? "");
  if (unixMs !== undefined) return unixMs;
  throw new QueryFault(timeFault(key));
}

function whole(
  query: URLSearchParams,
  key: string,
  { min, max, usual }: { readonly min: number; readonly max: number; readonly usual: number },
): number {
  const text = query.get(key);
  if (text === null) return usual;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new QueryFault(`"${key}" is wrong: allowed is a whole number from ${min} to ${max}`);
}
