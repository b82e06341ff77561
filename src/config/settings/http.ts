import { LISTEN_ADDRESS, number, text } from "../leaf_types.ts";
import { serverNumber } from "../server_number.ts";
import type { LeafType, Setting } from "../setting.ts";
import { setting } from "../setting.ts";
import { SettingFault, wrong } from "../setting_fault.ts";

/** Where HTTP is listened for. */
export const HTTP_PORT = setting({
  key: "http.port",
  type: LISTEN_ADDRESS,
  default: { port: 8080 },
  help: "where HTTP is listened for: players, pages, the API, health",
  flag: { name: "http", placeholder: "[HOST:]PORT|off" },
  option: "http",
  givesDefault: true,
  change: "reload",
});

/** Where HTTP over TLS is listened for. */
export const HTTPS_PORT = setting({
  key: "https.port",
  type: LISTEN_ADDRESS,
  default: false,
  help: "where HTTP over TLS is listened for",
  doc:
    "It needs `tls.cert` and `tls.key`. HTTP/2 is offered where the program may use ports of 127.0.0.1 too.",
  flag: { name: "https", placeholder: "[HOST:]PORT|off" },
  option: "https",
  change: "reload",
});

/** The UDP port of WebRTC. */
export const WEBRTC_PORT = setting({
  key: "webrtc.port",
  type: LISTEN_ADDRESS,
  default: { port: 8189 },
  help: "UDP port of WebRTC, by which streams are played (WHEP) and published (WHIP)",
  doc:
    "All sessions share it. Without an address of its own it is at the one that HTTP is at, and off where HTTP is; where HTTP has a free port (0), it has too.",
  flag: { name: "webrtc", placeholder: "[HOST:]PORT|off" },
  change: "restart",
});

/** An origin as browsers send it. */
const ORIGIN = /^https?:\/\/[^/\s]+$/;

/** Doors of HTTP, and who may use them from other origins. */
export const HTTP: readonly Setting[] = [
  HTTP_PORT,
  HTTPS_PORT,
  setting({
    key: "http.origins.media",
    type: origins({ all: true }),
    default: "*",
    help: "pages of which other origins may read media",
    doc: "`*` is all of them, `off` none; else a list such as `[https://example.org]`.",
    option: "httpOrigins.media",
    change: "reload",
  }),
  setting({
    key: "http.origins.api",
    type: origins({ all: false }),
    default: false,
    help: "pages of which other origins may use the API",
    doc: "`off` is none, else a list such as `[https://example.org]`.",
    option: "httpOrigins.api",
    change: "reload",
  }),
  setting<readonly string[]>({
    key: "http.hosts",
    type: {
      kind: "list",
      of: text({ allowed: "a host name", pattern: /^[\w.-]+$/ }),
    },
    defaultInWords: "any",
    help: "host names by which requests may come for what is not media, or changes something",
    doc:
      "Give the names of this server, so that a page that points a name of its own here (DNS rebinding) gets no answer. " +
      "Addresses and `localhost` may always be used.",
    option: "httpHosts",
    change: "reload",
  }),
  WEBRTC_PORT,
  serverNumber({
    key: "webrtc.ports",
    as: number,
    default: 1,
    help: "how many UDP ports WebRTC has, from `webrtc.port` on",
    doc:
      "Sessions are shared out among them. One does for all; more are for networks that let only so much through each.",
    flag: { name: "webrtc-ports", placeholder: "N", isRare: true },
    option: "webrtcPorts",
    change: "restart",
  }),
  setting<readonly string[]>({
    key: "webrtc.hosts",
    type: {
      kind: "list",
      of: text({ allowed: "an address or a host name", pattern: /^[\w.:-]+$/ }),
    },
    defaultInWords: "the host of each request",
    help: "addresses or names by which browsers reach the port of WebRTC",
    doc: "To be set behind a proxy, or where addresses are translated.",
    flag: { name: "webrtc-host", placeholder: "HOST", isRare: true, readEach: String },
    option: "webrtcHosts",
    change: "reload",
  }),
];

function origins({ all }: { readonly all: boolean }): LeafType<"*" | readonly string[] | false> {
  const type: LeafType<"*" | readonly string[] | false> = {
    kind: "leaf",
    allowed: `${all ? "*, " : ""}off, or a list of origins such as https://example.org`,
    json: {
      anyOf: [
        { enum: all ? ["*", "off"] : ["off"] },
        { const: false },
        { type: "array", items: { type: "string", pattern: "^(https?://|\\$\\{)" } },
      ],
    },
    read(value) {
      if (value === "off" || value === false) return false;
      if (all && value === "*") return value;
      if (!Array.isArray(value)) throw wrong(value, type);
      const odd = value.findIndex((origin) => typeof origin !== "string" || !ORIGIN.test(origin));
      if (odd >= 0) throw new SettingFault("is no origin such as https://example.org", [odd]);
      return value;
    },
    show: (value) => value === false ? "off" : value === "*" ? '"*"' : `[${value.join(", ")}]`,
  };
  return type;
}
