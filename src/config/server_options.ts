import type { ListenAddress, LiveOptions, ServerOptions } from "../server/mod.ts";
import { pathRulesOf } from "./path_rules_of.ts";
import { put } from "./options_path.ts";
import type { Setting } from "./setting.ts";
import type { Settings } from "./settings.ts";
import { API_ENABLED, API_OPEN_METRICS } from "./settings/api.ts";
import { CLUSTER_CLIENTS } from "./settings/cluster.ts";
import { commandOf, COMMANDS, webhookOf, WEBHOOKS } from "./settings/events.ts";
import { HTTP_PORT, HTTPS_PORT, WEBRTC_PORT } from "./settings/http.ts";
import { RTP_PORT, RTSP_PORT } from "./settings/listening.ts";
import { PATHS } from "./settings/paths.ts";
import { channelsOf, RECORD, ruleOf, SOURCES } from "./settings/recording.ts";
import { listedRelays } from "./settings_check.ts";
import { SETTINGS } from "./table.ts";

/** The options of a server that are read from files or come from the program are added by the caller. */
export type ConfiguredOptions = Omit<ServerOptions, "tls" | "log" | "hooks">;

/** Makes the options of a server of settings, which were checked. */
export function serverOptions(settings: Settings): ConfiguredOptions {
  const rtp = rtpAddress(settings);
  const options = optionsOf(settings, SETTINGS);
  const recordings = settings.get(RECORD);
  return {
    ...options,
    ...(options.cluster === undefined || !settings.isGiven(CLUSTER_CLIENTS)
      ? {}
      : { cluster: { ...options.cluster, clients: byScheme(settings.get(CLUSTER_CLIENTS)) } }),
    paths: pathRulesOf(settings.get(PATHS)),
    relays: listedRelays(settings),
    ...(recordings.length > 0 ? { record: recordings.map(ruleOf) } : {}),
    ...(settings.isGiven(SOURCES) ? { sources: channelsOf(settings.get(SOURCES)) } : {}),
    ...(rtp === undefined ? {} : { rtp }),
    webhooks: settings.get(WEBHOOKS).map(webhookOf),
    commands: settings.get(COMMANDS).map(commandOf),
    webrtc: webRtcAddress(settings),
    api: settings.get(API_ENABLED) && { openMetrics: settings.get(API_OPEN_METRICS) },
  };
}

function byScheme(urls: readonly string[]): Record<string, string> {
  return Object.fromEntries(urls.map((url) => [url.slice(0, url.indexOf(":")), url]));
}

/** Those of them that a server takes while it runs. */
export function liveOptions(settings: Settings): LiveOptions {
  return serverOptions(settings);
}

/** The options that rows stand for by themselves. */
export function optionsOf(settings: Settings, rows: readonly Setting[]): ServerOptions {
  const options: Record<string, unknown> = {};
  for (const row of rows) {
    const { option } = row;
    if (option === undefined || !(settings.isGiven(row) || row.givesDefault === true)) continue;
    const value = settings.get(row);
    if (value === undefined) continue;
    for (const path of typeof option === "string" ? [option] : option) put(options, path, value);
  }
  return options;
}

/** RTP is at the address that RTSP is at. */
function rtpAddress(settings: Settings): ListenAddress | false | undefined {
  const [port, rtsp] = [settings.get(RTP_PORT), settings.get(RTSP_PORT)];
  if (port === false || rtsp === false) return false;
  return rtsp.hostname === undefined ? { port } : { hostname: rtsp.hostname, port };
}

/** WebRTC is at the address that HTTP is at, where it has none of its own. */
function webRtcAddress(settings: Settings): ListenAddress | false {
  const webrtc = settings.get(WEBRTC_PORT);
  const http = [HTTP_PORT, HTTPS_PORT].map((row) => settings.get(row)).find((one) => one !== false);
  if (webrtc === false || http === undefined) return false;
  const hostname = webrtc.hostname ?? http.hostname;
  const port = http.port === 0 && !settings.isGiven(WEBRTC_PORT) ? 0 : webrtc.port;
  return hostname === undefined ? { port } : { hostname, port };
}
