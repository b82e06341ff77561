import { parseMulticastRange } from "../../server/mod.ts";
import { checked, FILE, LISTEN_ADDRESS, number, text } from "../leaf_types.ts";
import { type LeafType, setting } from "../setting.ts";
import { wrong } from "../setting_fault.ts";

/** Where RTMP is listened for. */
export const RTMP_PORT = setting({
  key: "rtmp.port",
  type: LISTEN_ADDRESS,
  default: { port: 1935 },
  help: "where RTMP is listened for (IPv4; [::]:1935 is IPv6 too)",
  flag: { name: "rtmp", placeholder: "[HOST:]PORT|off" },
  option: "rtmp",
  givesDefault: true,
  change: "reload",
});

/** Where RTSP is listened for. */
export const RTSP_PORT = setting({
  key: "rtsp.port",
  type: LISTEN_ADDRESS,
  default: { port: 8554 },
  help: "where RTSP is listened for",
  flag: { name: "rtsp", placeholder: "[HOST:]PORT|off" },
  option: "rtsp",
  givesDefault: true,
  change: "reload",
});

const EVEN_PORT: LeafType<number | false> = {
  kind: "leaf",
  allowed: "an even PORT up to 65534, or off",
  json: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: 65_534, multipleOf: 2 },
      { type: "string", pattern: "^(\\d{1,5}|off|\\$\\{.*)$" },
      { const: false },
    ],
  },
  read(value) {
    if (value === "off" || value === false) return false;
    const port = typeof value === "number" || typeof value === "string" ? String(value) : "";
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_534 || Number(port) % 2 !== 0) {
      throw wrong(value, EVEN_PORT);
    }
    return Number(port);
  },
  show: (value) => value === false ? "off" : String(value),
};

/** The port of RTP over UDP. */
export const RTP_PORT = setting({
  key: "rtp.port",
  type: EVEN_PORT,
  default: 8000,
  help: "UDP port of RTP, even; RTCP is the next port",
  doc:
    "It is at the address that RTSP is at. Where it is off, RTSP sessions have interleaved TCP alone.",
  flag: { name: "rtp", placeholder: "PORT|off" },
  change: "restart",
});

/** The groups of multicast. */
export const MULTICAST_GROUP = setting({
  key: "rtsp.multicast.group",
  type: multicastGroup(),
  default: undefined,
  defaultInWords: "off",
  help: "IPv4 groups for RTSP players that ask for multicast",
  doc: "Each stream has a group of its own, as far as they reach.",
  flag: { name: "multicast", placeholder: "GROUP[/N]" },
  option: "multicast.group",
  change: "restart",
});

/** Where RTMP over TLS is listened for. */
export const RTMPS_PORT = setting({
  key: "rtmps.port",
  type: LISTEN_ADDRESS,
  default: false,
  help: "where RTMP over TLS is listened for",
  doc: "It needs `tls.cert` and `tls.key`.",
  flag: { name: "rtmps", placeholder: "[HOST:]PORT|off" },
  option: "rtmps",
  change: "reload",
});

/** Where RTSP over TLS is listened for. */
export const RTSPS_PORT = setting({
  key: "rtsps.port",
  type: LISTEN_ADDRESS,
  default: false,
  help: "where RTSP over TLS is listened for",
  doc: "It needs `tls.cert` and `tls.key`.",
  flag: { name: "rtsps", placeholder: "[HOST:]PORT|off" },
  option: "rtsps",
  change: "reload",
});

/** The file of the certificate. */
export const TLS_CERT = setting({
  key: "tls.cert",
  type: FILE,
  help: "file of the certificate chain of TLS, PEM; SIGHUP reads it again",
  flag: { name: "cert", placeholder: "FILE" },
  needs: (path) => [{ name: "read", path }],
  change: "reload",
});

/** The file of the private key. */
export const TLS_KEY = setting({
  key: "tls.key",
  type: FILE,
  help: "file of the private key of TLS, PEM",
  flag: { name: "key", placeholder: "FILE" },
  needs: (path) => [{ name: "read", path }],
  change: "reload",
});

/** Addresses, ports, certificates. */
export const LISTENING = [
  RTMP_PORT,
  RTSP_PORT,
  RTP_PORT,
  MULTICAST_GROUP,
  setting({
    key: "rtsp.multicast.ttl",
    type: number({ min: 1, max: 255, isWhole: true }),
    default: 16,
    help: "routers that a multicast packet may pass",
    option: "multicast.ttl",
    change: "restart",
  }),
  setting({
    key: "rtsp.multicast.port",
    type: number({ min: 0, max: 65_534, isWhole: true }),
    default: 8002,
    help: "lowest port of multicast, even; each stream has 32 ports from there on",
    option: "multicast.port",
    change: "restart",
  }),
  RTMPS_PORT,
  RTSPS_PORT,
  TLS_CERT,
  TLS_KEY,
];

function multicastGroup(): LeafType<string | undefined> {
  const type = checked(
    text({ allowed: "224.0.1.0 to 239.255.255.255, with /4 to /32, or off" }),
    parseMulticastRange,
  );
  return {
    ...type,
    read: (value) => value === "off" || value === false ? undefined : type.read(value),
    show: (value) => value ?? "off",
  };
}
