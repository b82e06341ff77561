import type { AccessOptions } from "../access/mod.ts";
import type { ApiProgram, ApiState } from "../api/mod.ts";
import type { ClusterOptions } from "../cluster/mod.ts";
import type { Door, ServerTiming } from "../doors/mod.ts";
import type { HlsOptions, HttpOutput, HttpRoutes, SharedOrigins } from "../doors/http/mod.ts";
import type { MulticastOptions, RtspServiceOptions } from "../doors/rtsp/mod.ts";
import type { EventCommandOptions, WebhookOptions } from "../events/mod.ts";
import type { FileChannelOptions } from "../files/mod.ts";
import type { GateLimits, ServerHooks } from "../gate/mod.ts";
import type { HubOptions } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { ClipStoreOptions, RecordingRule, S3Access } from "../record/mod.ts";
import type { RelayOptions } from "../relay/mod.ts";
import type { ChunkLimits, RtmpServerSessionOptions } from "../rtmp/mod.ts";
import type { LossPolicy } from "../transmux/mod.ts";
import type { ListenAddress } from "../transport/mod.ts";
import type { EnhancedPolicy } from "../wire/mod.ts";
import type { PathRule } from "./path_rules.ts";

/**
 * Options of a {@linkcode Server}. It listens only where it is told to (the command has default ports);
 * all else has a default.
 */
export interface ServerOptions {
  /** Where RTMP is listened for; the field's port is 1935. */
  readonly rtmp?: ListenAddress | false;
  /** Where RTMP over TLS is listened for. Needs `tls`. */
  readonly rtmps?: ListenAddress | false;
  /** Where RTSP is listened for; the field's ports are 554 and 8554. */
  readonly rtsp?: ListenAddress | false;
  /** Where RTSP over TLS is listened for. Needs `tls`. */
  readonly rtsps?: ListenAddress | false;
  /** Where HTTP is listened for. `Server.fetch` needs no port. */
  readonly http?: ListenAddress | false;
  /** Where HTTP over TLS is listened for. Needs `tls`. */
  readonly https?: ListenAddress | false;
  /**
   * Which pages of other origins may use the HTTP door: read media (all by default, `*`), or use the API (none by
   * default). To publish from a page of another origin, that has to be named.
   */
  readonly httpOrigins?: { readonly media?: SharedOrigins; readonly api?: SharedOrigins };
  /**
   * Host names by which clients may use what changes something, or is not media; any by default. Addresses and
   * `localhost` may always be used.
   */
  readonly httpHosts?: readonly string[];
  /**
   * The UDP port by which streams are played and published by WebRTC (WHEP and WHIP), all sessions by one. Without it
   * there is no WebRTC.
   */
  readonly webrtc?: ListenAddress | false;
  /** How many UDP ports WebRTC has, from that one on: sessions are shared out among them. Default 1. */
  readonly webrtcPorts?: number;
  /** How streams are played as HLS: segments, parts, memory. */
  readonly hls?: HlsOptions;
  /**
   * Addresses or names by which clients reach that port, where it is not the host that their requests are for: behind a
   * proxy, or where addresses are translated.
   */
  readonly webrtcHosts?: readonly string[];
  /**
   * The API under `/v1/` and the metrics under `/metrics` of the HTTP door; `false` for neither. Default: both, for
   * those whom `access`, or `hooks.authenticate`, lets use the API, or, where there is none or anybody may publish and
   * play, for who has `Server.apiToken`.
   */
  readonly api?: ApiOptions | false;
  /** Further outputs and inputs of the HTTP door, asked before the built-in ones. */
  readonly httpOutputs?: readonly HttpOutput[];
  /** Further groups of paths of the HTTP door, asked before the built-in ones. */
  readonly httpRoutes?: readonly HttpRoutes[];
  /**
   * Where RTSP sessions receive and send RTP over UDP; an even port, RTCP is on the next one. Its address
   * is that of `rtsp` by default; clients of the other address family are then not offered UDP. Without it
   * RTSP has interleaved TCP alone.
   */
  readonly rtp?: ListenAddress | false;
  /**
   * Lets RTSP players ask for multicast: each stream is sent once to a group of its own. Off by default.
   */
  readonly multicast?: MulticastOptions | false;
  /** Certificate chain and private key, PEM, for `rtmps`, `rtsps` and `https`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Times of RTSP sessions. */
  readonly rtspSession?: RtspServiceOptions;
  /** Streams that are forwarded to, or fetched from, other servers; `addRelay` adds others later. */
  readonly relays?: readonly RelayOptions[];
  /** Files that are published as streams: channels. */
  readonly sources?: readonly FileChannelOptions[];
  /** Which streams are recorded, where, and how long that is kept; the first rule is number 0. */
  readonly record?: readonly RecordingRule[];
  /** Where the buckets of recordings are, and who asks; for rules that do not say so. */
  readonly s3?: S3Access;
  /** Keeps the last of each live stream in memory, so that clips can be had of it. Off by default. */
  readonly keep?: KeepOptions;
  /** Where clips are written to that programs ask for, by `saveClip` or the API. Nowhere by default. */
  readonly clips?: ClipStoreOptions;
  /** Settings and bounds of the streams. */
  readonly hub?: Omit<HubOptions, "clock">;
  /** Bounds and times of RTMP sessions. */
  readonly session?: RtmpServerSessionOptions;
  /** Bounds of what an RTMP client may make the server hold. */
  readonly chunks?: Partial<ChunkLimits>;
  /** What players that announce nothing of Enhanced RTMP are sent. Default `strip`. */
  readonly enhanced?: EnhancedPolicy;
  /** What becomes of a publisher's pictures after a loss of RTP packets, for players of RTMP. Default `pass`. */
  readonly onLoss?: LossPolicy;
  /**
   * Whether RTMP clients that must prove who they are get asked at connect. Default true: encoders that have a
   * user name and a password (`rtmp://user:pass@…`, or the fields of OBS) are then asked in the words that they
   * know, and a client whose credentials are in its stream key is refused once at connect, and let through as it
   * comes again, from 2 s later on. Where it is false, nobody is asked, and credentials in the query alone count.
   * False by default where `hooks.passwordMethods` has no digest, which those answers are.
   */
  readonly rtmpAskAtConnect?: boolean;
  /** Times of the server itself. */
  readonly timing?: Partial<ServerTiming>;
  /**
   * How many workers serve, each a thread with a core of its own; `auto` is one a core. Default 1: this thread alone. With
   * more, clients are shared out among them, and a stream is fetched once by each worker that has players of it. This
   * thread then has log, hooks and statistics, and the doors of others. Needs `--unstable-net`, and where the program is
   * a local file `--allow-read` of it.
   */
  readonly workers?: number | "auto";
  /**
   * Makes this server one machine of a cluster: a name has one publisher among all machines, and players of any machine
   * get the streams of all, which each machine fetches once.
   */
  readonly cluster?: ClusterOptions;
  /**
   * How long clients may take to leave when the server is drained, milliseconds; Infinity for as long as they like.
   * Default 10 000.
   */
  readonly drainTimeoutMs?: number;
  /** Doors of other protocols, beside the built-in ones. */
  readonly doors?: readonly Door[];
  /** Connections at one time; further ones are closed at once. Default 10 000. */
  readonly maxConnections?: number;
  /**
   * Bytes that all connections together may make the server hold beside the media of streams: unfinished
   * RTMP messages, and answers that nobody reads. Default 256 MiB; over it, those
   * that neither publish nor play are closed, the oldest first, and then those that hold most.
   */
  readonly maxConnectionBytes?: number;
  /**
   * Connections of one address at one time. Default 1000 for public addresses, unbounded for loopback and private
   * ones, behind which there may be a proxy; a number that is given holds for all. Here as in all that is bounded by
   * address, the IPv6 addresses of one /64 network count as one.
   */
  readonly maxConnectionsPerAddress?: number;
  /** Connections that one address may open in a second. Default 100 for public addresses, as above. */
  readonly maxHandshakesPerSecond?: number;
  /** HTTP requests that one address may make in a second. Default 1000 for public addresses, as above. */
  readonly maxRequestsPerSecond?: number;
  /** Names that players of one address may wait for until somebody publishes. Default 64, for all addresses. */
  readonly maxWaitedNamesPerAddress?: number;
  /**
   * RTSP sessions over UDP that go on although their connections have ended; those that show no sign of life end after
   * 15 s. Default 1000.
   */
  readonly maxDetachedSessions?: number;
  /** The same of one address. Default 64 for public addresses, unbounded for others, as above. */
  readonly maxDetachedSessionsPerAddress?: number;
  /** Wrong credentials that a connection may show before it is closed. Default 3. */
  readonly maxWrongCredentials?: number;
  /** Players of one stream. Default unbounded, but for `hub.maxReaders`. */
  readonly maxPlayersPerStream?: number;
  /** Streams that one user, as it was proved, may publish. Default unbounded. */
  readonly maxPublishersPerUser?: number;
  /** The bitrate of a publisher, bits a second in the mean of 10 s: one that is over it is closed. Default unbounded. */
  readonly maxPublisherBitrateBps?: number;
  /** The same of what one player is sent. */
  readonly maxPlayerBitrateBps?: number;
  /** Which addresses may connect; all by default. */
  readonly addresses?: AddressListOptions;
  /** The balancers that clients come by: limits, rules and the log are then about the clients. */
  readonly proxies?: ProxyOptions;
  /** What differs for the streams of a name or a pattern. */
  readonly paths?: readonly PathRule[];
  /**
   * Who may do what, as data: users, rules, keys, signed URLs, tokens, and a URL that is asked. It takes the place of
   * `hooks.authenticate`, beside which it cannot be. Default: anybody may publish and play.
   */
  readonly access?: AccessOptions;
  /** URLs that are told of what happens. */
  readonly webhooks?: readonly WebhookOptions[];
  /** Programs that are run at what happens; to run them needs permission. */
  readonly commands?: readonly EventCommandOptions[];
  /** Whether there are pages for people at `/` and at the streams' names. Default true, where HTTP is answered. */
  readonly console?: boolean;
  /** Functions of the program that decide who may do what, or hear of what has happened. */
  readonly hooks?: ServerHooks;
  /** Where log lines go; nowhere by default. */
  readonly log?: ServerLog;
}

/** The options that can be changed while a server runs; of `api`, whether anybody may read the metrics. */
export type LiveOptions = Pick<
  ServerOptions,
  | keyof GateLimits
  | "hub"
  | "timing"
  | "maxConnectionBytes"
  | "addresses"
  | "paths"
  | "access"
  | "relays"
  | "record"
  | "clips"
  | "s3"
  | "webhooks"
  | "commands"
  | "proxies"
  | "httpOrigins"
  | "httpHosts"
  | "webrtcHosts"
  | "hls"
  | "session"
  | "chunks"
  | "enhanced"
  | "onLoss"
  | "rtmpAskAtConnect"
  | "rtspSession"
  | "drainTimeoutMs"
  | "console"
  | "keep"
  | "sources"
  | "api"
>;

/** The balancers in front of a server, by ranges of addresses as {@linkcode AddressListOptions} has them. */
export interface ProxyOptions {
  /**
   * Those whose connections to any port of RTMP, RTSP and HTTP, over TLS or not, begin with a header of the PROXY
   * protocol, version 1 or 2; one that does not is closed. It comes before TLS.
   */
  readonly proxyProtocol?: readonly string[];
  /** Those whose `X-Forwarded-For` says whose an HTTP request is. */
  readonly forwardedFor?: readonly string[];
}

/** Who may use the API of a server, and what it has of the program. */
export interface ApiOptions {
  /** Tokens any of which opens it, each of at least 16 characters of ASCII without spaces. */
  readonly tokens?: readonly string[];
  /** Whether anybody may read the metrics. Default false: they name streams. */
  readonly openMetrics?: boolean;
  /** What the program lets it show and change of its own. */
  readonly program?: ApiProgram;
  /** Where relays that are made by it are kept, so that they survive a restart. */
  readonly state?: ApiState;
}

/** What is kept of live streams. */
export interface KeepOptions {
  /** Of which streams: a name, or a pattern with `*`. Default `*`, all. */
  readonly name?: string;
  /** How much of each, milliseconds. */
  readonly ms: number;
  /** How many bytes of all of them together; the oldest go first. Default 256 MiB. */
  readonly bytes?: number;
}

/** Which addresses may connect: ranges such as `192.0.2.0/24`, `2001:db8::/32`, or single addresses. */
export interface AddressListOptions {
  /** These alone. Default: all. */
  readonly allow?: readonly string[];
  /** None of these, even if they are allowed. */
  readonly deny?: readonly string[];
}
