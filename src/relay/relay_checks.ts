import { checkStreamName } from "../hub/mod.ts";
import type { RelayDriver } from "./relay_driver.ts";
import type { RelayOptions } from "./relay_options.ts";
import { parseRelayPattern, type RelayPattern, RelayPatternError } from "./relay_pattern.ts";
import { rtmpRelayDriver } from "./rtmp_relay.ts";
import { rtspRelayDriver } from "./rtsp_relay.ts";

/**
 * Checks the relays of a server, as a {@linkcode Relays} does that is made of them. No message has what
 * may be a secret of RTMP, or the credentials of a URL.
 *
 * @throws {TypeError} if two relays have one target (a stream pulled twice, or pushed twice to one URL),
 * a URL is of no known scheme, or UDP is asked for over TLS
 * @throws {RelayPatternError} if a name or URL has a `*` that cannot be
 * @throws {HubError} `bad-name` when a name cannot be a stream's
 * @throws {RtmpError} `url` when a URL of RTMP cannot be parsed
 * @throws {RtspError} `malformed-url` when a URL of RTSP cannot be parsed
 * @throws {RangeError} if a number among the options is not positive
 *
 * @example
 * ```ts
 * import { checkRelays } from "@weir/server/server";
 *
 * checkRelays([{ mode: "push", name: "live/cam", url: "rtsp://archive.example/live/cam" }]); // fine
 * ```
 */
export function checkRelays(relays: readonly RelayOptions[]): void {
  const seen = new Set<string>();
  for (const options of relays) {
    const { driver } = checkRelay(options);
    const key = targetOf(options);
    if (seen.has(key)) throw namedTwice(options, driver);
    seen.add(key);
  }
}

/** The options of a relay, read and checked. */
export interface CheckedRelay {
  /** Made of the URL; of a pattern, of the URL with its `*`. */
  readonly driver: RelayDriver;
  /** The pattern of the streams that it relays; left out where it relays one. */
  readonly pattern: RelayPattern | undefined;
}

/**
 * Checks one relay.
 *
 * @throws as {@linkcode checkRelays}
 */
export function checkRelay(options: RelayOptions): CheckedRelay {
  const driver = relayDriver(options);
  const pattern = parseRelayPattern(options);
  const { mode, name, on, maxStreams, backchannel = false } = options;
  if (backchannel && (mode !== "pull" || driver.protocol !== "rtsp")) {
    throw new TypeError(
      `Cannot ${mode} ${name} with a back channel as only a pull over RTSP has one`,
    );
  }
  if (pattern !== undefined && mode === "pull" && on === "always") {
    throw new RelayPatternError(
      `Cannot pull ${name} always as a pattern is on demand by nature: no server tells which names it has`,
    );
  }
  if (maxStreams !== undefined && !(maxStreams >= 1)) {
    throw new RangeError(
      `Cannot relay as 'maxStreams' must be at least 1: current value is ${maxStreams}`,
    );
  }
  return { driver, pattern };
}

/** Returns the target of a relay: no two relays may have the same one at a time. */
export function targetOf({ mode, name, url }: RelayOptions): string {
  return mode === "pull" ? `pull ${name}` : `push ${url.split("?", 1)[0]}`;
}

/**
 * The remote server of a relay, as statistics and log lines show it: no credentials and no key.
 *
 * @throws as {@linkcode checkRelays}
 */
export function remoteServerOf(options: RelayOptions): string {
  return checkRelay(options).driver.target;
}

/** The error for a second relay of one target. */
export function namedTwice(
  { mode, name }: RelayOptions,
  { target }: Pick<RelayDriver, "target">,
): TypeError {
  const shown = mode === "pull" ? `pull of ${name}` : `push of ${name} to ${target}`;
  return new TypeError(
    `Cannot relay as each target must be named once: current value is ${shown}`,
  );
}

/**
 * What the URL's protocol needs, for one stream.
 *
 * @throws {TypeError} if the URL is of no known scheme, or UDP is asked for over TLS
 * @throws {HubError} `bad-name` when the name cannot be a stream's
 * @throws {RtmpError} `url` when a URL of RTMP cannot be parsed
 * @throws {RtspError} `malformed-url` when a URL of RTSP cannot be parsed
 * @throws {RangeError} if a number among the options is not positive
 */
export function relayDriver(options: RelayOptions): RelayDriver {
  checkStreamName(options.name);
  for (const key of ["retryMs", "maxRetryMs", "idleMs", "silentMs"] as const) {
    const value = options[key];
    if (value !== undefined && !(value > 0)) {
      throw new RangeError(`Cannot relay as '${key}' must be positive: current value is ${value}`);
    }
  }
  const scheme = /^([a-z]+):\/\//i.exec(options.url)?.[1]?.toLowerCase();
  switch (scheme) {
    case "rtmp":
    case "rtmps":
      return rtmpRelayDriver(options);
    case "rtsp":
    case "rtsps":
      return rtspRelayDriver(options);
    default:
      throw new TypeError(
        `Cannot relay as the URL must have the scheme rtmp, rtmps, rtsp or rtsps: current value is ${
          scheme ?? "none"
        }`,
      );
  }
}
