import { concat } from "@std/bytes/concat";
import { PipedReadable } from "../streams/mod.ts";
import { type Clock, Deadline, LATE } from "../time/mod.ts";
import { plainAddress } from "./address.ts";
import { formatAddress } from "./listen_address.ts";
import { parseProxyHeader, type ProxyHeader, ProxyHeaderError } from "./proxy_header.ts";
import type { Transport } from "./transport.ts";

/** A balancer sends the header at once. */
export const HEADER_MS = 5000;

/**
 * Reads the header that a balancer puts before what its client sends, and resolves with the connection as if it were the
 * client's own; `undefined` where the balancer has left without a word, as those do that only see whether a server lives.
 *
 * @throws {ProxyHeaderError} (rejects) if there is no such header, or it does not come within 5 s; the connection is the
 * caller's to close
 */
export async function proxiedTransport(
  transport: Transport,
  clock: Clock,
): Promise<Transport | undefined> {
  const reader = transport.readable.getReader();
  using deadline = new Deadline(clock, HEADER_MS);
  let bytes: Uint8Array = new Uint8Array(0);
  let header: ProxyHeader | undefined;
  try {
    while (header === undefined) {
      const read = await deadline.before(reader.read());
      if (read === LATE) throw lateHeader();
      const { value } = read;
      if (value === undefined) {
        if (bytes.length === 0) return undefined;
        throw new ProxyHeaderError("The connection has ended within its PROXY header");
      }
      bytes = bytes.length === 0 ? value : concat([bytes, value]);
      header = parseProxyHeader(bytes);
    }
  } finally {
    reader.releaseLock();
  }
  const readable = withFirst(bytes.subarray(header.length), transport.readable);
  const { client } = header;
  const { localAddress } = transport;
  const hostname = client === undefined ? transport.remoteAddress : plainAddress(client.address);
  return {
    readable,
    // One by one: those of a class are none of its own properties.
    write: (bytes) => transport.write(bytes),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
    ...(localAddress === undefined ? {} : { localAddress }),
    remoteAddress: hostname,
    remoteName: client === undefined
      ? transport.remoteName
      : formatAddress({ hostname, port: client.port }),
  };
}

/** Why a connection is closed whose header does not come. */
export function lateHeader(): ProxyHeaderError {
  return new ProxyHeaderError(`The PROXY header did not come within ${HEADER_MS} ms`);
}

/** A stream that gives `first` before what another gives. */
function withFirst(
  first: Uint8Array,
  readable: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  if (first.length === 0) return readable;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new PipedReadable<Uint8Array>({
    async next() {
      if (reader === undefined) {
        reader = readable.getReader();
        return first;
      }
      return (await reader.read()).value;
    },
    async cancel(reason) {
      await (reader ?? readable).cancel(reason);
    },
  });
}
