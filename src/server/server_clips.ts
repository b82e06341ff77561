import {
  ClipStore,
  RecordingError,
  RecordingPlayback,
  type Recordings,
  type SavedClip,
} from "../record/mod.ts";
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
  readonly #store: ClipStore | undefined;

  /**
   * Cuts from what is kept in memory, and from what is recorded.
   *
   * @throws {TypeError} if the options name no store
   */
  constructor(
    { options: { clips, s3 } }: ServerCore,
    sources: readonly (Recordings | undefined)[],
  ) {
    if (clips === undefined) return;
    const playbacks = sources.filter((one) => one !== undefined)
      .map((one) => new RecordingPlayback(one));
    this.#store = new ClipStore({ ...(s3 === undefined ? {} : { s3 }), ...clips }, playbacks);
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
