/** A publisher that sends fixtures again and again, as fast as they play. */
import type { Server } from "../../../mod.ts";
import type { CodecName, MediaUnit } from "../../../src/media/mod.ts";
import { load } from "../../transmux/support.ts";
import { TestPublisher, unitsOf } from "./played_stream.ts";

/** How long a fixture lasts, microseconds. */
function durationUs(codec: CodecName): number {
  const { packets } = load(codec);
  const times = packets.map(({ dtsUs }) => dtsUs);
  return Math.round((times.at(-1)! - times[0]!) * packets.length / (packets.length - 1));
}

/** Publishes `codecs` until it is disposed of. */
export class LoopedPublisher implements AsyncDisposable {
  readonly #publisher: TestPublisher;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #queues: { readonly codec: CodecName; units: MediaUnit[]; loops: number }[];
  readonly #startMs = performance.now();

  constructor(server: Server, name: string, codecs: readonly CodecName[]) {
    this.#publisher = new TestPublisher(server, name);
    this.#queues = codecs.map((codec) => ({ codec, units: [], loops: 0 }));
    this.#timer = setInterval(() => this.#send(), 10);
  }

  #send(): void {
    const nowUs = (performance.now() - this.#startMs) * 1000;
    const due: MediaUnit[] = [];
    for (const queue of this.#queues) {
      for (;;) {
        if (queue.units.length === 0) {
          const startUs = queue.loops * durationUs(queue.codec);
          const units = unitsOf([queue.codec], { startUs });
          queue.units = queue.loops === 0 ? units : units.filter(({ role }) => role === "media");
          queue.loops++;
        }
        if (queue.units[0]!.dtsUs > nowUs) break;
        due.push(queue.units.shift()!);
      }
    }
    this.#publisher.send(due.sort((a, b) => a.dtsUs - b.dtsUs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#publisher.end();
  }
}
