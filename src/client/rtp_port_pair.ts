import { bindDatagram, type DatagramPeer, type DatagramSocket } from "../transport/mod.ts";

/** Another program may take the neighbour of a free port in between. */
const ATTEMPTS = 20;

/** Two UDP sockets of consecutive ports, the first one even (RFC 3550, 11): RTP and RTCP. */
export interface RtpPortPair {
  /** The socket for RTP. */
  readonly rtp: DatagramSocket;
  /** The socket for RTCP. */
  readonly rtcp: DatagramSocket;
}

/** Binds a free pair at `hostname`, an address of this machine. */
export async function bindPortPair(hostname: string): Promise<RtpPortPair> {
  for (let attempt = 1;; attempt++) {
    const probe = await bindDatagram({ hostname, port: 0 });
    const port = probe.port - probe.port % 2;
    probe.close();
    try {
      return await bindBoth({ hostname, port });
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function bindBoth({ hostname, port }: DatagramPeer): Promise<RtpPortPair> {
  const rtp = await bindDatagram({ hostname, port });
  try {
    return { rtp, rtcp: await bindDatagram({ hostname, port: port + 1 }) };
  } catch (error) {
    rtp.close();
    throw error;
  }
}
