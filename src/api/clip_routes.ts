import { sentTo } from "../gate/mod.ts";
import {
  answerOfGate,
  faultAnswer,
  type HttpAnswer,
  type HttpRoutes,
  type HttpVisit,
  playRefusal,
} from "../doors/http/mod.ts";
import { RecordingError, RecordingPlayback, type Recordings } from "../record/mod.ts";

/** The path of a clip, behind the stream's name. */
const SUFFIX = "/clip.mp4";

/** Seconds that a clip has where nothing is said. */
const USUAL_SECONDS = 30;

/**
 * The last seconds of a live stream: `GET /live/cam/clip.mp4?last=30`, as one file, from the key frame before that on.
 * Whoever may play the stream may have them.
 */
export class ClipRoutes implements HttpRoutes {
  /** See {@linkcode HttpRoutes.protocol}. */
  readonly protocol = "http-clip";
  /** See {@linkcode HttpRoutes.place}: a progressive MP4 of a stream with such a name would be taken for it. */
  readonly place = "before-outputs";
  /** See {@linkcode HttpRoutes.isShared}: clips are media. */
  readonly isShared = true;
  readonly #keep: Recordings;
  readonly #playback: RecordingPlayback;
  readonly #isOn: () => boolean;
  readonly #nowUnixMs: () => number;

  /** Makes clips of what is kept; whether anything is may change. */
  constructor({ keep, isOn, nowUnixMs }: {
    readonly keep: Recordings;
    readonly isOn: () => boolean;
    readonly nowUnixMs: () => number;
  }) {
    this.#keep = keep;
    this.#isOn = isOn;
    this.#playback = new RecordingPlayback(keep);
    this.#nowUnixMs = nowUnixMs;
  }

  /** See {@linkcode HttpRoutes.has}. */
  has(path: string): boolean {
    return this.#isOn() && path.endsWith(SUFFIX) && path.length > SUFFIX.length + 1;
  }

  /** See {@linkcode HttpRoutes.serve}. */
  async serve(visit: HttpVisit): Promise<HttpAnswer> {
    const { method, url } = visit;
    if (method !== "GET" && method !== "HEAD") {
      const headers = { allow: "GET, HEAD" };
      return faultAnswer({ status: 405, code: "method", reason: "Allowed is GET, HEAD", headers });
    }
    const name = visit.path.slice(1, -SUFFIX.length);
    const query = url.searchParams;
    const refusal = await playRefusal(visit, name);
    if (refusal !== undefined) return refusal;
    const last = Number(query.get("last") ?? USUAL_SECONDS);
    if (!(last > 0 && last < 1e6)) {
      const reason = '"last" is wrong: allowed is a number of seconds';
      return faultAnswer({ status: 400, code: "query", reason });
    }
    const clip = await this.#clip(name, { last, method });
    if (clip.status !== 404 || this.#keep.names.includes(name)) return clip;
    const { shell: { gate }, elsewhere } = visit;
    const place = await gate.placeOf(name);
    if (place === undefined) return clip;
    return answerOfGate(sentTo(place, { why: `Nothing is kept of ${name}`, elsewhere }));
  }

  async #clip(
    name: string,
    { last, method }: { readonly last: number; readonly method: string },
  ): Promise<HttpAnswer> {
    const fromUnixMs = this.#nowUnixMs() - last * 1000;
    try {
      const clip = await this.#playback.cut(name, { fromUnixMs, toUnixMs: Infinity });
      if (method === "HEAD") await clip.readable.cancel();
      return new Response(method === "HEAD" ? null : clip.readable, {
        headers: {
          "content-type": "video/mp4",
          "content-length": String(clip.bytes),
          "cache-control": "no-store",
          "x-start": new Date(clip.startUnixMs).toISOString(),
        },
      });
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      const kept = this.#keep.names.includes(name);
      const reason = kept
        ? error.message
        : `Nothing is kept of ${name}: it is not live, or --keep is off`;
      return faultAnswer({ status: 404, code: "absent", reason });
    }
  }
}
