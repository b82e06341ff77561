import { ConsoleRoutes } from "../console/mod.ts";
import type { Door } from "../doors/mod.ts";
import {
  HealthRoutes,
  HttpDoor,
  type HttpDoorOptions,
  type HttpRoutes,
  type HttpServingOptions,
} from "../doors/http/mod.ts";
import { RtmpDoor } from "../doors/rtmp/mod.ts";
import { RtspDoor, type RtspDoorOptions } from "../doors/rtsp/mod.ts";
import { rangesOf } from "./gate_rules.ts";
import type { LiveOptions, ServerOptions } from "./options.ts";
import type { ServerCore } from "./server_core.ts";
import type { ServerAddress } from "./statistics.ts";

/** What a server has beside its options for its doors. */
export interface DoorParts {
  /** Whether RTMP clients are asked at connect who they are: rules that change may change that. */
  readonly askAtConnect: () => boolean;
  /** What the agents of the server answer over HTTP. */
  readonly routes: readonly HttpRoutes[];
  /** Where all of the server listens, its workers too. */
  readonly addresses: () => readonly ServerAddress[];
  /** The options of now, of those that can be changed. */
  readonly live: () => LiveOptions;
}

/** The doors that every server has, and those of the program. */
export interface ServerDoors {
  readonly rtsp: RtspDoor;
  readonly http: HttpDoor;
  /** All of them. */
  readonly all: readonly Door[];
  /**
   * Gets ready to serve by other options whoever comes from then on; what it returns does that.
   *
   * @throws {TypeError} if a range of addresses cannot be read
   */
  prepare(options: LiveOptions): () => void;
}

/** What a thread has that listens nowhere. */
const NO_PORTS = {
  rtmp: false,
  rtmps: false,
  rtsp: false,
  rtsps: false,
  rtp: false,
  multicast: false,
  http: false,
  https: false,
  webrtc: false,
} as const;

/** Makes the doors of a server. Where workers serve, this thread has no ports of its own. */
export function makeDoors(core: ServerCore, parts: DoorParts): ServerDoors {
  const { askAtConnect, routes, addresses, live } = parts;
  const { part, workers, options } = core;
  const listening = workers > 1 ? { ...options, ...NO_PORTS } : options;
  const rtmp = new RtmpDoor({ ...listening, askAtConnect, challenges: part?.rtmpChallenges });
  const rtsp = new RtspDoor({ ...rtspDoorOptions(listening), parts: part?.rtspParts });
  const http = new HttpDoor(httpDoorOptions(listening, {
    routes: [
      ...options.httpRoutes ?? [],
      new HealthRoutes({ whyNotReady: () => whyNotReady(core) }),
      ...part?.routes ?? [],
      ...routes,
      new ConsoleRoutes({ addresses, isOn: () => live().console !== false }),
    ],
    tokenPrefix: part?.tokenPrefix,
  }));
  return {
    rtsp,
    http,
    all: [rtmp, rtsp, http, ...options.doors ?? []],
    prepare(options) {
      const serving = httpServingOptions(options);
      return () => {
        rtmp.configure(options);
        rtsp.configure(options.rtspSession ?? {});
        http.configure(serving);
      };
    },
  };
}

function whyNotReady({ shell }: ServerCore): string | undefined {
  // One that only answers requests of others' ports has none of its own to open.
  if (shell.state === "stopped") return "The server stops";
  return shell.gate.leaving === undefined
    ? undefined
    : "The server is drained: it takes nobody new";
}

function rtspDoorOptions(options: ServerOptions): RtspDoorOptions {
  const { rtspSession, rtsp, rtsps, rtp, multicast } = options;
  return {
    ...(rtsp === undefined ? {} : { rtsp }),
    ...(rtsps === undefined ? {} : { rtsps }),
    ...(rtp === undefined ? {} : { rtp }),
    ...(multicast === undefined ? {} : { multicast }),
    ...(rtspSession === undefined ? {} : { session: rtspSession }),
  };
}

function httpDoorOptions(
  options: ServerOptions,
  { routes, tokenPrefix }: {
    readonly routes: readonly HttpRoutes[];
    readonly tokenPrefix: string | undefined;
  },
): HttpDoorOptions {
  const { http, https, httpOutputs, webrtc = false, webrtcPorts } = options;
  return {
    ...httpServingOptions(options),
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    ...(httpOutputs === undefined ? {} : { outputs: httpOutputs }),
    tokenPrefix,
    ...(webrtc === false ? {} : {
      webrtc: {
        address: webrtc,
        ...(webrtcPorts === undefined ? {} : { ports: webrtcPorts }),
        ...(tokenPrefix === undefined ? {} : { idPrefix: tokenPrefix }),
      },
    }),
    routes,
  };
}

/** Those of its options that can be changed. */
function httpServingOptions(
  { httpOrigins, httpHosts, webrtcHosts, proxies, hls }: LiveOptions,
): HttpServingOptions {
  return {
    mediaOrigins: httpOrigins?.media,
    apiOrigins: httpOrigins?.api,
    hosts: httpHosts,
    balancers: rangesOf(proxies?.forwardedFor),
    hls,
    webrtcHosts,
  };
}
