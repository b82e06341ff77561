import { RtspError } from "./errors.ts";
import type { RtspMulticastGroup, RtspSessionTransport } from "./server_session.ts";
import type { ServerSession } from "./session_table.ts";
import type { RtspPair, RtspTransport } from "./transport_header.ts";

/** Below are the ports of services, which nobody shall be able to aim media at. */
const LOWEST_CLIENT_PORT = 1024;

/** The profile of packets that SRTP protects. */
const PROTECTED = "SAVP";

/** Transports that a server offers on a connection. */
export interface RtspTransportPolicy {
  /** Whether interleaved frames are offered. */
  readonly tcp?: boolean;
  /**
   * The server's RTP and RTCP ports, one pair for all sessions; leave it out where there are no datagrams:
   * when UDP is off, on TLS, and in tunnels.
   */
  readonly udpPorts?: RtspPair;
  /**
   * Whether a port at an address is one that the server itself receives packets at: media to there would come back
   * as a client's.
   */
  readonly isOwnPort?: (peer: { readonly address: string; readonly port: number }) => boolean;
  /**
   * Whether packets that SRTP protects are offered too: `RTP/SAVP`, by interleaved frames, and over the ports named
   * here. For connections that are encrypted themselves, since keys are told by them.
   */
  readonly protection?: { readonly udpPorts?: RtspPair };
  /** Gives the group of a track for players; leave it out where there is no multicast. */
  readonly multicast?: (
    request: { readonly path: string; readonly track: number },
  ) => RtspMulticastGroup | undefined;
}

/** The circumstances that a choice depends on. */
export interface TransportChoice {
  readonly policy: RtspTransportPolicy;
  readonly session: ServerSession;
  readonly mode: "play" | "record";
  readonly path: string;
  readonly track: number;
  /** Address of the client. */
  readonly address: string;
  /** Whether a session sends to this port of the client already. */
  readonly portInUse: (port: number) => boolean;
}

/**
 * Chooses the first transport that is offered by both sides.
 *
 * @throws {RtspError} `unsupported-transport` (461), or `transport-conflict` where its numbers clash
 */
export function chooseTransport(
  offered: readonly RtspTransport[],
  choice: TransportChoice,
): RtspSessionTransport {
  for (const offer of offered) {
    const kind = kindOf(offer, choice);
    if (kind === undefined) continue;
    checkMode(offer, choice.mode);
    const settled = choice.session.transportKind;
    if (settled !== undefined && settled !== kind) {
      throw conflict(`${kind} in a session over ${settled}`);
    }
    const isProtected = offer.profile === PROTECTED;
    checkProtection(choice.session, isProtected);
    const protection = isProtected ? { isProtected } as const : {};
    if (kind === "tcp") {
      return { kind, channels: chooseChannels(offer, choice.session), ...protection };
    }
    if (kind === "udp") return { ...chooseUdp(offer, choice), ...protection };
    const group = choice.policy.multicast!(choice);
    if (group !== undefined) return { kind, ...group };
  }
  const message = "none of the transports is offered here";
  throw new RtspError("unsupported-transport", message, { status: 461 });
}

function kindOf(
  offer: RtspTransport,
  { policy, mode }: TransportChoice,
): RtspSessionTransport["kind"] | undefined {
  const isProtected = offer.profile === PROTECTED && policy.protection !== undefined;
  if (offer.profile !== "AVP" && !isProtected) return undefined;
  if (offer.protocol === "tcp") return policy.tcp === false ? undefined : "tcp";
  if (isProtected) {
    const isOffered = policy.protection?.udpPorts !== undefined && offer.delivery !== "multicast";
    return isOffered ? "udp" : undefined;
  }
  if (offer.delivery !== "multicast") return policy.udpPorts === undefined ? undefined : "udp";
  return policy.multicast === undefined || mode === "record" ? undefined : "multicast";
}

/** The tracks of a session are all protected, or none is. */
function checkProtection({ tracks }: ServerSession, isProtected: boolean): void {
  const [first] = tracks;
  if (first === undefined || first.transport.kind === "multicast") return;
  if ((first.transport.isProtected === true) === isProtected) return;
  throw conflict(`${isProtected ? PROTECTED : "AVP"} in a session over the other`);
}

function checkMode(offer: RtspTransport, mode: "play" | "record"): void {
  if (mode === "record" ? offer.mode === "record" : offer.mode !== "record") return;
  throw conflict(`mode ${offer.mode ?? "play"} where the session is to ${mode}`);
}

function chooseChannels(offer: RtspTransport, session: ServerSession): RtspPair {
  const used = session.tracks.flatMap(({ transport }) =>
    transport.kind === "tcp" ? [...transport.channels] : []
  );
  const asked = offer.interleaved;
  if (asked !== undefined) {
    if (asked[1] !== asked[0] + 1) throw conflict(`channels ${asked.join("-")} are no pair`);
    if (asked.some((channel) => used.includes(channel))) {
      throw conflict(`channels ${asked.join("-")} are in use`);
    }
    return asked;
  }
  let first = 0;
  while (used.includes(first) || used.includes(first + 1)) first += 2;
  return [first, first + 1];
}

function chooseUdp(
  offer: RtspTransport,
  choice: TransportChoice,
): Extract<RtspSessionTransport, { kind: "udp" }> {
  const { policy, address, session } = choice;
  const ports = offer.clientPort;
  if (ports === undefined) throw conflict("UDP without client_port");
  if (ports[0] < LOWEST_CLIENT_PORT || ports[1] < LOWEST_CLIENT_PORT || ports[0] === ports[1]) {
    throw conflict(`client_port ${ports.join("-")}`);
  }
  // RFC 2326, 16: media to someone else is how a server is made to flood a third party.
  if (offer.destination !== undefined && offer.destination !== address) {
    throw new RtspError("transport-conflict", "a destination elsewhere", { status: 403 });
  }
  if (ports.some((port) => policy.isOwnPort?.({ address, port }))) {
    const message = `client_port ${ports.join("-")} is the server's own`;
    throw new RtspError("unsupported-transport", message, { status: 461 });
  }
  const own = session.tracks.some(({ transport }) =>
    transport.kind === "udp" && transport.clientPorts.some((port) => ports.includes(port))
  );
  if (own || ports.some(choice.portInUse)) {
    throw conflict(`client_port ${ports.join("-")} is in use`);
  }
  const serverPorts = offer.profile === PROTECTED ? policy.protection!.udpPorts! : policy.udpPorts!;
  return { kind: "udp", clientPorts: ports, serverPorts };
}

function conflict(message: string): RtspError {
  return new RtspError("transport-conflict", message);
}

/** The `Transport` header that tells the client what was chosen. */
export function transportReply(
  transport: RtspSessionTransport,
  ssrc: number | undefined,
): RtspTransport {
  const end = ssrc === undefined ? {} : { ssrc };
  const isProtected = transport.kind !== "multicast" && transport.isProtected === true;
  const profile = isProtected ? PROTECTED : "AVP";
  switch (transport.kind) {
    case "tcp":
      return {
        protocol: "tcp",
        profile,
        delivery: "unicast",
        interleaved: transport.channels,
        ...end,
      };
    case "udp":
      return {
        protocol: "udp",
        profile,
        delivery: "unicast",
        clientPort: transport.clientPorts,
        serverPort: transport.serverPorts,
        ...end,
      };
    case "multicast":
      return {
        protocol: "udp",
        profile,
        delivery: "multicast",
        destination: transport.address,
        port: transport.ports,
        ttl: transport.ttl,
        ...end,
      };
  }
}
