import { gzipSync } from "node:zlib";
import { readDirectives } from "../../hls/mod.ts";
import { HubError, type Stream } from "../../hub/mod.ts";
import { refusalOf } from "../../gate/mod.ts";
import type { HlsAnswer } from "../../wire/mod.ts";
import type { Shell } from "../mod.ts";
import { HlsPackagers } from "./hls_packagers.ts";
import { type HlsViewer, HlsViewers } from "./hls_viewers.ts";
import type { HlsRowOptions } from "./hls_options.ts";
import type { StreamVisit } from "./http_visit.ts";
import { faultAnswer } from "./json_answer.ts";
import { isMatched, isTaken, rangedAnswer } from "./representation.ts";
import { type HttpAnswer, isAnswer, WholeAnswer } from "./whole_answer.ts";

/** What the players of one server share. */
interface HlsState {
  readonly packagers: HlsPackagers;
  readonly viewers: HlsViewers;
  /** Whether all players of a stream have the same addresses. */
  readonly isShared: boolean;
}

const PLAYLIST_TYPE = "application/vnd.apple.mpegurl";
/** A token of 16 random bytes; shared ones have 6. */
const TOKEN = /^[0-9a-f]{12,40}$/;
/** Files never change: their names are never used again. */
const FILE_CACHING = "public, max-age=3600, immutable, no-transform";

/** Plays the streams of one server as HLS. */
export class HlsPlay {
  readonly #options: () => HlsRowOptions;
  readonly #state: HlsState;

  /** Packages nothing yet. */
  constructor(shell: Shell, options: () => HlsRowOptions) {
    this.#options = options;
    this.#state = {
      packagers: new HlsPackagers(shell, options),
      viewers: new HlsViewers(),
      get isShared() {
        return options().sessions === "shared";
      },
    };
  }

  /** Packages a stream as long as it is published. */
  packageAlways(stream: Stream): void {
    this.#state.packagers.packageAlways(stream);
  }

  /** Answers a request for a playlist or a file. */
  answer(visit: StreamVisit): Promise<HttpAnswer> {
    const [, token, file] = visit.suffix;
    return token === undefined || file === undefined
      ? begin(visit, { state: this.#state, options: this.#options() })
      : goOn(visit, { state: this.#state, token, file });
  }
}

/** The first request of a player. */
async function begin(
  visit: StreamVisit,
  { state, options }: { readonly state: HlsState; readonly options: HlsRowOptions },
): Promise<HttpAnswer> {
  const { isShared } = state;
  const { tokenPrefix: prefix = "" } = options;
  const viewer = await newViewer(visit, {
    state,
    token: (id) => prefix + (isShared ? id : newToken()),
  });
  if (isAnswer(viewer)) return viewer;
  const now = () => visit.shell.clock.now();
  const answer = await viewer.answer(async () => {
    const multivariant = await viewer.packager.multivariant(`hls/${viewer.token}/`, {
      // What browsers play is fetched by programs like hls.js. Answers that are kept for all are as others take them.
      takesPieces: !isShared && /\bMozilla\//.test(visit.header("user-agent") ?? ""),
    });
    if (multivariant.is !== "there") return refusal(multivariant);
    const bytes = new TextEncoder().encode(multivariant.value);
    viewer.sent(bytes.length);
    const caching = isShared ? "public, max-age=2, no-transform" : "no-store, no-transform";
    return playlistAnswer(visit, { bytes, caching, more: viewer.startHeader });
  }, now);
  if (answer === undefined) return TOO_MANY();
  // A stream that cannot be played has no player.
  if (answer.status >= 400) viewer.end({ clean: true, reason: "closed", message: "Not played" });
  return answer;
}

/** A request for a playlist or a file of a player that there is, or that comes back. */
async function goOn(
  visit: StreamVisit,
  { state, token, file }: {
    readonly state: HlsState;
    readonly token: string;
    readonly file: string;
  },
): Promise<HttpAnswer> {
  const known = state.viewers.get(token, visit.name);
  if (file.endsWith(".m3u8")) {
    const moved = visit.moved();
    if (moved !== undefined) {
      known?.leaveSoon();
      return moved;
    }
  }
  if (known === undefined && (!TOKEN.test(token) || state.viewers.wasSentAway(token))) {
    return faultAnswer({
      status: 403,
      code: "session",
      reason: "This player was sent away, or never was: begin at index.m3u8",
    });
  }
  if (known?.isShownBy(visit.guest.remoteAddress) === false) {
    const ticket = await visit.mayPlay();
    if (isAnswer(ticket)) return ticket;
    ticket.end();
  }
  const viewer = known ?? await newViewer(visit, {
    state,
    token: () => token,
    namedBy: visit.guest.remoteAddress,
  });
  if (isAnswer(viewer)) return viewer;
  const now = () => visit.shell.clock.now();
  const answer = await viewer.answer(() => {
    return file.endsWith(".m3u8")
      ? servePlaylist(visit, { viewer, name: file.slice(0, -".m3u8".length) })
      : serveFile(visit, { viewer, file });
  }, now);
  return answer ?? TOO_MANY();
}

async function newViewer(
  visit: StreamVisit,
  { state, token, namedBy }: {
    readonly state: HlsState;
    /** Makes the token, of the word that names the files. */
    readonly token: (id: string) => string;
    readonly namedBy?: string;
  },
): Promise<HlsViewer | HttpAnswer> {
  const granted = await visit.play();
  if (isAnswer(granted)) return granted;
  const { ticket, stream } = granted;
  try {
    const { packager, release } = state.packagers.open(stream);
    const own = token(packager.id);
    const known = state.viewers.get(own, visit.name);
    if (known !== undefined) {
      release();
      ticket.end();
      return known;
    }
    const { exchange, name, shell } = visit;
    const { isShared } = state;
    const parts = { token: own, namedBy, name, packager, release, isShared, ticket, exchange };
    return state.viewers.add(parts, { now: () => shell.clock.now() });
  } catch (error) {
    ticket.end();
    if (error instanceof HubError) return visit.refusal("play", refusalOf(error));
    throw error;
  }
}

async function servePlaylist(
  visit: StreamVisit,
  { viewer, name }: { readonly viewer: HlsViewer; readonly name: string },
): Promise<HttpAnswer> {
  const directives = readDirectives(visit.query);
  if (typeof directives === "string") {
    return faultAnswer({ status: 400, code: "directives", reason: directives });
  }
  const answer = await viewer.packager.playlist(name, directives);
  if (answer.is !== "there") return refusal(answer);
  const { bytes, tag, targetDurationS } = answer.value;
  viewer.sent(bytes.length);
  // What was waited for is the answer to that question forever; what is asked without one changes.
  const maxAge = directives.msn === undefined
    ? Math.max(1, Math.floor(targetDurationS / 2))
    : targetDurationS * 6;
  return playlistAnswer(visit, {
    bytes,
    caching: `public, max-age=${maxAge}, no-transform`,
    name: `${name}-${tag}`,
  });
}

async function serveFile(
  visit: StreamVisit,
  { viewer, file }: { readonly viewer: HlsViewer; readonly file: string },
): Promise<HttpAnswer> {
  const answer = await viewer.packager.file(file);
  if (answer.is !== "there") return refusal(answer);
  const tag = `"${file}"`;
  const headers = { "cache-control": FILE_CACHING, etag: tag };
  if (isKnown(visit, tag)) return new WholeAnswer(null, { status: 304, headers });
  const { bytes, contentType } = answer.value;
  const whole = new WholeAnswer(bytes, {
    headers: {
      ...headers,
      "accept-ranges": "bytes",
      "content-type": contentType,
      "x-content-type-options": "nosniff",
    },
  });
  const ranged = rangedAnswer(whole, {
    range: visit.header("range"),
    ifRange: visit.header("if-range"),
  });
  viewer.sent(ranged.bytes?.length ?? 0);
  return ranged;
}

/** Playlists that were compressed, once for all who take them so. */
const compressed = new WeakMap<Uint8Array, Uint8Array>();

function playlistAnswer(
  visit: StreamVisit,
  { bytes, caching, name, more = {} }: {
    readonly bytes: Uint8Array;
    readonly caching: string;
    /** Changes with the bytes. */
    readonly name?: string;
    readonly more?: Readonly<Record<string, string>>;
  },
): HttpAnswer {
  const takesGzip = isTaken("gzip", visit.header("accept-encoding"));
  // What is compressed is another representation, which has a tag of its own (RFC 9110, 8.8.3.3).
  const tag = name === undefined ? undefined : `"${name}${takesGzip ? "-gzip" : ""}"`;
  const headers: Record<string, string> = {
    "cache-control": caching,
    vary: "accept-encoding",
    ...(tag === undefined ? {} : { etag: tag }),
    ...more,
  };
  if (tag !== undefined && isKnown(visit, tag)) {
    return new WholeAnswer(null, { status: 304, headers });
  }
  headers["content-type"] = PLAYLIST_TYPE;
  headers["x-content-type-options"] = "nosniff";
  if (!takesGzip) return new WholeAnswer(bytes, { headers });
  let packed = compressed.get(bytes);
  if (packed === undefined) {
    packed = gzipSync(bytes);
    compressed.set(bytes, packed);
  }
  headers["content-encoding"] = "gzip";
  return new WholeAnswer(packed, { headers });
}

function isKnown(visit: StreamVisit, tag: string): boolean {
  return isMatched(tag, visit.header("if-none-match"));
}

function refusal(answer: Exclude<HlsAnswer<unknown>, { readonly is: "there" }>): HttpAnswer {
  switch (answer.is) {
    case "absent":
      return faultAnswer({ status: 404, code: "absent", reason: "There is no such file any more" });
    case "too-far":
      return faultAnswer({ status: 400, code: "too-far", reason: answer.reason });
    case "late":
      return faultAnswer({
        status: 503,
        code: "late",
        reason: answer.reason,
        headers: { "retry-after": "1" },
      });
    case "nothing":
      return faultAnswer({ status: 406, code: "codec", reason: answer.reason });
  }
}

const TOO_MANY = (): HttpAnswer =>
  faultAnswer({
    status: 429,
    code: "too-many",
    reason: "This player waits for too much at once",
    headers: { "retry-after": "1" },
  });

function newToken(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
