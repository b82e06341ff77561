import type { ClusterNode, OtherNode } from "../cluster/mod.ts";
import { StoreUnreachable } from "../cluster/mod.ts";
import { pause } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { systemClock } from "../transport/mod.ts";
import type { Membership } from "./membership.ts";
import type { DrainStep, PartDrain } from "./part_drain.ts";

/** How a server is taken out of service. */
export interface DrainOptions {
  /** How long clients may take to leave, milliseconds; Infinity for as long as they like. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait: those who are left stay, until the server stops. */
  readonly signal?: AbortSignal;
}

/** How far a server is out of service. */
export interface DrainState {
  /** Whether nobody new is let in. */
  readonly isDraining: boolean;
  /** Whether all have left, or were ended. */
  readonly isOver: boolean;
  /** Publishers and players that are left. */
  readonly left: number;
  /** How long they may take, milliseconds; left out where that is as long as they like, or nobody has to go. */
  readonly leftMs?: number | undefined;
}

/** What a {@linkcode Drainer} works on. */
export interface DrainerParts {
  /** This thread's clients. */
  readonly part: PartDrain;
  /** Its workers, and the cluster that it is of. */
  readonly members: Pick<Membership, "pool" | "node">;
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** It goes on so often, milliseconds. */
const STEP_MS = 250;

/** Other machines are asked for so often, milliseconds. */
const NODES_MS = 2000;

/** So long those who are ended may take to go, milliseconds. */
const LAST_MS = 2000;

/** Takes a server, with all its parts, out of service, and back. */
export class Drainer {
  readonly #parts: DrainerParts;
  #run: { readonly empty: PromiseWithResolvers<void>; readonly abort: AbortController } | undefined;
  #totalMs = Infinity;
  #untilMs = Infinity;
  #left = 0;
  #isOver = false;

  /** Lets everybody in still. */
  constructor(parts: DrainerParts) {
    this.#parts = parts;
  }

  /** How far it is. */
  get state(): DrainState {
    if (this.#run === undefined) return { isDraining: false, isOver: false, left: 0 };
    const leftMs = Math.max(0, Math.round(this.#untilMs - systemClock.now()));
    return {
      isDraining: true,
      isOver: this.#isOver,
      left: this.#left,
      ...(leftMs === Infinity ? {} : { leftMs }),
    };
  }

  /** Begins, or changes how long those who are there may stay; resolves when they have left, or were ended. */
  async drain(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    this.#totalMs = timeoutMs;
    this.#untilMs = systemClock.now() + timeoutMs;
    if (this.#run === undefined) {
      log.info("the server is drained: nobody new is let in", {
        ...(timeoutMs === Infinity ? {} : { seconds: timeoutMs / 1000 }),
      });
      this.#run = { abort: new AbortController(), empty: Promise.withResolvers() };
      void this.#go(this.#run.abort.signal, this.#run.empty.resolve);
    }
    const { promise: givenUp, resolve } = Promise.withResolvers<void>();
    const stop = (): void => resolve();
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    await Promise.race([this.#run.empty.promise, givenUp]);
    signal?.removeEventListener("abort", stop);
  }

  /** Lets everybody in again; whether that was not so. */
  undo(): boolean {
    const { part, members: { pool, node }, log } = this.#parts;
    if (this.#run === undefined) return false;
    this.stop();
    part.undo();
    pool?.undoDrain();
    void node?.drain(false);
    log.info("the server is drained no longer");
    return true;
  }

  /** Does no more: the server stops. */
  stop(): void {
    this.#run?.abort.abort();
    this.#run?.empty.resolve();
    this.#run = undefined;
  }

  /** Goes on until it is undone: who comes when all have left is sent on too. */
  async #go(signal: AbortSignal, onEmpty: () => void): Promise<void> {
    const { part, members: { pool, node }, log } = this.#parts;
    const region = node?.region ?? "";
    let nodes: readonly OtherNode[] = [];
    let askedMs = -Infinity;
    this.#isOver = false;
    await node?.drain(true);
    while (!signal.aborted) {
      const nowMs = systemClock.now();
      if (node !== undefined && nowMs - askedMs >= NODES_MS) {
        askedMs = nowMs;
        nodes = await othersOf(node) ?? nodes;
      }
      if (signal.aborted) return;
      const leftMs = Math.max(0, this.#untilMs - nowMs);
      const step: DrainStep = { totalMs: this.#totalMs, leftMs, region, nodes };
      this.#left = part.step(step) + (await pool?.drain(step) ?? 0);
      if (!this.#isOver && (this.#left === 0 || nowMs >= this.#untilMs + LAST_MS)) {
        this.#isOver = true;
        log.info("the server is drained: all have left", { left: this.#left });
        onEmpty();
      }
      await pause(STEP_MS, { clock: systemClock, signal });
    }
  }
}

/** The machines that take clients; `undefined` where the directory is away, as those that were known still may. */
async function othersOf(node: ClusterNode): Promise<readonly OtherNode[] | undefined> {
  try {
    return await node.others();
  } catch (error) {
    if (error instanceof StoreUnreachable) return undefined;
    throw error;
  }
}
