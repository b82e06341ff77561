import { SERVER_BOUNDS } from "../../server/mod.ts";
import { number, text } from "../leaf_types.ts";
import { type Setting, setting } from "../setting.ts";

/** The name of this machine in its cluster. */
export const CLUSTER_NODE = setting<string>({
  key: "cluster.node",
  type: text({ allowed: "1 to 64 letters, digits, dots and dashes", pattern: /^[\w.-]{1,64}$/ }),
  defaultInWords: "none: this machine is of no cluster",
  help: "the name of this machine in a cluster, another for each",
  doc:
    "Machines of a cluster share their streams: a name has one publisher among all, and players of any machine " +
    "get the streams of all, which each machine fetches once. It needs `cluster.url`, `cluster.secret` and " +
    "`cluster.nats`, and downloads packages from npm when it starts.",
  flag: { name: "cluster-node", placeholder: "NAME", isRare: true },
  option: "cluster.node",
  change: "restart",
});

/** The URL by which others reach it. */
export const CLUSTER_URL = setting<string>({
  key: "cluster.url",
  type: text({
    allowed: "rtmp://HOST[:PORT] or rtmps://HOST[:PORT]",
    pattern: /^rtmps?:\/\/[^/\s]+\/?$/,
  }),
  help: "the URL by which the others fetch streams from this machine",
  doc: "Across the open net that should be `rtmps:`.",
  flag: { name: "cluster-url", placeholder: "URL", isRare: true },
  option: "cluster.url",
  change: "restart",
});

/** What all machines share. */
export const CLUSTER_SECRET = setting<string>({
  key: "cluster.secret",
  type: text({ allowed: "16 letters at least", pattern: /^.{16,}$/s, isSecret: true }),
  help: "what all machines of the cluster share, and nobody else knows",
  doc: "Who knows it may fetch every stream.",
  option: "cluster.secret",
  change: "restart",
});

/** Where machines tell each other who has what. */
export const CLUSTER_NATS = setting<readonly string[]>({
  key: "cluster.nats",
  type: { kind: "list", of: text({ allowed: "HOST[:PORT] or a URL of a NATS server" }) },
  default: [],
  defaultInWords: "none",
  help: "a NATS server, with JetStream, where the machines tell each other who has what",
  flag: { name: "cluster-nats", placeholder: "SERVER", isRare: true, readEach: String },
  option: "cluster.nats",
  change: "restart",
});

const CLIENT_URL = text({
  allowed: "SCHEME://HOST[:PORT], with the scheme of rtmp, rtmps, rtsp, rtsps, http or https",
  pattern: /^(rtmps?|rtsps?|https?):\/\/[^/\s]+\/?$/,
});

/** The URLs by which clients come. */
export const CLUSTER_CLIENTS = setting<readonly string[]>({
  key: "cluster.clients",
  type: { kind: "list", of: CLIENT_URL },
  default: [],
  defaultInWords: "the host of `cluster.url` and the ports that are listened at",
  help: "a URL by which clients reach this machine, one for each scheme",
  doc: "Clients of a machine that is drained are sent there.",
  flag: { name: "cluster-client", placeholder: "URL", isRare: true, readEach: CLIENT_URL.read },
  change: "restart",
});

/** All that makes this machine one of a cluster. */
export const CLUSTER: readonly Setting[] = [
  CLUSTER_NODE,
  CLUSTER_URL,
  CLUSTER_SECRET,
  CLUSTER_NATS,
  CLUSTER_CLIENTS,
  setting<string>({
    key: "cluster.natsToken",
    type: text({ allowed: "a token", isSecret: true }),
    help: "the token that the NATS servers ask for",
    option: "cluster.natsToken",
    change: "restart",
  }),
  setting<string>({
    key: "cluster.region",
    type: text({ allowed: "a name" }),
    defaultInWords: "none",
    help: "where this machine stands; machines of one region fetch from each other first",
    flag: { name: "cluster-region", placeholder: "NAME", isRare: true },
    option: "cluster.region",
    change: "restart",
  }),
  setting<number>({
    key: "cluster.maxFeeds",
    type: number(SERVER_BOUNDS["cluster.maxFeeds"]!),
    default: 64,
    help: "streams that other machines may fetch from this one; further ones fetch from those",
    option: "cluster.maxFeeds",
    change: "restart",
  }),
];
