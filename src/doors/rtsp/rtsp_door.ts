import type { Guest } from "../../gate/mod.ts";
import { reasonOf } from "../../log/mod.ts";
import type { RtspTransportPolicy } from "../../rtsp/mod.ts";
import {
  checkListenPermission,
  explainListenErrors,
  formatAddress,
  hasNetPermission,
  hasWholeNetPermission,
  type ListenAddress,
  type Transport,
} from "../../transport/mod.ts";
import {
  type Door,
  type DoorAddress,
  DoorPorts,
  LateConnection,
  type ServedConnection,
  type Shell,
} from "../mod.ts";
import { MulticastGroups, type MulticastOptions } from "./multicast_groups.ts";
import { RtpSockets } from "./rtp_sockets.ts";
import { type HandedConnection, type RtspParts, sessionPrefix } from "./rtsp_parts.ts";
import type { RtspServiceOptions } from "./rtsp_service.ts";
import type { RtspServing } from "./rtsp_serving.ts";
import type { RtspDoorSnapshot } from "./rtsp_statistics.ts";
import type { RtspMulticast } from "./rtsp_datagrams.ts";

/** Options of an {@linkcode RtspDoor}. */
export interface RtspDoorOptions {
  /** Where RTSP is listened for; the field's ports are 554 and 8554. */
  readonly rtsp?: ListenAddress | false;
  /** Where RTSP over TLS is listened for. */
  readonly rtsps?: ListenAddress | false;
  /**
   * Where sessions receive and send RTP over UDP; an even port, RTCP is on the next one. Its address is that of
   * `rtsp` by default; clients of the other address family are then not offered UDP. Without it there is
   * interleaved TCP alone.
   */
  readonly rtp?: ListenAddress | false;
  /** Lets players ask for multicast: each stream is sent once to a group of its own. Off by default. */
  readonly multicast?: MulticastOptions | false;
  /** Times of sessions. */
  readonly session?: RtspServiceOptions;
  /** The parts of the server that listen on the same ports, where there are others. */
  readonly parts?: RtspParts | undefined;
}

/** The door for RTSP and RTSPS clients, with their RTP over UDP and multicast. */
export class RtspDoor implements Door {
  /** What it speaks. */
  readonly protocols: readonly string[] = ["rtsp", "rtsps", "rtp"];
  readonly #options: RtspDoorOptions;
  #times: RtspServiceOptions;
  readonly #ports = new DoorPorts();
  readonly #groups: MulticastGroups | undefined;
  /** What clients are served with, once the first of them has come. */
  #serving: RtspServing | undefined;
  #loading: Promise<RtspServing> | undefined;
  #isStopped = false;
  #sockets: RtpSockets | undefined;
  #multicast: RtspMulticast | undefined;

  /**
   * Makes a door that is not open yet.
   *
   * @throws {RangeError} if the multicast groups, their port or their time to live are out of range
   */
  constructor(options: RtspDoorOptions = {}) {
    this.#options = options;
    this.#times = options.session ?? {};
    const { multicast = false } = options;
    if (multicast !== false) {
      this.#groups = new MulticastGroups(
        multicast,
        (name) => this.#serving?.service.isMulticast(name) ?? false,
        options.parts,
      );
    }
  }

  /** The UDP port of RTP, where there is one. */
  get addresses(): readonly DoorAddress[] {
    if (this.#sockets === undefined) return [];
    const { hostname } = this.#rtpAddress!;
    return [{ protocol: "rtp", hostname, port: this.#sockets.ports[0] }];
  }

  /** Gives sessions other times from now on; what is left out has its default. */
  configure(times: RtspServiceOptions): void {
    this.#times = times;
    this.#serving?.service.configure(times);
  }

  /** Opens the UDP ports, and listens where the options say. */
  async open(shell: Shell): Promise<void> {
    const { rtsp = false, rtsps = false } = this.#options;
    if (rtsp === false && rtsps === false) return;
    if (rtsp !== false) await this.#openDatagrams(shell);
    const { parts } = this.#options;
    if (parts !== undefined) parts.onTake = (handed) => this.#take(shell, handed);
    await this.relisten(shell, "rtsp", rtsp);
    await this.relisten(shell, "rtsps", rtsps);
  }

  /** Listens elsewhere from now on; the UDP ports stay where they are. */
  async relisten(shell: Shell, protocol: string, address: ListenAddress | false): Promise<void> {
    const isTls = protocol === "rtsps";
    await this.#ports.set(protocol, address, async (address) => {
      return await shell.listen(protocol, address, {
        tls: isTls,
        serve: (transport, guest) => this.#serve(shell, { transport, guest, isTls }),
      });
    });
  }

  /** Serves a connection that was let in: over TCP alone where the door is not listened at. */
  serve(
    shell: Shell,
    { transport, guest }: { readonly transport: Transport; readonly guest: Guest },
  ): ServedConnection {
    return this.#serve(shell, { transport, guest, isTls: true });
  }

  /** Passes time on to the sessions. */
  tick(): void {
    this.#serving?.service.tick();
  }

  /** Ends the sessions, those over UDP too: their clients are told. */
  stop(): void {
    this.#isStopped = true;
    this.#serving?.service.stop();
  }

  /** Gives the UDP ports back. */
  async close(): Promise<void> {
    await this.#sockets?.close();
    await this.#multicast?.sockets.close();
    this.#sockets = undefined;
  }

  /** Counts of the sessions, and of datagrams that nobody had asked for. */
  snapshot(): RtspDoorSnapshot {
    const { statistics = [], sessions } = this.#serving?.service ?? {};
    return {
      protocol: "rtsp",
      sessions: statistics,
      sessionCount: sessions?.size ?? 0,
      detachedSessions: sessions?.detached ?? 0,
      strangeDatagrams: (this.#sockets?.strangers ?? 0) +
        (this.#multicast?.sockets.strangers ?? 0),
    };
  }

  /** Serves a connection that another part has accepted. */
  #take(shell: Shell, { transport, isTls }: HandedConnection): void {
    const { remoteAddress } = transport;
    const arrival = shell.gate.arrive({ protocol: isTls ? "rtsps" : "rtsp", remoteAddress });
    if (!("granted" in arrival)) return transport.close();
    const guest = arrival.granted;
    shell.keep(guest, () => this.#serve(shell, { transport, guest, isTls })).catch((error) => {
      // A mistake of this program costs this connection alone.
      shell.peers.of(remoteAddress).error("connection failed", { error: String(error) });
      transport.close();
    });
  }

  /** Serves a connection; the first one has what serves it loaded. */
  #serve(
    shell: Shell,
    { transport, guest, isTls }: {
      readonly transport: Transport;
      readonly guest: Guest;
      readonly isTls: boolean;
    },
  ): ServedConnection {
    const serve = (serving: RtspServing): ServedConnection => {
      const policy = isTls
        ? this.#protectedPolicy(transport.remoteAddress)
        : this.#datagramPolicy(transport.remoteAddress);
      return serving.serve(transport, { guest, policy, isTls });
    };
    if (this.#serving !== undefined) return serve(this.#serving);
    // One that has failed is tried again with the next client.
    this.#loading ??= this.#load(shell).catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    const ready = this.#loading.then((serving) => () => serve(serving));
    return new LateConnection({ transport, ready });
  }

  async #load(shell: Shell): Promise<RtspServing> {
    const { RtspServing } = await import("./rtsp_serving.ts");
    const { parts } = this.#options;
    const serving = this.#serving = new RtspServing(shell, {
      ...this.#times,
      ...(parts === undefined ? {} : { idPrefix: sessionPrefix(parts.index) }),
      parts,
      datagrams: { sockets: this.#sockets, multicast: this.#multicast },
    });
    if (this.#isStopped) serving.service.stop();
    return serving;
  }

  /** Where RTP is received: what clients are sent comes from the address that they know. */
  get #rtpAddress(): { readonly hostname: string; readonly port: number } | undefined {
    const { rtp = false, rtsp = false } = this.#options;
    if (rtp === false) return undefined;
    const { hostname = "0.0.0.0" } = rtsp || {};
    return { hostname, ...rtp };
  }

  async #openDatagrams(shell: Shell): Promise<void> {
    const rtp = this.#rtpAddress;
    if (rtp !== undefined) {
      const { hostname, port } = rtp;
      // A free pair may be any: then all ports of the host have to be allowed.
      for (const one of port === 0 ? [undefined] : [port, port + 1]) {
        checkListenPermission("rtp", { hostname, port: one });
      }
      this.#sockets = await explainListenErrors(
        "rtp",
        { hostname, port },
        () => RtpSockets.bind({ hostname, port }),
      );
      const address = formatAddress({ hostname, port: this.#sockets.ports[0] });
      shell.log.info(`rtp listening on ${address}`);
      if (!hasWholeNetPermission()) {
        shell.log.warn(
          "RTSP clients at addresses that --allow-net does not list get no UDP (461): add --allow-net",
        );
      }
    }
    if (this.#groups !== undefined) await this.#openMulticast(shell, this.#groups);
  }

  /** Opens what sends to groups. Where this machine has no way to them, the server goes on without. */
  async #openMulticast({ log }: Shell, groups: MulticastGroups): Promise<void> {
    const { hostname = "0.0.0.0" } = this.#options.rtsp || {};
    let sockets: RtpSockets | undefined;
    try {
      // The address of an interface has its packets leave there.
      const source = hostname.includes(":") ? "0.0.0.0" : hostname;
      if (![source, groups.first.hostname].every((address) => hasNetPermission(address))) {
        throw new Error("no permission: add --allow-net");
      }
      sockets = await RtpSockets.bind({ hostname: source, port: 0 });
      await sockets.openMulticast(groups.first, groups.ttl);
      this.#multicast = { sockets, groups };
      log.info(`rtp multicast to ${groups.range}`);
    } catch (error) {
      await sockets?.close();
      const reason = reasonOf(error);
      log.warn(`rtp multicast is off, since ${groups.range} cannot be reached`, { reason });
    }
  }

  /**
   * Which datagrams are offered to a client of an encrypted connection: plain ones would give the media away, those
   * that SRTP protects do not.
   */
  #protectedPolicy(remoteAddress: string): RtspTransportPolicy {
    const { udpPorts } = this.#datagramPolicy(remoteAddress);
    return { protection: udpPorts === undefined ? {} : { udpPorts } };
  }

  /** Which datagrams are offered to a client. */
  #datagramPolicy(remoteAddress: string): RtspTransportPolicy {
    const groups = this.#multicast?.groups;
    const sockets = this.#sockets?.canReach(remoteAddress) ? this.#sockets : undefined;
    return {
      ...(sockets !== undefined && hasNetPermission(remoteAddress)
        ? { udpPorts: sockets.ports }
        : {}),
      ...(groups === undefined ? {} : {
        multicast: ({ path, track }) => {
          const group = groups.ofPath(path, track);
          return group !== undefined && hasNetPermission(group.address) ? group : undefined;
        },
      }),
    };
  }
}
