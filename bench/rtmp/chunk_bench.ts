/**
 * The chunk layer beside Node-Media-Server's parser, on the same bytes in the same run.
 *
 *     deno bench -A bench/rtmp/chunk_bench.ts
 *     deno run -A bench/rtmp/chunk_bench.ts throughput    # medians in GB/s
 *
 * What Node-Media-Server makes of a message is counted and dropped. It puts every message into one
 * buffer, which the next message overwrites, while weir's are the reader's to keep: "bodies kept" adds
 * a copy of each. weir's decoder overwrites the headers in what it reads, as it does behind a socket;
 * "input kept" is the one that must not, and copies instead. All read fresh bytes, laid out untimed.
 */
import { Buffer } from "node:buffer";
// @deno-types="./node_media_server.d.ts"
import Rtmp from "npm:node-media-server@^4.4/src/protocol/rtmp.js";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
import { ChunkDecoderStream } from "../../src/rtmp/chunk_decoder_stream.ts";
import { chunkedLength, ChunkEncoder, writeChunks } from "../../src/rtmp/chunk_encoder.ts";
import type { RawMessage } from "../../src/rtmp/raw_message.ts";

const readBytes = 64 * 1024;
const chunkSizes = [128, 4096, 65536];

/** One second of a 3 Mb/s publisher, 30 pictures of 12 kB and 43 audio frames of 370 bytes, tenfold. */
function realisticMessages(): RawMessage[] {
  const messages: RawMessage[] = [];
  for (let i = 0; i < 730; i++) {
    const video = (i * 30) % 73 < 30;
    const payload = new Uint8Array(video ? 12_000 : 370).fill(i);
    messages.push({
      chunkStreamId: video ? 6 : 4,
      type: video ? 9 : 8,
      timestampMs: Math.round((i * 1000) / 73),
      streamId: 1,
      payload,
    });
  }
  return messages;
}

const messages = realisticMessages();

/** Set Chunk Size and the messages, as publishers write them, in pieces of one network read. */
function encodedReads(chunkSize: number): Uint8Array<ArrayBuffer>[] {
  const encoder = new ChunkEncoder({ compress: true });
  const size = new Uint8Array([0, chunkSize >> 16, chunkSize >> 8, chunkSize]);
  const parts = [
    encoder.encode({ chunkStreamId: 2, type: 1, timestampMs: 0, streamId: 0, payload: size }),
  ];
  encoder.chunkSize = chunkSize;
  for (const message of messages) parts.push(encoder.encode(message));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const reads = [];
  for (let from = 0; from < all.length; from += readBytes) {
    reads.push(all.slice(from, from + readBytes));
  }
  return reads;
}

interface Contest {
  readonly group: string;
  readonly name: string;
  readonly bytes: number;
  /** What is done before each run, untimed. */
  readonly prepare?: () => void;
  readonly run: () => unknown;
}

function check(count: number): void {
  if (count !== messages.length) {
    throw new Error(`${count} of ${messages.length} messages came out`);
  }
}

function decodeWithWeir(decoder: ChunkDecoder, reads: Uint8Array[]): void {
  let count = -1;
  for (const read of reads) count += decoder.push(read).length;
  check(count);
}

function decodeWithNodeMediaServer(rtmp: Rtmp, reads: Buffer[], keep: boolean): void {
  let count = 0;
  rtmp.onPacketCallback = ({ data, size }) => {
    count++;
    if (keep) Uint8Array.prototype.slice.call(data, 0, size);
  };
  for (const read of reads) rtmp.chunkRead(read, 0, read.length);
  check(count);
}

/** Bytes, messages, something made of each message, the end: two hops between stages. */
async function pipe(reads: Uint8Array[]): Promise<void> {
  let count = -1;
  await ReadableStream.from(reads)
    .pipeThrough(new ChunkDecoderStream({ mayOverwrite: true }))
    .pipeThrough(
      new TransformStream<RawMessage[], { type: number; body: Uint8Array }[]>({
        transform(batch, controller) {
          controller.enqueue(batch.map(({ type, payload }) => ({ type, body: payload })));
        },
      }),
    )
    .pipeTo(
      new WritableStream({
        write(batch) {
          count += batch.length;
        },
      }),
    );
  check(count);
}

function encodeWithWeir(encoder: ChunkEncoder): void {
  for (const message of messages) encoder.encode(message);
}

function writeToLog(target: Uint8Array, chunkSize: number): void {
  let offset = 0;
  for (const message of messages) {
    const { chunkStreamId, timestampMs, payload } = message;
    const length = chunkedLength(payload.length, { chunkSize, timestampMs, chunkStreamId });
    if (offset + length > target.length) offset = 0;
    offset = writeChunks(message, { target, offset, chunkSize });
  }
}

function contests(): Contest[] {
  const log = new Uint8Array(1024 * 1024);
  return chunkSizes.flatMap((chunkSize) => {
    const original = encodedReads(chunkSize);
    const reads = original.map((read) => read.slice());
    const buffers = reads.map((read) => Buffer.from(read.buffer));
    const bytes = reads.reduce((sum, read) => sum + read.length, 0);
    const encoder = new ChunkEncoder({ chunkSize });
    const decoder = new ChunkDecoder({ mayOverwrite: true });
    const keeping = new ChunkDecoder();
    const rtmp = new Rtmp();
    const prepare = () => reads.forEach((read, index) => read.set(original[index]!));
    const decode = (name: string, run: () => unknown): Contest => {
      return { group: `decode, chunks of ${chunkSize}, ${bytes} bytes`, name, bytes, prepare, run };
    };
    const encode = (name: string, run: () => unknown): Contest => {
      return { group: `encode, chunks of ${chunkSize}, ${bytes} bytes`, name, bytes, run };
    };
    return [
      decode("weir ChunkDecoder", () => decodeWithWeir(decoder, reads)),
      decode("weir ChunkDecoder, input kept", () => decodeWithWeir(keeping, reads)),
      decode("Node-Media-Server", () => decodeWithNodeMediaServer(rtmp, buffers, false)),
      decode(
        "Node-Media-Server, bodies kept",
        () => decodeWithNodeMediaServer(rtmp, buffers, true),
      ),
      decode("weir pipeline of two hops", () => pipe(reads)),
      encode("weir ChunkEncoder", () => encodeWithWeir(encoder)),
      encode("weir writeChunks", () => writeToLog(log, chunkSize)),
    ];
  });
}

/**
 * Runs each in turn, round after round, so that what disturbs the machine disturbs all. Each first
 * runs untimed, past the garbage of the one before. To force a collection instead would mislead: it
 * throws optimized code away, Node-Media-Server's above all, and more than halves its figures.
 */
async function printThroughput(all: Contest[]): Promise<void> {
  const times = all.map((): number[] => []);
  for (let round = 0; round < 25; round++) {
    for (const [i, { prepare, run }] of all.entries()) {
      let timed = 0;
      for (let repeat = 0; repeat < 20; repeat++) {
        prepare?.();
        const start = performance.now();
        await run();
        if (repeat >= 15) timed += performance.now() - start;
      }
      if (round > 2) times[i]!.push(timed / 5);
    }
  }
  for (const [i, { group, name, bytes }] of all.entries()) {
    const median = times[i]!.sort((a, b) => a - b)[times[i]!.length >> 1]!;
    console.log(`${group}: ${name} ${(bytes / median / 1e6).toFixed(2)} GB/s`);
  }
}

if (Deno.args.includes("throughput")) {
  await printThroughput(contests());
} else {
  for (const { group, name, prepare, run } of contests()) {
    Deno.bench(name, { group, baseline: name === "weir ChunkDecoder" }, async (bench) => {
      prepare?.();
      bench.start();
      await run();
      bench.end();
    });
  }
}
