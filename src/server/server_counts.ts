import type { PublishedTrack, PublisherHealth } from "../api/mod.ts";
import type { RtspDoor } from "../doors/rtsp/mod.ts";
import type { Ticket } from "../gate/mod.ts";
import type { Track } from "../media/mod.ts";
import { codecString } from "../transmux/mod.ts";
import type { Membership } from "./membership.ts";
import type { ServerRelays } from "./server_relays.ts";
import type { ServerShell } from "./shell.ts";
import type { ServerConnection, ServerSnapshot } from "./statistics.ts";
import { mergedSnapshot } from "./workers/merged_snapshot.ts";

/** What {@linkcode ServerCounts} are of. */
export interface ServerCountsParts {
  readonly shell: ServerShell;
  readonly rtsp: RtspDoor;
  readonly relays: ServerRelays;
  readonly members: Membership;
}

/** What there is of a server, its workers together with this thread: tickets, connections, counts. */
export class ServerCounts {
  readonly #parts: ServerCountsParts;

  /** Counts nothing by itself: all is asked for. */
  constructor(parts: ServerCountsParts) {
    this.#parts = parts;
  }

  /** See `Server.tickets`. */
  get tickets(): ReadonlyMap<number, Ticket> {
    const { shell: { gate: { tickets } }, members: { pool } } = this.#parts;
    if (pool === undefined) return tickets;
    const all = new Map(tickets);
    for (const info of pool.snapshots.flatMap(({ tickets }) => tickets)) {
      const { id } = info;
      const kick = (why: string) => pool.tellAll("kickTicket", id, why);
      all.set(id, { info, isOwn: info.remoteAddress === "", kick });
    }
    return all;
  }

  /** See `Server.connections`. */
  get connections(): ServerConnection[] {
    const { shell: { connections }, members: { pool } } = this.#parts;
    if (pool === undefined) return connections;
    const others = pool.snapshots.flatMap(({ connections }) => connections).map((connection) => ({
      ...connection,
      kick: (why: string) => pool.tellAll("kickConnection", connection.id, why),
    }));
    return [...connections, ...others];
  }

  /** See `Server.snapshot`. */
  snapshot(): ServerSnapshot {
    const own = this.#ownSnapshot();
    const { pool } = this.#parts.members;
    if (pool === undefined) return own;
    return { ...mergedSnapshot([own, ...pool.snapshots], pool.members), relays: pool.relays };
  }

  /** See `Server.freshSnapshot`. */
  async freshSnapshot(): Promise<ServerSnapshot> {
    await this.#parts.members.pool?.refresh();
    return this.snapshot();
  }

  #ownSnapshot(): ServerSnapshot {
    const { shell, rtsp, relays, members: { node } } = this.#parts;
    const { hub, gate } = shell;
    const connections = shell.connectionSnapshots;
    // Each connection is asked once: there are many, and to ask is most of what a snapshot costs.
    const heldByConnections = connections.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    return {
      connections,
      tickets: Array.from(gate.tickets.values(), ({ info }) => info),
      health: healthOf(gate.tickets),
      streams: hub.streams.map(({ statistics }) => statistics),
      relays: relays.ownStatistics,
      refused: { ...gate.counts },
      heldBytes: { streams: hub.heldBytes, connections: heldByConnections },
      doors: { ...shell.doorSnapshots, rtsp: rtsp.snapshot() },
      logLinesLeftOut: shell.peers.linesLeftOut,
      ...(node === undefined ? {} : { cluster: node.statistics }),
    };
  }
}

function healthOf(tickets: ReadonlyMap<number, Ticket>): PublisherHealth[] {
  const all: PublisherHealth[] = [];
  for (const [number, ticket] of tickets) {
    const { health } = ticket;
    if (health === undefined) continue;
    const { info: { stream }, tracks = [] } = ticket;
    all.push({ ticket: number, stream, tracks: tracks.map(inWords), report: health });
  }
  return all;
}

function inWords(track: Track): PublishedTrack {
  const { kind, id, codec, width, height, sampleRate, channels } = track;
  const facts = { width, height, sampleRate, channels };
  return { kind, id, codec, codecString: codecString(track), ...facts };
}
