import { amfNumberProperty, type AmfObject, amfProperty, amfStringProperty } from "../amf/mod.ts";
import type { RtmpStatus } from "./client_event.ts";
import type { RtmpClientSessionOptions } from "./client_session_options.ts";
import { informationOf, statusOf } from "./client_status.ts";
import type { CommandMessage } from "./command_message.ts";
import { enhancedRequest } from "./enhanced_capabilities.ts";
import { RtmpError } from "./errors.ts";
import { parseRtmpUrl } from "./url.ts";

/** Redirections that a client follows: a cluster needs one, and more than a few are a circle. */
export const MAX_RTMP_REDIRECTS = 5;

/** What the server has answered to a connect. */
export type ConnectAnswer =
  | { readonly kind: "granted"; readonly status: RtmpStatus }
  | { readonly kind: "redirect"; readonly tcUrl: string }
  | { readonly kind: "refused"; readonly message: string; readonly status: RtmpStatus };

/** The command object of connect (RTMP 1.0, 7.2.1.1). */
export function connectObject(
  { app, tcUrl, connectParameters = {} }: RtmpClientSessionOptions,
): AmfObject {
  const properties: AmfObject = {
    app,
    type: "nonprivate",
    flashVer: "FMLE/3.0 (compatible; weir)",
    tcUrl,
    fpad: false,
    capabilities: 239,
    audioCodecs: 0xfff,
    videoCodecs: 0xfc,
    videoFunction: 1,
    objectEncoding: 0,
    ...enhancedRequest(),
    ...connectParameters,
  };
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== undefined),
  );
}

/**
 * Reads the answer to a connect to `tcUrl`, after so many redirections. Flash Media Server and SRS say in `ex` where
 * to go instead: code 302, `redirect` a tcUrl.
 */
export function connectAnswer(
  command: CommandMessage,
  { tcUrl, redirects }: { readonly tcUrl: string; readonly redirects: number },
): ConnectAnswer {
  const status = statusOf(0, informationOf(command) ?? command.args[0]);
  const isRefused = command.name === "_error" || status.level === "error" ||
    /^NetConnection\.Connect\.(Rejected|Failed|InvalidApp|AppShutdown)$/.test(status.code);
  if (!isRefused) return { kind: "granted", status };
  const refused = (message: string): ConnectAnswer => ({ kind: "refused", message, status });
  const extra = amfProperty(status.information, "ex");
  const redirect = amfStringProperty(extra, "redirect");
  const code = amfNumberProperty(extra, "code");
  if (redirect === undefined || (code !== undefined && code !== 302)) {
    return refused("The server refuses to connect");
  }
  if (redirects >= MAX_RTMP_REDIRECTS) {
    return refused(`The server redirects for the ${MAX_RTMP_REDIRECTS + 1}th time in a row`);
  }
  const why = whyNotFollowed(redirect, tcUrl);
  return why === undefined ? { kind: "redirect", tcUrl: redirect } : refused(why);
}

/** Why a redirection is not followed, if so. */
function whyNotFollowed(redirect: string, tcUrl: string): string | undefined {
  let scheme: string;
  try {
    scheme = parseRtmpUrl(redirect).scheme;
  } catch (error) {
    if (!(error instanceof RtmpError)) throw error;
    return "The server redirects to what is no RTMP URL";
  }
  const isDowngrade = scheme === "rtmp" && tcUrl.startsWith("rtmps:");
  return isDowngrade ? "The server redirects from rtmps to rtmp" : undefined;
}
