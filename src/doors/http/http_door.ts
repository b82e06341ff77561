import { type AddressRanges, type ConnectionEnd, forwardedAddress } from "../../gate/mod.ts";
import {
  formatAddress,
  type ListenAddress,
  plainAddress,
  ServerError,
  type TlsIdentity,
  type Transport,
} from "../../transport/mod.ts";
import { type Door, type DoorAddress, DoorPorts, type OpenPort, type Shell } from "../mod.ts";
import {
  type CrossOriginRequest,
  type CrossOriginRules,
  NO_HEADERS,
  originFault,
  type SharedOrigins,
  sharingHeaders,
} from "./cross_origin.ts";
import { ANSWERED, HttpExchange } from "./http_exchange.ts";
import type { HttpRequestInfo } from "./http_request_info.ts";
import { type IncomingRequest, PlatformRequest } from "./incoming_request.ts";
import type { HttpListener } from "./http_listener.ts";
import { hlsRow } from "./hls_row.ts";
import type { HlsOptions } from "./hls_options.ts";
import { HTTP_OUTPUTS } from "./http_outputs.ts";
import type { HttpOutput } from "./http_output.ts";
import type { HttpRoutes } from "./http_routes.ts";
import { HttpVisit, type HttpVisitParts, StreamVisit } from "./http_visit.ts";
import { answerOfGate, faultAnswer, type HttpFault } from "./json_answer.ts";
import { requestPath } from "./request_path.ts";
import { type HttpAnswer, responseOf, WholeAnswer } from "./whole_answer.ts";
import type { WebRtcOptions } from "./webrtc/webrtc.ts";
import { WebRtcLoader } from "./webrtc/webrtc_loader.ts";
import { webRtcRows } from "./webrtc/webrtc_rows.ts";

/** What requests and players go by that come from now on: it may be changed. */
export interface HttpServingOptions {
  /** Which pages of other origins may read media. Default all: `*`. */
  readonly mediaOrigins?: SharedOrigins | undefined;
  /** Which pages of other origins may use all else. Default none. */
  readonly apiOrigins?: SharedOrigins | undefined;
  /**
   * Host names that requests may be for which change something or are not for media; any by default. Addresses and
   * `localhost` always are.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Balancers whose `X-Forwarded-For` says who the client is; nobody's by default. */
  readonly balancers?: AddressRanges | undefined;
  /** How streams are played as HLS that begin to be from now on. */
  readonly hls?: HlsOptions | undefined;
  /** Addresses or names by which clients reach the ports of WebRTC, where it is not the host of their requests. */
  readonly webrtcHosts?: readonly string[] | undefined;
}

/** Options of an {@linkcode HttpDoor}. */
export interface HttpDoorOptions extends HttpServingOptions {
  /** Where HTTP is listened for. */
  readonly http?: ListenAddress | false;
  /** Where HTTP over TLS is listened for. */
  readonly https?: ListenAddress | false;
  /** Groups of paths beside those of streams, in the order in which they are asked. */
  readonly routes?: readonly HttpRoutes[];
  /** Rows of further outputs and inputs, asked before the built-in ones. */
  readonly outputs?: readonly HttpOutput[];
  /** Where and how streams are played and published by WebRTC; not at all where it is left out. */
  readonly webrtc?: WebRtcOptions | undefined;
  /** Hexadecimal digits that the tokens of HLS of this part of a server begin with, so that others know whose they are. */
  readonly tokenPrefix?: string | undefined;
}

/** Who answers a request. */
type Route =
  | { readonly routes: HttpRoutes }
  | { readonly output: HttpOutput; readonly name: string; readonly suffix: RegExpExecArray }
  | { readonly nothing: true };

/** The door for HTTP: players, publishers, and the groups of paths that the server has beside. */
export class HttpDoor implements Door {
  /** What it speaks. */
  readonly protocols: readonly string[] = ["http", "https"];
  readonly #options: HttpDoorOptions;
  readonly #outputs: readonly HttpOutput[];
  /** Groups that are asked before the outputs, and for what none of these has. */
  readonly #before: readonly HttpRoutes[];
  readonly #after: readonly HttpRoutes[];
  #serving: HttpServingOptions;
  #rules: CrossOriginRules;
  readonly #webrtc: WebRtcLoader | undefined;
  readonly #listeners: HttpListener[] = [];
  /** Those that were closed to newcomers, and answer those who came before. */
  readonly #retired = new Set<HttpListener>();
  readonly #ports = new DoorPorts();
  #webrtcAddress: DoorAddress | undefined;
  #isClosed = false;

  /** Makes a door that is not open yet. */
  constructor(options: HttpDoorOptions = {}) {
    this.#options = options;
    this.#serving = options;
    this.#rules = crossOriginRules(options);
    const { routes = [], tokenPrefix } = options;
    this.#before = routes.filter(({ place }) => place === "before-outputs");
    this.#after = routes.filter(({ place }) => place === "after-outputs");
    this.#webrtc = options.webrtc && new WebRtcLoader({
      ...options.webrtc,
      hosts: () => this.#serving.webrtcHosts,
    });
    this.#outputs = [
      ...options.outputs ?? [],
      // Before what ends in .mp4: so do initialization segments.
      hlsRow(() => ({
        ...this.#serving.hls,
        ...(tokenPrefix === undefined ? {} : { tokenPrefix }),
      })),
      ...HTTP_OUTPUTS,
      ...webRtcRows(this.#webrtc),
    ];
  }

  /** Answers requests from now on by other options; what is left out has its default. */
  configure(options: HttpServingOptions): void {
    this.#serving = options;
    this.#rules = crossOriginRules(options);
  }

  /** Its ports. */
  get addresses(): readonly DoorAddress[] {
    const addresses = this.#listeners.map(({ address }) => address);
    return this.#webrtcAddress === undefined ? addresses : [...addresses, this.#webrtcAddress];
  }

  /** Listens where the options say. */
  async open(shell: Shell): Promise<void> {
    const { http = false, https = false } = this.#options;
    await this.#openWebRtc(shell);
    for (const output of this.#outputs) await output.open?.(shell);
    await this.relisten(shell, "http", http);
    await this.relisten(shell, "https", https);
  }

  /** Listens elsewhere from now on. */
  async relisten(shell: Shell, protocol: string, address: ListenAddress | false): Promise<void> {
    const { tls } = shell;
    const isTls = protocol === "https";
    await this.#ports.set(protocol, address, async (address) => {
      if (isTls && tls === undefined) {
        throw new ServerError("state", "Cannot listen for https without a certificate and key");
      }
      return await this.#listen(shell, {
        protocol,
        address,
        ...(isTls && tls !== undefined ? { tls } : {}),
      });
    });
  }

  /** Shows another certificate from the next connection on. */
  async reloadTls(identity: TlsIdentity): Promise<void> {
    for (const listener of this.#listeners) await listener.reload(identity);
  }

  /** Passes time on to its connections; exchanges keep their own. */
  tick(nowMs: number): void {
    for (const listener of this.#listeners) listener.tick(nowMs);
    for (const listener of this.#retired) listener.tick(nowMs);
  }

  /** Resolves when its ports are closed, and the last answers are out. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#listeners, ...this.#retired];
    await Promise.all(all.map((listener) => listener.shutdown(CLOSE_MS)));
    this.#listeners.length = 0;
    await this.#webrtc?.close();
  }

  /** Answers a request that somebody else has accepted. */
  async fetch(shell: Shell, request: Request, info: HttpRequestInfo = {}): Promise<Response> {
    if (request.bodyUsed) {
      throw new TypeError(
        "Cannot answer the request as its body was read already: clone it before",
      );
    }
    return responseOf(await this.answer(shell, new PlatformRequest(request), info));
  }

  /** Answers a request, whoever has accepted it. */
  async answer(
    shell: Shell,
    incoming: IncomingRequest,
    info: HttpRequestInfo = {},
  ): Promise<HttpAnswer> {
    const prefix = (info.prefix ?? "").replace(/\/+$/, "").replace(/^(?=[^/])/, "/");
    const found = requestPath(incoming, prefix);
    if (found === undefined) return faultAnswer(NOTHING);
    if ("status" in found) return faultAnswer(found);
    const { path } = found;
    const route = this.#routeOf(path);
    const crossing: CrossOriginRequest = { request: incoming, ...sharingOf(route) };
    const fault = originFault(crossing, this.#rules);
    if (fault !== undefined) return faultAnswer(fault);
    // Made first: a request that was upgraded cannot be looked at any more.
    const headers = sharingHeaders(crossing, this.#rules);
    const answer = incoming.method === "OPTIONS"
      ? optionsOf(route)
      : await this.#letIn(shell, { incoming, path, prefix, route, info });
    return shared(answer, headers);
  }

  async #letIn(
    shell: Shell,
    { route, info, incoming, path, prefix }: {
      readonly incoming: IncomingRequest;
      readonly path: string;
      readonly prefix: string;
      readonly route: Route;
      readonly info: HttpRequestInfo;
    },
  ): Promise<HttpAnswer> {
    const { balancers } = this.#serving;
    const peer = plainAddress(info.remoteAddr?.hostname ?? "unknown");
    const arrival = shell.gate.arrive({
      protocol: protocolOf(route, incoming),
      remoteAddress: balancers === undefined
        ? peer
        : forwardedAddress(incoming.header("x-forwarded-for"), { peer, balancers }),
      isRequest: true,
      isUnbounded: "routes" in route && route.routes.isUnbounded === true,
    });
    if (!("granted" in arrival)) return answerOfGate(arrival);
    const guest = arrival.granted;
    const exchange = new HttpExchange(guest);
    void shell.keep(guest, () => exchange);
    let answer: HttpAnswer;
    try {
      const { upgradeWebSocket } = info;
      const parts = { shell, incoming, path, prefix, guest, exchange };
      answer = await answerOf(
        route,
        upgradeWebSocket === undefined ? parts : { ...parts, upgradeWebSocket },
      );
    } catch (error) {
      exchange.finish(FAILED);
      shell.peers.of(guest.remoteAddress).error("http request failed", {
        connection: guest.id,
        error: String(error),
      });
      answer = faultAnswer({ status: 500, code: "internal", reason: FAILED.message });
    }
    if (!exchange.hasRole) exchange.finish(ANSWERED);
    return answer;
  }

  /** Binds the port of WebRTC with the others, so that one that is taken is told at once. */
  async #openWebRtc(shell: Shell): Promise<void> {
    if (this.#webrtc === undefined) return;
    const { webrtc } = await this.#webrtc.load();
    const { hostname, port } = await webrtc.open();
    this.#webrtcAddress = { protocol: "webrtc", hostname, port };
    const { portCount } = webrtc;
    const others = portCount === 1 ? "" : `, ${portCount} ports from there on`;
    shell.log.info(`webrtc listening on udp ${formatAddress(this.#webrtcAddress)}${others}`);
  }

  /** A balancer opens connections for many, whose requests say whose they are. */
  #admits(
    { gate, peers }: Shell,
    { protocol, client }: { readonly protocol: string; readonly client: Transport },
  ): boolean {
    const { remoteAddress, remoteName } = client;
    if (this.#serving.balancers?.has(remoteAddress) === true) return true;
    const refusal = gate.refusesToOpen({ protocol, remoteAddress });
    if (refusal === undefined) return true;
    peers.of(remoteAddress).warn("connection refused, there are too many", {
      peer: remoteName,
      reason: refusal.why,
    });
    return false;
  }

  /** Groups before outputs, the outputs, groups behind them. */
  #routeOf(path: string): Route {
    for (const routes of this.#before) if (routes.has(path)) return { routes };
    for (const output of this.#outputs) {
      const suffix = output.suffix.exec(path);
      if (suffix !== null) return { output, suffix, name: path.slice(1, suffix.index) };
    }
    for (const routes of this.#after) if (routes.has(path)) return { routes };
    return NO_ROUTE;
  }

  async #listen(
    shell: Shell,
    options: {
      readonly protocol: string;
      readonly address: ListenAddress;
      readonly tls?: TlsIdentity;
    },
  ): Promise<OpenPort> {
    // Who has no port of HTTP has no use for what reads and writes it.
    const { HttpListener } = await import("./http_listener.ts");
    const listener = await HttpListener.open({
      ...options,
      isShared: shell.sharesPorts,
      balancers: shell.balancers,
      handler: (request, info) => this.answer(shell, request, info),
      admits: (client) => this.#admits(shell, { protocol: options.protocol, client }),
      timing: () => shell.timing,
      log: shell.log,
    });
    if (this.#isClosed) {
      await listener.shutdown(0);
      throw new ServerError("state", "Cannot listen as the server was stopped meanwhile");
    }
    this.#listeners.push(listener);
    const { protocol, hostname, port } = listener.address;
    shell.log.info(`${protocol} listening on ${formatAddress({ hostname, port })}`);
    return {
      retire: () => {
        this.#listeners.splice(this.#listeners.indexOf(listener), 1);
        this.#retired.add(listener);
        void listener.retire().finally(() => this.#retired.delete(listener));
        shell.log.info(
          `${protocol} no longer listening on ${formatAddress({ hostname, port })}`,
        );
        return listener.closeToNewcomers();
      },
    };
  }
}

/** How long clients may take to read the last of their answers when the server stops, milliseconds. */
const CLOSE_MS = 250;

const FAILED: ConnectionEnd = { clean: false, reason: "internal", message: "Internal error" };

const NOTHING: HttpFault = {
  status: 404,
  code: "path",
  reason: "There is nothing at this path: streams are at /NAME.flv and the like",
};

const NO_ROUTE: Route = { nothing: true };

function crossOriginRules(
  { mediaOrigins = "*", apiOrigins = false, hosts = [] }: HttpServingOptions,
): CrossOriginRules {
  return { media: mediaOrigins, other: apiOrigins, hosts };
}

function protocolOf(route: Route, request: IncomingRequest): string {
  if ("nothing" in route) return "http";
  if ("routes" in route) return route.routes.protocol;
  const { protocol } = route.output;
  return typeof protocol === "string" ? protocol : protocol(request);
}

function sharingOf(route: Route): Pick<CrossOriginRequest, "isShared" | "methods"> {
  if ("output" in route) return { isShared: true, methods: route.output.crossOrigin ?? [] };
  const isShared = "routes" in route && route.routes.isShared === true;
  return { isShared, methods: "routes" in route ? route.routes.crossOrigin ?? [] : [] };
}

/** WHIP has it that OPTIONS is answered with 200 (RFC 9725, 4.2), and so are all that tell of more than methods. */
function optionsOf(route: Route): HttpAnswer {
  const told = "output" in route ? route.output.told : undefined;
  return new WholeAnswer(told === undefined ? null : "", {
    status: told === undefined ? 204 : 200,
    headers: { ...allowOf(route), ...told },
  });
}

/** The methods of a stream's path; groups know theirs themselves. */
function allowOf(route: Route): Record<string, string> {
  return "output" in route ? { allow: methodsOf(route.output).join(", ") } : {};
}

function methodsOf({ methods }: HttpOutput): string[] {
  const own = Object.keys(methods);
  return [...new Set([...own, ...(own.includes("GET") ? ["HEAD"] : []), "OPTIONS"])];
}

async function answerOf(route: Route, parts: HttpVisitParts): Promise<HttpAnswer> {
  if ("nothing" in route) return faultAnswer(NOTHING);
  if ("routes" in route) return await route.routes.serve(new HttpVisit(parts));
  const { output } = route;
  const visit = new StreamVisit(parts, route);
  const { method } = visit;
  const handler = Object.hasOwn(output.methods, method) ? output.methods[method] : undefined;
  if (handler !== undefined) return await handler(visit);
  if (method === "HEAD" && output.methods["GET"] !== undefined) {
    return await withoutBody(await output.methods["GET"](visit));
  }
  return faultAnswer({
    status: 405,
    code: "method",
    reason: `The method ${method} is not for this path`,
    headers: allowOf(route),
  });
}

/** What HEAD gets of what GET would: who waits for the body is not there, and nobody has counted its bytes. */
async function withoutBody(answer: HttpAnswer): Promise<HttpAnswer> {
  if (answer instanceof WholeAnswer) return answer.withoutBody();
  if (answer.body === null) return answer;
  await answer.body.cancel();
  return new Response(new Blob([]).stream(), answer);
}

/** Adds what lets pages of other origins read an answer; one that upgrades is no page's to read. */
function shared(answer: HttpAnswer, headers: Readonly<Record<string, string>>): HttpAnswer {
  if (headers === NO_HEADERS || answer.status === 101) return answer;
  if (answer instanceof WholeAnswer) return answer.with(withVary(headers, answer.headers["vary"]));
  const further = withVary(headers, answer.headers.get("vary"));
  for (const [name, value] of Object.entries(further)) answer.headers.set(name, value);
  return answer;
}

/** That an answer differs by origin takes nothing from what else it differs by. */
function withVary(
  headers: Readonly<Record<string, string>>,
  others: string | null | undefined,
): Readonly<Record<string, string>> {
  const { vary } = headers;
  return vary === undefined || !others ? headers : { ...headers, vary: `${others}, ${vary}` };
}
