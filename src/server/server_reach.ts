import type { ListenAddress } from "../transport/mod.ts";
import { addressRules } from "./gate_rules.ts";
import type { Membership } from "./membership.ts";
import type { AddressListOptions } from "./options.ts";
import type { ServerCounts } from "./server_counts.ts";
import type { StreamsElsewhere } from "./server_stream.ts";
import type { ServerShell } from "./shell.ts";

/** What {@linkcode ServerReach} acts on. */
export interface ServerReachParts {
  readonly shell: ServerShell;
  readonly members: Membership;
  readonly counts: ServerCounts;
}

/** What is done in this thread and in all workers alike; see the methods of `Server` of the same names. */
export class ServerReach {
  readonly #parts: ServerReachParts;

  /** Acts on a server's parts. */
  constructor(parts: ServerReachParts) {
    this.#parts = parts;
  }

  /** How a stream is reached that another worker has; `undefined` where there are none. */
  get streamsElsewhere(): StreamsElsewhere | undefined {
    const { members: { pool }, counts } = this.#parts;
    return pool && {
      statistics: (name) => counts.snapshot().streams.find((stream) => stream.name === name),
      unpublish: (name, reason) => pool.tellAll("unpublish", name, reason),
      dropHeld: (name) => pool.tellAll("dropHeld", name),
    };
  }

  async review(): Promise<void> {
    const { shell, members } = this.#parts;
    members.pool?.tellAll("review");
    await shell.gate.review();
  }

  async relisten(protocol: string, address: ListenAddress | false): Promise<void> {
    const { shell, members: { pool } } = this.#parts;
    await (pool?.relisten(protocol, address) ?? shell.relisten(protocol, address));
  }

  setAddresses(addresses: AddressListOptions): void {
    const { shell: { gate }, members } = this.#parts;
    gate.addresses = addressRules(addresses);
    void gate.review();
    members.pool?.tellAll("setAddresses", addresses);
  }

  kickUser(user: string, why: string): number {
    const { members, counts } = this.#parts;
    members.pool?.tellAll("kickUser", user, why);
    const theirs = [...counts.tickets.values()].filter(({ info }) => info.user === user);
    for (const ticket of theirs) ticket.kick(why);
    return theirs.length;
  }

  dropHeld(name: string): boolean {
    const { shell: { hub }, members: { pool }, counts } = this.#parts;
    if (pool === undefined) return (hub.get(name)?.dropHeld() ?? 0) > 0;
    pool.tellAll("dropHeld", name);
    return counts.snapshot().streams.some((stream) =>
      stream.name === name && stream.held !== undefined
    );
  }

  async reloadTls(tls: { readonly cert: string; readonly key: string }): Promise<void> {
    const { shell, members } = this.#parts;
    await Promise.all([members.pool?.reloadTls(tls), shell.reloadTls(tls)]);
  }
}
