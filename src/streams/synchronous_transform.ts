/** Takes what comes out of a {@linkcode SynchronousTransform}. */
export type Emit<Out> = (out: Out) => void;

/** What a {@linkcode SynchronousTransform} does. What it throws errors the stream, behind what was emitted. */
export interface SynchronousTransformer<In, Out> {
  /** Is asked once, before the first piece. */
  start?(emit: Emit<Out>): void;
  /** Takes a piece; all that comes of it is emitted before this returns. */
  transform(piece: In, emit: Emit<Out>): void;
  /** Is told once that no piece follows. */
  flush?(emit: Emit<Out>): void;
}

/**
 * A hop of a pipeline that has its output at once: to be used as a `TransformStream` is, by `pipeThrough`, or by its
 * two ends. The streams behind those are made only when somebody asks for them: a readable that knows such hops runs
 * them itself, as those of a server's connections do.
 *
 * @example
 * ```ts
 * import { SynchronousTransform } from "@weir/server/rtmp";
 *
 * const lengths = new SynchronousTransform<Uint8Array, number>({
 *   transform: (bytes, emit) => emit(bytes.length),
 * });
 * const bytes = ReadableStream.from([Uint8Array.of(1, 2), Uint8Array.of(3)]);
 * console.log(await Array.fromAsync(bytes.pipeThrough(lengths))); // [ 2, 1 ]
 * ```
 */
export class SynchronousTransform<In, Out> implements TransformStream<In, Out> {
  /** What is done with each piece; for who runs it without streams. */
  readonly transformer: SynchronousTransformer<In, Out>;
  #streams: TransformStream<In, Out> | undefined;

  /** Makes a hop of what is done with each piece. */
  constructor(transformer: SynchronousTransformer<In, Out>) {
    this.transformer = transformer;
  }

  /** Whether somebody has asked for one of its ends, and so uses it as streams. */
  get isOpened(): boolean {
    return this.#streams !== undefined;
  }

  /** Where what came of the pieces is read. */
  get readable(): ReadableStream<Out> {
    return this.#opened().readable;
  }

  /** Where the pieces are written. */
  get writable(): WritableStream<In> {
    return this.#opened().writable;
  }

  #opened(): TransformStream<In, Out> {
    return this.#streams ??= new TransformStream(streamTransformer(this.transformer));
  }
}

function streamTransformer<In, Out>(
  transformer: SynchronousTransformer<In, Out>,
): Transformer<In, Out> {
  let emit: Emit<Out>;
  return {
    start(controller) {
      emit = (out) => controller.enqueue(out);
      transformer.start?.(emit);
    },
    transform: (piece) => transformer.transform(piece, emit),
    flush: () => transformer.flush?.(emit),
  };
}
