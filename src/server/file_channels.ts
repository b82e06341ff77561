import { FileChannel, type FileChannelOptions } from "../files/mod.ts";
import type { LiveOptions } from "./options.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";
import { publishUnits } from "./server_stream.ts";

/** The files that are published as streams. Of several workers each has its part of them. */
export class FileChannels implements ServerAgent {
  readonly #core: ServerCore;
  /** By their options, as text: one that is as before goes on. */
  #channels: ReadonlyMap<string, FileChannel>;
  #state: "new" | "started" | "stopped" = "new";

  /**
   * Publishes nothing yet.
   *
   * @throws {TypeError} if one has no file
   */
  constructor(core: ServerCore) {
    this.#core = core;
    this.#channels = this.#channelsOf(core.options);
  }

  /** Looks whether the files may be read. */
  async open(): Promise<void> {
    await checkAll(this.#channels);
  }

  /** Starts to publish. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "started";
    for (const channel of this.#channels.values()) channel.start();
  }

  /** Ends their streams. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    await stopAll(this.#channels);
  }

  /**
   * Looks whether the files of other options can be published, and resolves with what has that done: channels that are
   * as before go on, all others end before new ones begin.
   *
   * @throws {TypeError} (rejects) if one has no file
   * @throws {MediaFileError} (rejects) with the flag to add, or what is wrong with a file
   */
  async prepare(options: LiveOptions): Promise<() => Promise<void>> {
    const former = this.#channels;
    const next = this.#channelsOf(options);
    const added = [...next].filter(([id]) => !former.has(id));
    const gone = [...former].filter(([id]) => !next.has(id));
    await checkAll(new Map(added));
    return async () => {
      this.#channels = new Map(next.entries().map(([id, made]) => [id, former.get(id) ?? made]));
      await stopAll(new Map(gone));
      if (this.#state === "started") { for (const [, channel] of added) channel.start(); }
    };
  }

  #channelsOf({ sources = [] }: LiveOptions): Map<string, FileChannel> {
    const { part, workers } = this.#core;
    const own = workers === 1 ? sources.filter(({ name }) => part?.seesTo?.(name) ?? true) : [];
    return new Map(own.map((source) => [idOf(source), this.#channelOf(source)]));
  }

  #channelOf(source: FileChannelOptions): FileChannel {
    const { gate, log, clock } = this.#core.shell;
    return new FileChannel(source, {
      clock,
      log,
      publish: (name, units, { signal }) =>
        publishUnits(gate, units, { name, signal, protocol: "file" }),
    });
  }
}

function idOf({ name, files, loop = true }: FileChannelOptions): string {
  return JSON.stringify([name, files, loop]);
}

async function checkAll(channels: ReadonlyMap<string, FileChannel>): Promise<void> {
  for (const channel of channels.values()) await channel.check();
}

async function stopAll(channels: ReadonlyMap<string, FileChannel>): Promise<void> {
  await Promise.all(channels.values().map((channel) => channel.stop()));
}
