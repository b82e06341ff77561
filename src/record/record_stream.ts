import type { Stream } from "../hub/mod.ts";
import { Recorder, type RecorderContext } from "./recorder.ts";
import type { FileSink } from "./recording_store.ts";
import type { RecordingFormat } from "./segment_writer.ts";

/** Options of a recording into a stream of bytes. */
export interface RecordStreamOptions {
  /** Format of the bytes. Default `mp4`. */
  readonly format?: RecordingFormat;
  /** Length of a fragment of MP4, milliseconds: what is written at once. Default 1000. */
  readonly partMs?: number;
  /** Ends the recording; the file is whole then. */
  readonly signal?: AbortSignal;
}

/** What was recorded. */
export interface RecordedStream {
  /** Bytes written. */
  readonly bytes: number;
  /** How long the media is, milliseconds. */
  readonly durationMs: number;
  /** Times at which media was left out up to a key frame, since the sink was too slow. */
  readonly gaps: number;
}

/**
 * Writes a stream to a sink as one file, from its next key frame on, until it ends, its tracks change, another publisher
 * comes, or the signal aborts; the sink is closed then. A slow sink slows nobody: what cannot wait is left out up to a
 * key frame.
 *
 * Rejects with the sink's reason when that fails.
 */
export async function recordStream(
  stream: Stream,
  sink: WritableStream<Uint8Array>,
  options: RecordStreamOptions & RecorderContext,
): Promise<RecordedStream> {
  const { format = "mp4", partMs = 1000, signal } = options;
  const writer = sink.getWriter();
  let failure: { readonly error: unknown } | undefined;
  let durationMs = 0;
  const file: FileSink = {
    async write(bytes) {
      try {
        await writer.ready;
        await writer.write(bytes);
      } catch (error) {
        failure ??= { error };
        void recorder.stop();
        throw error;
      }
    },
    close: () => Promise.resolve(),
  };
  const recorder: Recorder = new Recorder(stream, {
    format,
    partMs,
    segmentMs: Infinity,
    // A file has one set of tracks.
    isSingle: true,
    open: () => Promise.resolve({ sink: file, path: "" }),
    onSegment: (segment) => durationMs = segment.durationMs,
  }, options);
  const stop = (): void => void recorder.stop();
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  // A sink that fails while nothing is written ends the recording too.
  writer.closed.catch((error) => {
    failure ??= { error };
    stop();
  });
  await recorder.done;
  signal?.removeEventListener("abort", stop);
  if (failure !== undefined) throw failure.error;
  await writer.close();
  const { bytes, gaps } = recorder.statistics;
  return { bytes, durationMs, gaps };
}
