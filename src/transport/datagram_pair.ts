import { bindDatagram, type DatagramSocket } from "./datagram.ts";
import type { DatagramPeer } from "./datagram_peer.ts";

/** Two UDP sockets of consecutive ports, the first one even (RFC 3550, 11): RTP and RTCP. */
export interface DatagramPair {
  /** The socket for RTP. */
  readonly rtp: DatagramSocket;
  /** The socket for RTCP. */
  readonly rtcp: DatagramSocket;
}

/** The neighbour of a free port may be taken. */
const ATTEMPTS = 20;

/**
 * Binds a pair of ports: `port` and the next one, or a free pair for port 0.
 *
 * @throws {RangeError} if the port is odd
 */
export async function bindDatagramPair(address: DatagramPeer): Promise<DatagramPair> {
  const { hostname, port } = address;
  if (port % 2 !== 0) {
    throw new RangeError(
      `Cannot bind RTP ports as the first one must be even: current value is ${port}`,
    );
  }
  if (port !== 0) return await bindBoth(address);
  for (let attempt = 1;; attempt++) {
    try {
      return await bindFree(hostname);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function bindBoth({ hostname, port }: DatagramPeer): Promise<DatagramPair> {
  const rtp = await bindDatagram({ hostname, port });
  return await withNeighbour(rtp, { hostname, port: port + 1 });
}

/** Binds a free port, and its neighbour: the even one is that of RTP. */
async function bindFree(hostname: string): Promise<DatagramPair> {
  const first = await bindDatagram({ hostname, port: 0 });
  if (first.port % 2 === 0) {
    return await withNeighbour(first, { hostname, port: first.port + 1 });
  }
  const { rtp, rtcp } = await withNeighbour(first, { hostname, port: first.port - 1 });
  return { rtp: rtcp, rtcp: rtp };
}

async function withNeighbour(
  first: DatagramSocket,
  neighbour: DatagramPeer,
): Promise<DatagramPair> {
  try {
    return { rtp: first, rtcp: await bindDatagram(neighbour) };
  } catch (error) {
    first.close();
    throw error;
  }
}
