import type { Leavers } from "./hook_caller.ts";

/** Who is to be told that a connection leaves: the questions about it that wait for their answers. Nearly always nobody. */
export class GuestLeavers implements Leavers {
  #all: Set<() => void> | undefined;

  /** Has `leave` called when the connection leaves. */
  add(leave: () => void): void {
    (this.#all ??= new Set()).add(leave);
  }

  /** Has it not called any more. */
  delete(leave: () => void): void {
    this.#all?.delete(leave);
    if (this.#all?.size === 0) this.#all = undefined;
  }

  /** The connection leaves. */
  leave(): void {
    for (const leave of [...this.#all ?? []]) leave();
  }
}
