import {
  GATE_LIMITS,
  MAX_CONNECTION_BYTES,
  SERVER_BOUNDS,
  SERVER_TIMING,
} from "../../server/mod.ts";
import { bytes, number, time } from "../leaf_types.ts";
import { serverNumber } from "../server_number.ts";
import { type Setting, setting } from "../setting.ts";

/** Bounds of what clients may have, and times of the server itself. */
export const LIMITS: readonly Setting[] = [
  serverNumber({
    key: "limits.maxConnections",
    as: number,
    default: GATE_LIMITS.maxConnections,
    help: "connections at one time; further ones are closed at once",
    flag: { name: "max-connections", placeholder: "N", isRare: true },
    option: "maxConnections",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxConnectionsPerAddress",
    as: number,
    defaultInWords: `${GATE_LIMITS.maxConnectionsPerAddress} of a public address`,
    help: "connections of one address at one time",
    doc: "By default it holds for public addresses alone, since proxies and load tests come from " +
      "loopback and private ones; a number that is given holds for all. Here as in all that is bounded by " +
      "address, the IPv6 addresses of one /64 network count as one.",
    flag: { name: "max-connections-per-address", placeholder: "N", isRare: true },
    option: "maxConnectionsPerAddress",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxHandshakesPerSecond",
    as: number,
    defaultInWords: `${GATE_LIMITS.maxHandshakesPerSecond} of a public address`,
    help: "connections that one address may open in a second",
    flag: { name: "max-handshakes-per-second", placeholder: "N", isRare: true },
    option: "maxHandshakesPerSecond",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxConnectionBytes",
    as: bytes,
    default: MAX_CONNECTION_BYTES,
    help: "bytes that all connections may make the server hold beside media",
    doc:
      "Over it, connections that neither publish nor play are closed, the oldest first, and then those that " +
      "hold most.",
    option: "maxConnectionBytes",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxWaitedNamesPerAddress",
    as: number,
    default: GATE_LIMITS.maxWaitedNamesPerAddress,
    help: "names that players of one address may wait for until somebody publishes",
    option: "maxWaitedNamesPerAddress",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxDetachedSessions",
    as: number,
    default: GATE_LIMITS.maxDetachedSessions,
    help: "RTSP sessions over UDP that go on although their connections have ended",
    option: "maxDetachedSessions",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxDetachedSessionsPerAddress",
    as: number,
    defaultInWords: `${GATE_LIMITS.maxDetachedSessionsPerAddress} of a public address`,
    help: "the same of one address",
    option: "maxDetachedSessionsPerAddress",
    change: "reload",
  }),
  serverNumber({
    key: "limits.maxWrongCredentials",
    as: number,
    default: GATE_LIMITS.maxWrongCredentials,
    help: "wrong credentials that a connection may show before it is closed",
    option: "maxWrongCredentials",
    change: "reload",
  }),
  setting({
    key: "timing.wait",
    type: time(SERVER_BOUNDS["timing.playWaitMs"]!),
    defaultInWords: "10s; RTSP 3s",
    help: "how long a player waits for a stream",
    flag: { name: "wait", placeholder: "SECONDS" },
    option: ["timing.playWaitMs", "timing.describeWaitMs"],
    change: "reload",
  }),
  serverNumber({
    key: "timing.describeWait",
    as: time,
    defaultInWords: "as `timing.wait`",
    help: "the same of RTSP players, where it differs",
    option: "timing.describeWaitMs",
    change: "reload",
  }),
  serverNumber({
    key: "timing.writeStall",
    as: time,
    default: SERVER_TIMING.writeStallMs,
    help: "how long a write to a client may make no progress",
    option: "timing.writeStallMs",
    change: "restart",
  }),
  serverNumber({
    key: "timing.close",
    as: time,
    default: SERVER_TIMING.closeMs,
    help: "how long a closing connection may take to read what it was told",
    option: "timing.closeMs",
    change: "restart",
  }),
  serverNumber({
    key: "timing.hook",
    as: time,
    default: SERVER_TIMING.hookMs,
    help: "how long a decision about a client may take before the client is refused",
    option: "timing.hookMs",
    change: "restart",
  }),
];
