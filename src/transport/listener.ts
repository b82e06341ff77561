import type { Balancers } from "./balancers.ts";
import type { ListenAddress } from "./listen_address.ts";
import { formatAddress } from "./listen_address.ts";
import { hasNetPermission, permissionHost } from "./net_permission.ts";
import { ServerError } from "./server_error.ts";
import { ACCEPT_QUEUE, type StreamListener, type TlsIdentity } from "./stream_listener.ts";
import { listenTls } from "./tls_listener.ts";
import { connTransport } from "./transport.ts";

/**
 * Opens a listener for connections; with `tls` they are encrypted. `protocol` is what messages call it.
 *
 * @throws {ServerError} `address-in-use`, `address-not-available`, `certificate`, or `permission`: the flag to
 * add is in the message
 */
export async function openListener(
  protocol: string,
  address: ListenAddress & {
    readonly tls?: TlsIdentity;
    /** Of TLS: what may be spoken behind it, the best first (RFC 7301). Clients that ask for none are let in. */
    readonly applicationProtocols?: readonly string[];
    /** Whether others of this program listen there too: the system shares the connections out. */
    readonly isShared?: boolean;
    /** Of TLS: whose connections begin with a PROXY header. Without TLS it is for who accepts to read it. */
    readonly balancers?: Balancers | undefined;
  },
): Promise<StreamListener> {
  const {
    hostname = "0.0.0.0",
    port,
    tls,
    isShared = false,
    balancers,
    applicationProtocols = [],
  } = address;
  checkListenPermission(protocol, { hostname, port });
  return await explainListenErrors(
    protocol,
    { hostname, port, isTls: tls !== undefined },
    () =>
      tls === undefined
        ? listenPlain({ hostname, port, isShared })
        : listenTls({ hostname, port, identity: tls, isShared, balancers, applicationProtocols }),
  );
}

function listenPlain(
  { isShared, ...address }: {
    readonly hostname: string;
    readonly port: number;
    readonly isShared: boolean;
  },
): StreamListener {
  // The option is unstable, and there only where it is asked for.
  const listener = Deno.listen({
    ...address,
    tcpBacklog: ACCEPT_QUEUE,
    ...(isShared ? { reusePort: true } : {}),
  });
  const { hostname, port } = listener.addr as Deno.NetAddr;
  return {
    hostname,
    port,
    async accept() {
      const conn = await listener.accept();
      try {
        return connTransport(conn);
      } catch (error) {
        // The peer was gone before it was looked at.
        conn.close();
        throw error;
      }
    },
    close: () => listener.close(),
  };
}

/**
 * Checks that this program may listen at an address; without a port, at any of its ports.
 *
 * @throws {ServerError} `permission`
 */
export function checkListenPermission(
  protocol: string,
  { hostname, port }: { readonly hostname: string; readonly port: number | undefined },
): void {
  if (hasNetPermission(hostname, port)) return;
  throw new ServerError(
    "permission",
    `Cannot listen for ${protocol} on ${
      permissionHost(hostname, port)
    } without permission: add --allow-net`,
  );
}

/** What is opened, for the messages. */
export interface ListenTarget {
  /** Host name or address. */
  readonly hostname: string;
  /** Port. */
  readonly port: number;
  /** Whether a certificate and a key are part of it. */
  readonly isTls?: boolean;
}

/**
 * Opens something that listens, and says of the system's errors what they mean.
 *
 * @throws {ServerError} as {@linkcode openListener} does
 */
export async function explainListenErrors<T>(
  protocol: string,
  target: ListenTarget,
  open: () => T | Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const cannot = `Cannot listen for ${protocol} on ${formatAddress(target)}`;
    if (error instanceof Deno.errors.AddrInUse) {
      const next = protocol === "rtp" ? " or the next one" : "";
      throw new ServerError("address-in-use", `${cannot}: the port${next} is in use`, {
        cause: error,
      });
    }
    if (isLookupFailure(error)) {
      throw new ServerError(
        "address-not-available",
        `${cannot}: no address of ${target.hostname} can be found; give an address of this machine`,
        { cause: error },
      );
    }
    if (error instanceof Deno.errors.AddrNotAvailable) {
      throw new ServerError(
        "address-not-available",
        `${cannot}: this machine does not have the address`,
        { cause: error },
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new ServerError("permission", `${cannot}: the system does not allow the port`, {
        cause: error,
      });
    }
    // A key of no known kind, or of another certificate, is a plain Error.
    if (target.isTls === true && error instanceof Error) {
      throw new ServerError(
        "certificate",
        `${cannot} with this certificate and key: ${error.message}`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** A host name that nobody knows has no class of its own. */
function isLookupFailure(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && error.message.startsWith("failed to lookup address"));
}
