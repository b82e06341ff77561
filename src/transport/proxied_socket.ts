import { concat } from "@std/bytes/concat";
import type * as NodeNet from "node:net";
import { type Clock, LATE, within } from "../time/mod.ts";
import { parseProxyHeader, type ProxyHeader, ProxyHeaderError } from "./proxy_header.ts";
import { HEADER_MS, lateHeader } from "./proxied_transport.ts";

/**
 * Reads the header that a balancer puts before what its client sends from a socket of Node's, which then gives what
 * follows; `undefined` where the balancer has left without a word.
 *
 * @throws {ProxyHeaderError} (rejects) as `proxiedTransport`
 */
export async function proxyHeaderOfSocket(
  socket: NodeNet.Socket,
  clock: Clock,
): Promise<ProxyHeader | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ProxyHeader | undefined>();
  let bytes: Uint8Array = new Uint8Array(0);
  const look = (): void => {
    // It is told of more only when it was read empty.
    for (;;) {
      const piece = socket.read() as Uint8Array | null;
      if (piece === null) break;
      bytes = concat([bytes, piece]);
    }
    try {
      const header = parseProxyHeader(bytes);
      if (header === undefined) return;
      socket.off("readable", look);
      if (header.length < bytes.length) socket.unshift(bytes.slice(header.length));
      resolve(header);
    } catch (error) {
      reject(error);
    }
  };
  const end = (): void => {
    if (bytes.length === 0) resolve(undefined);
    else reject(new ProxyHeaderError("The connection has ended within its PROXY header"));
  };
  socket.on("readable", look).on("end", end).on("close", end).on("error", reject);
  try {
    const header = await within(promise, { clock, ms: HEADER_MS });
    if (header === LATE) throw lateHeader();
    return header;
  } finally {
    socket.off("readable", look).off("end", end).off("close", end).off("error", reject);
  }
}
