import type { RtspClient } from "../client/mod.ts";
import { parseRtspUrl, type RtspUrl } from "../rtsp/early.ts";
import { formatAddress } from "../transport/mod.ts";
import { loadClients, type RelayDriver, type RelayMove, secretsOf } from "./relay_driver.ts";
import type { RelayOptions } from "./relay_options.ts";

/**
 * What relays need of RTSP.
 *
 * @throws {RtspError} `malformed-url` when the URL cannot be parsed
 * @throws {TypeError} if UDP is asked for where only TCP can be
 */
export function rtspRelayDriver(options: RelayOptions): RelayDriver {
  const { url, transport = "auto", backchannel = false, client = {} } = options;
  const { timeoutMs, caCerts } = client;
  const parsed = parseRtspUrl(url);
  if (parsed.scheme === "rtsps" && transport === "udp" && options.mode === "push") {
    throw new TypeError('Cannot push as media to rtsps goes over TCP: current value is "udp"');
  }
  const secrets = secretsOf(parsed, parsed.path, `?${parsed.query ?? ""}`);
  const connect = async (
    to: RtspUrl,
    { signal, onMove }: {
      readonly signal?: AbortSignal | undefined;
      readonly onMove?: (url: RtspUrl) => void;
    },
  ): Promise<RtspClient> => {
    const { RtspClient } = await loadClients();
    return await RtspClient.connect(to, {
      transport,
      ...(onMove === undefined ? {} : { onMove }),
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(caCerts === undefined ? {} : { caCerts }),
      // The relay itself looks whether anything comes.
      mediaTimeoutMs: Infinity,
    });
  };
  const at = (remote: RtspUrl): RelayMove => {
    const address = { hostname: remote.host, port: remote.port };
    return {
      // Cameras have passwords in their paths.
      target: `${remote.scheme}://${formatAddress(address)}`,
      address,
      connect: async (signal) => {
        const { promise: moved, resolve } = Promise.withResolvers<RelayMove>();
        const onMove = (url: RtspUrl): void => resolve(at(url));
        const again = (signal?: AbortSignal) => connect(remote, { signal });
        const { RtspRelayConnection } = await import("./rtsp_relay_connection.ts");
        return new RtspRelayConnection(await connect(remote, { signal, onMove }), {
          backChannel: backchannel ? { connect: again, secrets } : undefined,
          moved,
        });
      },
    };
  };
  return { ...at(parsed), protocol: "rtsp", secrets };
}
