import { RECORDING_FORMATS } from "../record/mod.ts";
import type { HonoPackage } from "./hono_package.ts";

/** What the API takes and gives, as the document of it says; what it takes is checked by it. */
export type ApiSchemas = ReturnType<typeof apiSchemas>;

/** Makes the schemas. */
// deno-lint-ignore explicit-module-boundary-types
export function apiSchemas(z: HonoPackage["z"]) {
  const count = z.int().min(0);
  const counts = z.record(z.string(), z.number());
  const ticket = z.object({
    id: count,
    connection: count,
    action: z.enum(["publish", "play"]),
    protocol: z.string(),
    stream: z.string(),
    user: z.string().optional(),
    remoteAddress: z.string(),
    state: z.enum(["granted", "waiting", "live", "ended"]),
    userAgent: z.string(),
    ageMs: z.number(),
    bytes: count,
  }).openapi("Ticket");
  const track = z.object({
    kind: z.enum(["video", "audio", "data"]),
    id: count,
    codec: z.string().optional(),
    codecString: z.string().optional(),
    width: count.optional(),
    height: count.optional(),
    sampleRate: count.optional(),
    channels: count.optional(),
  }).openapi("Track");
  const health = z.object({
    ageMs: z.number(),
    bitrate: z.number(),
    avOffsetMs: z.number().optional(),
    avDriftMs: z.number().optional(),
    speed: z.number().optional(),
    tracks: z.array(z.record(z.string(), z.unknown())),
    advice: z.array(z.object({ code: z.string(), message: z.string() })),
  }).openapi("Health");
  const streamShape = {
    name: z.string(),
    isLive: z.boolean(),
    isFallback: z.boolean(),
    held: z.object({ bytes: count, ms: count }).optional(),
    publisher: ticket.optional(),
    via: z.string().optional(),
    tracks: z.array(track),
    health: health.optional(),
    keyIntervalMs: z.number().optional(),
    backChannel: z.object({ codecs: z.array(z.string()), isTaken: z.boolean() }).optional(),
    players: count,
    playersByProtocol: counts,
    bytesReceived: count,
    bytesSent: count,
    dropped: count,
  };
  const keyShape = {
    id: z.string(),
    streams: z.array(z.string()),
    madeAt: z.string().optional(),
    expiresAt: z.string().optional(),
  };
  const words = z.array(z.string().min(1).max(512)).min(1).max(1000);
  const oneOrMore = z.union([z.string().min(1).max(512), words]);
  const action = z.enum(["publish", "play", "talk"]);
  const actions = z.union([action, z.array(action).min(1)]);
  const amount = z.union([z.number().min(0), z.literal("unlimited")]);
  const relayShape = {
    url: z.string().max(4096),
    on: z.enum(["always", "demand"]).optional(),
    maxStreams: count.optional(),
    transport: z.enum(["auto", "udp", "tcp"]).optional(),
    backchannel: z.boolean().optional(),
    retryMs: z.number().min(0).optional(),
    maxRetryMs: z.number().min(0).optional(),
    idleMs: z.number().min(0).optional(),
    silentMs: z.number().min(0).optional(),
    onLoss: z.enum(["pass", "key-frame"]).optional(),
    client: z.strictObject({
      timeoutMs: z.number().min(0).optional(),
      caCerts: z.array(z.string().max(65_536)).max(100).optional(),
      connectParameters: z.record(
        z.string().max(256),
        z.union([z.string().max(4096), z.number(), z.boolean()]),
      ).optional(),
      handshake: z.enum(["digest", "simple"]).optional(),
    }).optional(),
  };
  const pathRuleShape = {
    flush: z.union([z.enum(["frame", "unit"]), z.number().min(0)]).optional(),
    start: z.enum(["gop", "key-frame", "none"]).optional(),
    conflict: z.enum(["reject", "takeover", "same-identity"]).optional(),
    silentMs: amount.optional(),
    lingerMs: z.number().min(0).optional(),
    maxLagBytes: amount.optional(),
    maxLagMs: amount.optional(),
    maxGopBytes: amount.optional(),
    delayMs: z.number().min(0).optional(),
    maxDelayBytes: amount.optional(),
    fallback: z.string().optional(),
    fallbackAfterMs: z.number().min(0).optional(),
    maxPlayers: amount.optional(),
    maxPublisherBitrateBps: amount.optional(),
    maxPlayerBitrateBps: amount.optional(),
    access: z.array(z.strictObject({
      allow: actions.optional(),
      deny: actions.optional(),
      users: oneOrMore.optional(),
      from: oneOrMore.optional(),
    })).max(1000).optional(),
    pull: z.strictObject(relayShape).optional(),
    push: z.array(z.strictObject(relayShape)).max(100).optional(),
    record: z.strictObject({
      to: z.string().min(1).max(4096),
      format: z.enum(RECORDING_FORMATS).optional(),
      path: z.string().max(1024).optional(),
      segmentMs: amount.optional(),
      partMs: z.number().min(0).optional(),
      when: z.enum(["always", "demand", "api"]).optional(),
      keepMs: amount.optional(),
      keepBytes: amount.optional(),
      keepFreeBytes: z.number().min(0).optional(),
    }).optional(),
  };
  const drain = z.object({
    isDraining: z.boolean(),
    isOver: z.boolean(),
    left: count,
    leftMs: count.optional(),
  }).openapi("Drain");
  const clusterStreamShape = {
    name: z.string(),
    node: z.string(),
    epoch: count,
    since: z.string(),
  };
  const limit = z.coerce.number().int().min(1).max(1000).default(100);
  const after = z.string().max(512).optional();
  const reason = z.string().min(1).max(200).optional();
  return {
    ticket,
    anything: z.unknown(),
    fault: z.object({ code: z.string(), reason: z.string() }).openapi("Fault"),
    done: z.object({ ended: count }).openapi("Done"),
    removed: z.object({ removed: count }).openapi("Removed"),
    made: z.object({ id: count }).openapi("Made"),
    stream: z.object(streamShape).openapi("Stream"),
    streamDetail: z.object({
      ...streamShape,
      readers: z.array(z.record(z.string(), z.unknown())),
      tickets: z.array(ticket),
    }).openapi("StreamDetail"),
    clipOptions: z.strictObject({
      last: z.number().positive().max(1e6).optional(),
      from: z.iso.datetime({ offset: true }).optional(),
      to: z.iso.datetime({ offset: true }).optional(),
    }).refine(
      ({ last, from, to }) => last === undefined || from === undefined && to === undefined,
      {
        error: "allowed is either last, or from and to",
      },
    ),
    clip: z.object({
      name: z.string(),
      path: z.string(),
      start: z.string(),
      durationMs: z.number(),
      bytes: count,
    }).openapi("Clip"),
    connection: z.object({
      id: count,
      protocol: z.string(),
      remoteAddress: z.string(),
      bytesReceived: count,
      bytesSent: count,
      heldBytes: count,
    }).openapi("Connection"),
    server: z.object({
      version: z.string(),
      uptimeMs: z.number(),
      addresses: z.array(
        z.object({ protocol: z.string(), hostname: z.string(), port: count }),
      ),
      connections: count,
      streams: count,
      publishers: count,
      players: count,
      playersByProtocol: counts,
      refused: counts,
      heldBytes: z.object({ streams: count, connections: count }),
      drain,
      cluster: z.object({
        node: z.string(),
        isReachable: z.boolean(),
        unconfirmed: count,
        feeds: count,
      }).optional(),
    }).openapi("Server"),
    drain,
    clusterNode: z.object({
      node: z.string(),
      isSelf: z.boolean(),
      region: z.string(),
      url: z.string(),
      clients: z.record(z.string(), z.string()),
      streams: count,
      connections: count,
      maxConnections: count,
      feeds: count,
      maxFeeds: count,
      isDraining: z.boolean(),
    }).openapi("ClusterNode"),
    clusterStream: z.object(clusterStreamShape).openapi("ClusterStream"),
    clusterStreamDetail: z.object({
      ...clusterStreamShape,
      copies: z.array(z.object({ node: z.string(), path: z.array(z.string()) })),
    }).openapi("ClusterStreamDetail"),
    clusterRecordings: z.object({
      items: z.array(
        z.object({
          name: z.string(),
          node: z.string(),
          url: z.string().optional(),
          rule: count,
          path: z.string(),
          start: z.string(),
          end: z.string().nullable(),
          durationMs: z.number().nullable(),
          bytes: count,
          isOpen: z.boolean(),
        }).openapi("ClusterRecording"),
      ),
      next: z.string().optional(),
      total: count,
      silent: z.array(z.string()),
    }),
    heard: z.object({ node: z.string() }).openapi("Heard"),
    relay: z.object({
      id: count,
      mode: z.enum(["push", "pull"]),
      name: z.string(),
      target: z.string(),
      state: z.string(),
      attempts: count,
      failures: count,
      lastError: z.string().optional(),
      bytes: count,
      units: count,
      dropped: count,
    }).loose().openapi("Relay"),
    relayOptions: z.strictObject({
      mode: z.enum(["push", "pull"]),
      name: z.string().max(512),
      ...relayShape,
    }).openapi("RelayOptions"),
    pathRule: z.object({
      pattern: z.string(),
      origin: z.enum(["api", "options"]),
      ...pathRuleShape,
    }).openapi("PathRule"),
    pathRuleOptions: z.strictObject(pathRuleShape).openapi("PathRuleOptions"),
    patternParams: z.object({ pattern: z.string().min(1).max(512) }),
    key: z.object(keyShape).openapi("Key"),
    madeKey: z.object({ ...keyShape, secret: z.string() }).openapi("MadeKey"),
    keyOptions: z.strictObject({
      streams: z.array(z.string().min(1).max(512)).min(1).max(1000),
      expiresAt: z.iso.datetime({ offset: true }).optional(),
    }).openapi("KeyOptions"),
    keyParams: z.object({ id: z.string().min(1).max(128) }),
    logLevel: z.object({ level: z.string().max(32) }).openapi("LogLevel"),
    pageQuery: z.object({ limit, after }),
    recordingsQuery: z.object({
      limit,
      after: z.string().max(2048).optional(),
      name: z.string().max(512).optional(),
      from: z.string().max(64).optional(),
      to: z.string().max(64).optional(),
    }),
    ticketQuery: z.object({
      limit,
      after,
      stream: z.string().max(512).optional(),
      user: z.string().max(512).optional(),
      protocol: z.string().max(64).optional(),
    }),
    reasonQuery: z.object({ reason }),
    drainQuery: z.object({
      timeout: z.union([z.literal("unlimited"), z.coerce.number().min(0).max(1e6)]).optional(),
    }),
    nodeParams: z.object({ node: z.string().min(1).max(64) }),
    nameParams: z.object({ name: z.string().min(1).max(512) }),
    idParams: z.object({ id: z.coerce.number().int().min(0) }),
    pageOf: <S extends Parameters<typeof z.array>[0]>(items: S) =>
      z.object({ items: z.array(items), next: z.string().optional(), total: count }),
  };
}
