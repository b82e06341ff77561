import type { Leaving } from "../gate/mod.ts";

/** A machine that clients may be sent to. */
export interface OtherNode {
  /** Its name. */
  readonly node: string;
  /** Where it stands. */
  readonly region: string;
  /** Connections that it has. */
  readonly connections: number;
  /** How many it may have. */
  readonly maxConnections: number;
  /** The URLs by which clients reach it, by scheme: `{ rtmp: "rtmp://192.0.2.7:1935" }`. */
  readonly clients: Readonly<Record<string, string>>;
}

/** A machine is full where so much of what it may have is taken: the rest is for those that come by themselves. */
const FULL = 0.95;

/**
 * Shares the clients of a machine that is to go out among the others: to those of its own region as long as they have
 * room, and there to the one that has most.
 *
 * @example
 * ```ts
 * import { Elsewhere } from "@weir/server/cluster";
 *
 * const node = (node: string, connections: number) => ({
 *   node,
 *   region: "eu",
 *   connections,
 *   maxConnections: 1000,
 *   clients: { rtmp: `rtmp://${node}.example` },
 * });
 * const elsewhere = new Elsewhere("eu");
 * elsewhere.nodes = [node("b", 10), node("c", 9)];
 * console.log(elsewhere.baseOf("rtmp")); // rtmp://c.example
 * console.log(elsewhere.baseOf("rtmp")); // rtmp://b.example
 * console.log(elsewhere.baseOf("rtsp")); // undefined
 * ```
 */
export class Elsewhere implements Leaving {
  readonly #region: string;
  #nodes: readonly OtherNode[] = [];
  /** Clients that were sent to each since it has told of its load. */
  readonly #sent = new Map<string, number>();

  /** Knows no machine yet; the clients are of a machine in `region`. */
  constructor(region: string) {
    this.#region = region;
  }

  /** The machines that take new clients, as of now. */
  get nodes(): readonly OtherNode[] {
    return this.#nodes;
  }

  set nodes(nodes: readonly OtherNode[]) {
    for (const { node, connections } of nodes) {
      const before = this.#nodes.find((one) => one.node === node);
      // Those who were sent are counted there when they have come.
      const come = Math.max(0, connections - (before?.connections ?? connections));
      this.#sent.set(node, Math.max(0, (this.#sent.get(node) ?? 0) - come));
    }
    this.#nodes = nodes;
  }

  /** The URL of the machine that the next client of a scheme goes to, `undefined` where none has room. */
  baseOf(scheme: string): string | undefined {
    let best: { readonly node: OtherNode; readonly url: string; readonly rank: number } | undefined;
    for (const node of this.#nodes) {
      const url = node.clients[scheme] ?? (scheme === "http" ? node.clients["https"] : undefined);
      const load = (node.connections + (this.#sent.get(node.node) ?? 0)) / node.maxConnections;
      if (url === undefined || load >= FULL) continue;
      const rank = load + (node.region === this.#region ? 0 : 1);
      if (best === undefined || rank < best.rank) best = { node, url, rank };
    }
    if (best === undefined) return undefined;
    const { node } = best.node;
    this.#sent.set(node, (this.#sent.get(node) ?? 0) + 1);
    return best.url.replace(/\/+$/, "");
  }
}
