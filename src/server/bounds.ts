/** What a number among the options of a server may be; all may be left out. */
export interface NumberBounds {
  /** The least. */
  readonly min: number;
  /** The most; where it is `Infinity`, that is allowed and means no bound. */
  readonly max: number;
  /** Whether it is whole. */
  readonly isWhole: boolean;
}

/** The longest that a timer can be set for, milliseconds: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const MIB = 1024 * 1024;

/** A number of things, from none to any. */
const COUNT: NumberBounds = { min: 0, max: Infinity, isWhole: true };

/** A number of things without which nothing works. */
const SOME: NumberBounds = { min: 1, max: Infinity, isWhole: true };

/** A time that is compared with, milliseconds; `Infinity` is for ever. */
const DEADLINE: NumberBounds = { min: 0, max: Infinity, isWhole: false };

/** A time that a timer is set for, milliseconds. */
const TIMER: NumberBounds = { min: 0, max: LONGEST_TIMER_MS, isWhole: false };

/**
 * The bounds of every number among the options of a server, by path. Multicast and relays check their own.
 */
export const SERVER_BOUNDS: Readonly<Record<string, NumberBounds>> = {
  "workers": { min: 1, max: 256, isWhole: true },
  "cluster.maxFeeds": SOME,
  "drainTimeoutMs": DEADLINE,
  "maxConnections": COUNT,
  "maxConnectionBytes": COUNT,
  "maxConnectionsPerAddress": COUNT,
  "maxHandshakesPerSecond": COUNT,
  "maxRequestsPerSecond": COUNT,
  "maxWaitedNamesPerAddress": COUNT,
  "maxDetachedSessions": COUNT,
  "maxDetachedSessionsPerAddress": COUNT,
  "maxWrongCredentials": SOME,
  "maxPlayersPerStream": COUNT,
  "maxPublishersPerUser": COUNT,
  "maxPublisherBitrateBps": SOME,
  "maxPlayerBitrateBps": SOME,
  "rtmp.port": port(),
  "rtmps.port": port(),
  "rtsp.port": port(),
  "rtsps.port": port(),
  "http.port": port(),
  "https.port": port(),
  "webrtc.port": port(),
  "webrtcPorts": { min: 1, max: 1000, isWhole: true },
  "hls.segmentMs": { min: 100, max: 60_000, isWhole: false },
  "hls.partMs": { min: 20, max: 10_000, isWhole: false },
  // Fewer are no playlist that players can begin with.
  "hls.segments": { min: 3, max: 1000, isWhole: true },
  "hls.maxBytes": { min: MIB, max: Infinity, isWhole: true },
  "rtp.port": { min: 0, max: 65_534, isWhole: true },
  "timing.playWaitMs": TIMER,
  "timing.describeWaitMs": TIMER,
  "timing.writeStallMs": DEADLINE,
  "timing.closeMs": TIMER,
  "timing.hookMs": TIMER,
  "rtspSession.idleTimeoutMs": DEADLINE,
  "rtspSession.mediaTimeoutMs": DEADLINE,
  "rtspSession.drainMs": DEADLINE,
  // RTMP allows 31 bits, and no chunk is longer than the longest message (5.4.1).
  "session.chunkSize": { min: 1, max: 0x7fffffff, isWhole: true },
  "session.windowSize": { min: 1, max: 0xffffffff, isWhole: true },
  "session.maxNetStreams": SOME,
  "session.roleTimeoutMs": DEADLINE,
  "session.publisherTimeoutMs": DEADLINE,
  "session.pingAfterMs": DEADLINE,
  "session.pingTimeoutMs": DEADLINE,
  // The length of a message has three bytes.
  "chunks.maxMessageBytes": { min: 1, max: 16 * MIB - 1, isWhole: true },
  "chunks.maxPartialBytes": SOME,
  "chunks.maxChunkStreams": SOME,
  "hub.silentMs": DEADLINE,
  "hub.lingerMs": TIMER,
  "hub.maxLagBytes": COUNT,
  "hub.maxLagMs": DEADLINE,
  "hub.maxGopBytes": COUNT,
  "hub.maxHeldBytes": COUNT,
  "hub.maxStreams": COUNT,
  "hub.maxWaitedNames": COUNT,
  "hub.maxReaders": COUNT,
  "hub.delayMs": TIMER,
  "hub.maxDelayBytes": COUNT,
  "hub.fallbackAfterMs": TIMER,
};

function port(): NumberBounds {
  return { min: 0, max: 65_535, isWhole: true };
}

/**
 * Checks one number by the table.
 *
 * @throws {RangeError} if it is out of its bounds, or no number
 *
 * @example
 * ```ts
 * import { checkServerNumber } from "@weir/server/server";
 *
 * checkServerNumber("timing.playWaitMs", 5000); // fine
 * ```
 */
export function checkServerNumber(path: string, value: unknown): void {
  const bounds = SERVER_BOUNDS[path];
  if (bounds === undefined) {
    throw new TypeError(`Cannot check '${path}' as it must be a number of the server's options`);
  }
  if (isWithin(value, bounds)) return;
  throw new RangeError(
    `Cannot make a server as '${path}' must be ${boundsInWords(bounds)}: current value is ${value}`,
  );
}

/**
 * Checks all numbers among the options of a server; those that are left out have defaults.
 *
 * @throws {RangeError} if one is out of its bounds, or no number
 */
export function checkServerNumbers(options: object): void {
  for (const path of Object.keys(SERVER_BOUNDS)) {
    const value = path.split(".").reduce<unknown>(
      (from, key) => typeof from === "object" && from !== null ? Reflect.get(from, key) : undefined,
      options,
    );
    const isAuto = path === "workers" && value === "auto";
    if (value !== undefined && !isAuto) checkServerNumber(path, value);
  }
}

/** What a number may be, in words: `a whole number from 0 to 65535`. */
export function boundsInWords({ min, max, isWhole }: NumberBounds): string {
  const kind = isWhole ? "a whole number" : "a number";
  return max === Infinity ? `${kind} from ${min} on, or Infinity` : `${kind} from ${min} to ${max}`;
}

function isWithin(value: unknown, { min, max, isWhole }: NumberBounds): boolean {
  return typeof value === "number" && value >= min && value <= max &&
    (!isWhole || Number.isInteger(value) || value === Infinity);
}
