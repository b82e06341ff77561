import {
  ClipStore,
  type ClipStoreOptions,
  RecordingError,
  RecordingPlayback,
  type Recordings,
  type SavedClip,
} from "../record/mod.ts";
import { saySame } from "../rules/mod.ts";
import type { LiveOptions } from "./options.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";

/** Which part of a stream a clip is of. */
export interface ClipWindow {
  /** The last so many milliseconds; 30 000 by default, where neither this nor a start is given. */
  readonly lastMs?: number;
  /** From then on, milliseconds since 1970. */
  readonly fromUnixMs?: number;
  /** Until then, milliseconds since 1970; now by default. */
  readonly toUnixMs?: number;
}

/** How long a clip is where nothing is said, milliseconds. */
const USUAL_MS = 30_000;

/** Writes clips of streams to where the options say. */
export class ServerClips implements ServerAgent {
  readonly #playbacks: readonly RecordingPlayback[];
  #store: ClipStore | undefined;
  /** What it was made of. */
  #options: ClipStoreOptions | undefined;

  /**
   * Cuts from what is kept in memory, and from what is recorded.
   *
   * @throws {TypeError} if the options name no store
   */
  constructor(
    { options }: ServerCore,
    sources: readonly Recordings[],
  ) {
    this.#playbacks = sources.map((one) => new RecordingPlayback(one));
    this.#options = clipOptionsOf(options);
    this.#store = this.#storeOf(this.#options);
  }

  #storeOf(options: ClipStoreOptions | undefined): ClipStore | undefined {
    return options && new ClipStore(options, this.#playbacks);
  }

  /**
   * Looks whether clips can be written where other options say, and resolves with what has them go there; what is being
   * written goes on where it began.
   *
   * @throws {TypeError} (rejects) if the options name no store
   * @throws {RecordingError} (rejects) `permission`, `store` or `unreachable`
   */
  async prepare(options: LiveOptions): Promise<() => void> {
    const next = clipOptionsOf(options);
    const former = this.#options;
    if (next === former || (next && former && saySame(next, former))) return () => {};
    const store = this.#storeOf(next);
    await store?.check();
    return () => {
      this.#store = store;
      this.#options = next;
    };
  }

  /** Looks whether clips can be written. */
  async open(): Promise<void> {
    await this.#store?.check();
  }

  /** See `Server.saveClip`. */
  async save(name: string, { lastMs = USUAL_MS, ...given }: ClipWindow): Promise<SavedClip> {
    if (this.#store === undefined) {
      throw new RecordingError("unset", "Clips are written nowhere: set --clips FOLDER");
    }
    const { fromUnixMs = Date.now() - lastMs, toUnixMs = Infinity } = given;
    return await this.#store.save(name, { fromUnixMs, toUnixMs });
  }
}

function clipOptionsOf({ clips, s3 }: LiveOptions): ClipStoreOptions | undefined {
  return clips && { ...(s3 === undefined ? {} : { s3 }), ...clips };
}
