import {
  faultAnswer,
  type HttpAnswer,
  type HttpRoutes,
  type HttpVisit,
  jsonAnswer,
  playRefusal,
  WholeAnswer,
} from "../doors/http/mod.ts";
import { qrCode } from "./qr_code.ts";
import { isPlayerScript, playerScript } from "./text_asset.ts";
import cameraJs from "./assets/camera.js" with { type: "text" };
import consoleCss from "./assets/console.css" with { type: "text" };
import consoleJs from "./assets/console.js" with { type: "text" };
import iconSvg from "./assets/icon.svg" with { type: "text" };
import indexHtml from "./assets/index.html" with { type: "text" };
import liveEdgeJs from "./assets/live_edge.js" with { type: "text" };
import measuresJs from "./assets/measures.js" with { type: "text" };
import pageJs from "./assets/page.js" with { type: "text" };
import playerJs from "./assets/player.js" with { type: "text" };
import plotJs from "./assets/plot.js" with { type: "text" };
import recordingsPageJs from "./assets/recordings_page.js" with { type: "text" };
import steadyPlayerJs from "./assets/steady_player.js" with { type: "text" };
import streamPageJs from "./assets/stream_page.js" with { type: "text" };
import wallJs from "./assets/wall.js" with { type: "text" };

const JS = "text/javascript; charset=utf-8";

/** The console's own files. */
const ASSETS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  "console.css": { type: "text/css; charset=utf-8", text: consoleCss },
  "camera.js": { type: JS, text: cameraJs },
  "console.js": { type: JS, text: consoleJs },
  "live_edge.js": { type: JS, text: liveEdgeJs },
  "measures.js": { type: JS, text: measuresJs },
  "page.js": { type: JS, text: pageJs },
  "player.js": { type: JS, text: playerJs },
  "plot.js": { type: JS, text: plotJs },
  "recordings_page.js": { type: JS, text: recordingsPageJs },
  "steady_player.js": { type: JS, text: steadyPlayerJs },
  "stream_page.js": { type: JS, text: streamPageJs },
  "wall.js": { type: JS, text: wallJs },
  "icon.svg": { type: "image/svg+xml", text: iconSvg },
};

const FOLDER = "/console/";
/** What was recorded; no stream has a name of one part. */
const RECORDINGS = "/recordings";

/** Names of streams; what ends like a file's name is none of these. */
const STREAM = /^\/[^/.][^/]*(\/[^/]+)*\/[^/.]+\/?$/;

/** What the addresses of a stream are made of; what else the server listens for is not for everybody. */
const TOLD = ["rtmp", "rtmps", "rtsp", "rtsps"];

/** Nothing of another host, nothing inline; media of players come as blobs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/**
 * The console: pages for people. `/` shows the live streams, `/live/cam` one of them, `/live/cam?embed=1` a bare player for
 * an iframe, `/recordings` what was recorded. The pages read the API with its token, which comes in the fragment of their
 * address; a stream's page plays without it, and reads the ports of the stream's addresses at its own path as JSON:
 * `{ "addresses": [{ "protocol": "rtmp", "port": 1935 }] }`, which needs what playing needs.
 */
export class ConsoleRoutes implements HttpRoutes {
  /** See {@linkcode HttpRoutes.protocol}. */
  readonly protocol = "http-console";
  /** See {@linkcode HttpRoutes.place}: streams' own paths go before. */
  readonly place = "after-outputs";

  readonly #addresses: () => readonly { readonly protocol: string; readonly port: number }[];

  readonly #isOn: () => boolean;

  /** Makes the pages of a server that listens at some addresses; whether there are any may change. */
  constructor({ addresses, isOn }: {
    readonly addresses: () => readonly { readonly protocol: string; readonly port: number }[];
    readonly isOn: () => boolean;
  }) {
    this.#addresses = addresses;
    this.#isOn = isOn;
  }

  /** See {@linkcode HttpRoutes.has}. */
  has(path: string): boolean {
    if (!this.#isOn()) return false;
    return path === "/" || path === RECORDINGS || path.startsWith(FOLDER) || STREAM.test(path);
  }

  /** See {@linkcode HttpRoutes.serve}. */
  async serve(visit: HttpVisit): Promise<HttpAnswer> {
    const { path, method, request, url, prefix } = visit;
    if (method !== "GET" && method !== "HEAD") {
      const reason = `The method ${method} is not for ${path}`;
      const headers = { allow: "GET, HEAD" };
      return faultAnswer({ status: 405, code: "method", reason, headers });
    }
    if (path.startsWith(FOLDER)) return await asset(path.slice(FOLDER.length), url);
    const accept = request.headers.get("accept") ?? "";
    if (STREAM.test(path) && accept.includes("application/json")) return await this.#doors(visit);
    // Programs, which take anything, are told that there is no such file rather than given a page.
    if (path !== "/" && !accept.includes("text/html")) {
      return faultAnswer({ status: 404, code: "absent", reason: `There is nothing at ${path}` });
    }
    // What stands in front of all paths is the server's own word, and no part of the request.
    const page = indexHtml.replaceAll("BASE", prefix);
    const isEmbedded = url.searchParams.get("embed") === "1";
    return text(page, "text/html; charset=utf-8", {
      "content-security-policy": isEmbedded ? POLICY : `${POLICY}; frame-ancestors 'self'`,
      "cache-control": "no-cache",
      "referrer-policy": "no-referrer",
      "vary": "accept",
    });
  }

  /** Tells whoever may play a stream by which ports it is played and published. */
  async #doors(visit: HttpVisit): Promise<HttpAnswer> {
    const name = visit.path.replace(/^\/|\/$/g, "");
    const refusal = await playRefusal(visit, name);
    if (refusal !== undefined) return refusal;
    const addresses = this.#addresses()
      .filter(({ protocol }) => TOLD.includes(protocol))
      .map(({ protocol, port }) => ({ protocol, port }));
    return jsonAnswer({ addresses }, { headers: { vary: "accept" } });
  }
}

async function asset(name: string, url: URL): Promise<HttpAnswer> {
  const own = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
  if (own !== undefined) return text(own.text, own.type, { "cache-control": "no-cache" });
  try {
    if (isPlayerScript(name)) {
      return text(await playerScript(name), JS, { "cache-control": "public, max-age=86400" });
    }
    if (name === "qr.svg") {
      const svg = await qrCode(url.searchParams.get("text") ?? "");
      return text(svg, "image/svg+xml", { "cache-control": "no-cache" });
    }
  } catch (error) {
    if (error instanceof RangeError) {
      return faultAnswer({ status: 400, code: "query", reason: error.message });
    }
    const reason = "This needs a package that could not be loaded here";
    return faultAnswer({ status: 503, code: "package", reason });
  }
  return faultAnswer({ status: 404, code: "absent", reason: "The console has no such file" });
}

function text(body: string, type: string, headers: Readonly<Record<string, string>>): HttpAnswer {
  return new WholeAnswer(body, {
    headers: { "content-type": type, "x-content-type-options": "nosniff", ...headers },
  });
}
