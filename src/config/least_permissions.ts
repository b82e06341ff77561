import type { ListenAddress, RelayOptions } from "../server/mod.ts";
import type { NetPermission, Permission } from "./permission.ts";
import { listenPermissions, permissionsOf } from "./permission_check.ts";
import { serverOptions } from "./server_options.ts";
import type { Settings } from "./settings.ts";
import { CLUSTER_NATS } from "./settings/cluster.ts";
import { MULTICAST_GROUP } from "./settings/listening.ts";
import { relaysOf } from "./settings_check.ts";

/** The least permissions that a server of these settings needs. */
export function leastPermissions(settings: Settings): Permission[] {
  const { file } = settings;
  const net = netPermissions(settings);
  const others = permissionsOf(settings);
  return [
    ...net,
    // Whatever is reached is reached by all of the network.
    ...others.filter(({ name }) => name !== "net" || net.every(({ host }) => host !== undefined)),
    ...file === undefined ? [] : [{ name: "read", path: file.path } as const],
    ...(file?.variables ?? []).map((variable) => ({ name: "env", variable }) as const),
  ];
}

/** The addresses that are listened on and connected to; all, where clients are sent datagrams. */
function netPermissions(settings: Settings): NetPermission[] {
  const relays = relaysOf(settings);
  const { rtsp, rtsps, rtp, webrtc } = serverOptions(settings);
  // The other machines of a cluster are known as they come.
  if (settings.get(CLUSTER_NATS).length > 0) return [{ name: "net" }];
  const sendsDatagrams = (isOpen(rtsp) || isOpen(rtsps)) && isOpen(rtp) || isOpen(webrtc) ||
    settings.get(MULTICAST_GROUP) !== undefined || relays.some(mayUseDatagrams);
  if (sendsDatagrams) return [{ name: "net" }];
  const remotes = new Set(relays.map(remoteOf));
  return [
    ...listenPermissions(settings),
    ...Array.from(remotes, (host): NetPermission => ({ name: "net", host })),
  ];
}

function isOpen(address: ListenAddress | false | undefined): boolean {
  return address !== undefined && address !== false;
}

function mayUseDatagrams({ url, transport = "auto" }: RelayOptions): boolean {
  return /^rtsp:/i.test(url) && transport !== "tcp";
}

const PORTS: Readonly<Record<string, number>> = { rtmp: 1935, rtmps: 443, rtsp: 554, rtsps: 322 };

/** The server of a relay's URL. */
function remoteOf({ url }: RelayOptions): string {
  const [, scheme = "", authority = ""] = /^([a-z]+):\/\/([^/?#]*)/i.exec(url) ?? [];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return /:\d+$/.test(host) ? host : `${host}:${PORTS[scheme.toLowerCase()]}`;
}
