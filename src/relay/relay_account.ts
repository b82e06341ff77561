import { HubError, unitBytes } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { RtmpError } from "../rtmp/mod.ts";
import { RtspError } from "../rtsp/early.ts";
import type { RelayEnd } from "./relay_context.ts";
import { RelayFailure } from "./relay_driver.ts";
import type { RelayState, RelayStatistics } from "./relay_options.ts";

/** The parts of a relay that its account tells of. */
export interface RelayAccountParts {
  readonly log: ServerLog;
  /** What every line about the relay says of it. */
  readonly fields: () => Record<string, unknown>;
  /** What no line may show. */
  readonly secrets: readonly string[];
}

/** What a relay has done so far: its counts, and the lines of the log about it. */
export class RelayAccount {
  /** What the relay does now. */
  state: RelayState = "idle";
  /** How often it has tried. */
  attempts = 0;
  /** Units that its remote server was too slow for. */
  dropped = 0;
  readonly #parts: RelayAccountParts;
  #failures = 0;
  #lastError: string | undefined;
  #bytes = 0;
  #units = 0;
  /** What had been relayed when the attempt under way got through; `undefined` until then. */
  #before: { readonly bytes: number; readonly units: number } | undefined;

  /** Begins with nothing done. */
  constructor(parts: RelayAccountParts) {
    this.#parts = parts;
  }

  /** Counts of now. */
  get counts(): Omit<RelayStatistics, "mode" | "name" | "target"> {
    return {
      state: this.state,
      attempts: this.attempts,
      failures: this.#failures,
      lastError: this.#lastError,
      bytes: this.#bytes,
      units: this.#units,
      dropped: this.dropped,
    };
  }

  /** Attempts that have failed since media got through. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether the attempt under way has got through. */
  get hasStarted(): boolean {
    return this.#before !== undefined;
  }

  /** It relays: by the first connection of an attempt, or by the next. */
  started(): void {
    this.state = "running";
    if (this.#before !== undefined) return;
    this.#before = { bytes: this.#bytes, units: this.#units };
    this.#parts.log.info("relay started", this.#parts.fields());
  }

  /** Says why a relay is over, and when it is tried again; where it had not started there is nothing to say. */
  ended(reason: RelayEnd, waitMs?: number): void {
    if (this.#before === undefined) return;
    const { bytes, units } = this.#before;
    this.#before = undefined;
    this.#parts.log.info("relay ended", {
      ...this.#parts.fields(),
      reason,
      bytes: this.#bytes - bytes,
      units: this.#units - units,
      ...(waitMs === undefined ? {} : { retryMs: Math.round(waitMs) }),
    });
  }

  /** Counts an attempt that has failed. */
  noteFailure(): void {
    this.#failures++;
  }

  /**
   * Says why the attempt has failed that was counted last, and when the next is. Once for each spell of failures: what
   * fails for hours is told in the statistics. What was said to have started is said to be over.
   */
  failed(error: unknown, waitMs: number): void {
    const { log, fields } = this.#parts;
    const reason = this.reasonOf(error);
    this.#lastError = reason;
    const level = this.#failures === 1 || this.#before !== undefined ? "warn" : "debug";
    this.#before = undefined;
    log[isKnown(error) ? level : "error"]("relay failed", {
      ...fields(),
      reason,
      retryMs: Math.round(waitMs),
    });
  }

  /** Counts a unit that was relayed. Media ends a spell of failures; headers alone may be of this side. */
  relayed(unit: MediaUnit): void {
    this.#bytes += unitBytes(unit);
    this.#units++;
    if (unit.role !== "media") return;
    this.#failures = 0;
    this.#lastError = undefined;
  }

  /** What an error says, without secrets: a server may repeat what it was asked for. */
  reasonOf(error: unknown): string {
    let reason = isKnown(error) ? error.message : String(error);
    for (const secret of this.#parts.secrets) reason = reason.replaceAll(secret, "…");
    return reason;
  }
}

function isKnown(error: unknown): error is Error {
  return error instanceof RtmpError || error instanceof RtspError ||
    error instanceof HubError || error instanceof RelayFailure;
}
