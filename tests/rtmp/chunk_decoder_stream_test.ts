import { assertEquals, assertRejects } from "@std/assert";
import { ChunkDecoderStream } from "../../src/rtmp/chunk_decoder_stream.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import type { RawMessage } from "../../src/rtmp/raw_message.ts";
import { body, concat, type0 } from "./chunk_support.ts";

const first = concat([type0(4, { time: 1, length: 2 }), [1, 2]]);
const second = concat([type0(4, { time: 2, length: 3 }), [3, 4, 5]]);

Deno.test("ChunkDecoderStream gives one array of messages for each read, empty ones too", async () => {
  const stream = new ChunkDecoderStream();
  const reads = [concat([first, second]), second.slice(0, 9), second.slice(9), first];
  const counts = [];
  for await (const messages of ReadableStream.from(reads).pipeThrough(stream)) {
    counts.push(messages.length);
  }
  assertEquals(counts, [2, 0, 1, 1]);
  assertEquals(stream.decoder.bytesReceived, first.length * 2 + second.length * 2);
});

Deno.test("ChunkDecoderStream delivers what came before a violation through two hops, then errors", async () => {
  const reads = [first, concat([second, first, [0xc9]]), first];
  const seen: number[] = [];
  const piped = ReadableStream.from(reads)
    .pipeThrough(new ChunkDecoderStream())
    .pipeThrough(
      new TransformStream<RawMessage[], RawMessage[]>({
        transform: (messages, controller) => controller.enqueue(messages),
      }),
    )
    .pipeTo(
      new WritableStream({
        write(messages) {
          for (const { payload } of messages) seen.push(payload.length);
        },
      }),
    );
  const error = await assertRejects(() => piped, RtmpError);
  assertEquals(error.code, "chunk-fresh-stream");
  assertEquals(seen, [2, 3, 2]);
});

Deno.test("ChunkDecoderStream holds its source back while nobody reads", async () => {
  let pulled = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(first);
    },
  }, { highWaterMark: 0 });
  const reader = source.pipeThrough(new ChunkDecoderStream()).getReader();
  for (let i = 0; i < 5; i++) await reader.read();
  assertEquals(pulled <= 7, true);
  await reader.cancel();
});

Deno.test("ChunkDecoderStream passes limits on to its decoder", async () => {
  const stream = new ChunkDecoderStream({ maxMessageBytes: 9 });
  const bytes = concat([type0(4, { time: 1, length: 10 }), body(10)]);
  const error = await assertRejects(
    () => Array.fromAsync(ReadableStream.from([bytes]).pipeThrough(stream)),
    RtmpError,
  );
  assertEquals(error.code, "message-too-large");
});
