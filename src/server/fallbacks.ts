import { checkMedia } from "../files/mod.ts";
import { pause, type Stream } from "../hub/mod.ts";
import { reasonOf } from "../log/mod.ts";
import { fallbackPlace, type FallbackRun, showFile, showStream } from "./fallback_source.ts";
import type { PathRule } from "./path_rules.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";

/** The wait after a failure, milliseconds. */
const RETRY_MS = 2000;

/** The wait before it is shown again where it has ended, milliseconds: another stream has another publisher, say. */
const AGAIN_MS = 50;

/**
 * Shows what a rule has as a fallback to the players of a stream while nobody publishes it, or its publisher is silent.
 */
export class Fallbacks implements ServerAgent {
  readonly #core: ServerCore;
  readonly #running = new Map<Stream, { readonly abort: AbortController; done: Promise<void> }>();
  /** Those whose fallback was sent away: it stays away until somebody publishes. */
  readonly #sentAway = new WeakSet<Stream>();
  #unobserve: (() => void) | undefined;

  /** Shows nothing yet. */
  constructor(core: ServerCore) {
    this.#core = core;
  }

  /**
   * Looks whether all files can be played.
   *
   * @throws {MediaFileError} (rejects) with the flag to add, or what is wrong with a file
   */
  async open(): Promise<void> {
    await checkFallbackFiles(this.#core.options.paths ?? []);
  }

  /** Shows fallbacks from now on. */
  start(): void {
    const { hub } = this.#core.shell;
    const begin = (stream: Stream): void => {
      if (stream.isFallbackDue) this.#begin(stream);
    };
    this.#unobserve = hub.observe({
      onFallbackDue: begin,
      onStreamStart: (stream) => {
        if (stream.publication?.isFallback === true) return;
        this.#sentAway.delete(stream);
        this.#running.get(stream)?.abort.abort();
      },
    });
    for (const stream of hub.streams) begin(stream);
  }

  /** Shows nothing more. */
  async stop(): Promise<void> {
    this.#unobserve?.();
    this.#unobserve = undefined;
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  #begin(stream: Stream): void {
    if (this.#running.has(stream) || this.#sentAway.has(stream)) return;
    const abort = new AbortController();
    const done = this.#run(stream, abort.signal).finally(() => {
      this.#running.delete(stream);
      // It may have been needed again meanwhile.
      if (this.#unobserve !== undefined && stream.isFallbackDue) this.#begin(stream);
    });
    this.#running.set(stream, { abort, done });
  }

  /** Shows the fallback of a stream as long as it is needed. */
  async #run(stream: Stream, signal: AbortSignal): Promise<void> {
    const { gate, clock, log } = this.#core.shell;
    let isFailing = false;
    while (!signal.aborted && stream.isFallbackDue && !this.#sentAway.has(stream)) {
      const { fallback } = stream.settings;
      try {
        const onKicked = (): void => void this.#sentAway.add(stream);
        await this.#show(fallback, { stream, gate, clock, signal, onKicked });
        isFailing = false;
        // What ends at once again and again must not keep others from their turn.
        await pause(AGAIN_MS, { clock, signal });
      } catch (error) {
        log[isFailing ? "debug" : "warn"]("a fallback cannot be shown", {
          stream: stream.name,
          from: fallback,
          reason: reasonOf(error),
          retryMs: RETRY_MS,
        });
        isFailing = true;
        await pause(RETRY_MS, { clock, signal });
      }
    }
  }

  async #show(fallback: string, run: FallbackRun): Promise<void> {
    const place = fallbackPlace(fallback);
    if (place.kind === "file") return await showFile(place.path, run);
    const { hub } = this.#core.shell;
    return await showStream(hub.stream(place.name), run);
  }
}

/**
 * Looks whether the files of rules can be played, which also has their reader loaded: to load it later would take long.
 *
 * @throws {MediaFileError} (rejects) with the flag to add, or what is wrong with a file
 */
export async function checkFallbackFiles(rules: readonly PathRule[]): Promise<void> {
  const places = rules.flatMap(({ fallback = "" }) =>
    fallback === "" ? [] : [fallbackPlace(fallback)]
  );
  const paths = new Set(places.flatMap((place) => place.kind === "file" ? [place.path] : []));
  for (const path of paths) await checkMedia(path);
}
