/**
 * The end of a pipeline that takes a piece by a call: to be used as every `WritableStream` is. A readable that knows such
 * sinks calls them itself, as those of a server's connections do.
 *
 * @example
 * ```ts
 * import { SynchronousSink } from "@weir/server/rtmp";
 *
 * const lengths: number[] = [];
 * const sink = new SynchronousSink<Uint8Array>((bytes) => void lengths.push(bytes.length));
 * await ReadableStream.from([Uint8Array.of(1, 2), Uint8Array.of(3)]).pipeTo(sink);
 * console.log(lengths); // [ 2, 1 ]
 * ```
 */
export class SynchronousSink<In> extends WritableStream<In> {
  /** Takes a piece; where the next one has to wait, resolves when it may come. */
  readonly take: (piece: In) => Promise<void> | undefined | void;

  /** Makes a sink of what takes each piece. */
  constructor(take: (piece: In) => Promise<void> | undefined | void) {
    super({ write: take }, { highWaterMark: 1 });
    this.take = take;
  }
}
