import { assertEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import { chunkedLength, ChunkEncoder, writeChunks } from "../../src/rtmp/chunk_encoder.ts";
import type { RawMessage } from "../../src/rtmp/raw_message.ts";
import { be, body, concat, decode, summary, type0 } from "./chunk_support.ts";

function video(timestampMs: number, payload: Uint8Array, chunkStreamId = 4): RawMessage {
  return { chunkStreamId, type: 9, timestampMs, streamId: 1, payload };
}

Deno.test("ChunkEncoder writes example 1 of the specification, but not type 3 after type 0", () => {
  const encoder = new ChunkEncoder({ compress: true });
  const headers = [1000, 1020, 1040, 1060].map((timestampMs, i) => {
    const message = { chunkStreamId: 3, type: 8, timestampMs, streamId: 12345 };
    const bytes = encoder.encode({ ...message, payload: body(32, i) });
    assertEquals(bytes.slice(-32), body(32, i));
    return Array.from(bytes.slice(0, -32));
  });
  assertEquals(headers, [
    [0x03, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x20, 0x08, 0x39, 0x30, 0x00, 0x00],
    [0x83, 0x00, 0x00, 0x14],
    [0xc3],
    [0xc3],
  ]);
});

Deno.test("ChunkEncoder writes example 2 of the specification: 307 bytes in 140, 129 and 52", () => {
  const payload = body(307);
  const message = { chunkStreamId: 4, type: 9, timestampMs: 1000, streamId: 12346, payload };
  assertEquals(
    new ChunkEncoder().encode(message),
    concat([
      [0x04, 0x00, 0x03, 0xe8, 0x00, 0x01, 0x33, 0x09, 0x3a, 0x30, 0x00, 0x00],
      payload.subarray(0, 128),
      [0xc4],
      payload.subarray(128, 256),
      [0xc4],
      payload.subarray(256),
    ]),
  );
});

Deno.test("ChunkEncoder writes the shortest basic header at both ends of each range (M010)", () => {
  const forms: [number, number[], number[]][] = [
    [2, [0x02], [0xc2]],
    [63, [0x3f], [0xff]],
    [64, [0x00, 0x00], [0xc0, 0x00]],
    [319, [0x00, 0xff], [0xc0, 0xff]],
    [320, [0x01, 0x00, 0x01], [0xc1, 0x00, 0x01]],
    [65599, [0x01, 0xff, 0xff], [0xc1, 0xff, 0xff]],
  ];
  for (const [id, first, next] of forms) {
    const payload = body(130);
    assertEquals(
      new ChunkEncoder().encode(video(5, payload, id)),
      concat([
        first,
        [0, 0, 5, 0, 0, 130, 9, 1, 0, 0, 0],
        payload.subarray(0, 128),
        next,
        payload.subarray(128),
      ]),
    );
  }
});

Deno.test("ChunkEncoder repeats the extended timestamp on every type 3 chunk (M015, M017)", () => {
  const payload = body(129);
  assertEquals(new ChunkEncoder().encode(video(0xfffffe, payload)).length, 12 + 1 + 129);
  for (const time of [0xffffff, 0x01000000, 0x80000000, 0xffffffff]) {
    assertEquals(
      new ChunkEncoder().encode(video(time, payload)),
      concat([
        type0(4, { time, length: 129 }),
        payload.subarray(0, 128),
        [0xc4, ...be(time, 4)],
        payload.subarray(128),
      ]),
    );
  }
});

/** The chunk types with which an encoder that compresses starts these messages. */
function formats(messages: RawMessage[]): number[] {
  const encoder = new ChunkEncoder({ compress: true });
  return messages.map((message) => encoder.encode(message)[0]! >> 6);
}

Deno.test("ChunkEncoder never starts a message by type 3 straight after type 0 (M014)", () => {
  const same = body(3);
  assertEquals(formats([0, 0, 0, 0].map((time) => video(time, same))), [0, 2, 3, 3]);
  assertEquals(formats([20, 40, 60, 50, 40].map((time) => video(time, same))), [0, 2, 3, 0, 0]);
});

Deno.test("ChunkEncoder chooses the chunk type by what changed (M011)", () => {
  const message = video(10, body(3));
  assertEquals(
    formats([
      message,
      { ...message, timestampMs: 20 },
      { ...message, timestampMs: 30 },
      { ...message, timestampMs: 40, type: 8 },
      { ...message, timestampMs: 50, type: 8, payload: body(4) },
      { ...message, timestampMs: 61, type: 8, payload: body(4) },
      { ...message, timestampMs: 72, type: 8, payload: body(4), streamId: 2 },
      { ...message, timestampMs: 72, chunkStreamId: 5 },
      { ...message, timestampMs: 0xfffffe + 72, type: 8, payload: body(4), streamId: 2 },
      { ...message, timestampMs: 0xffffff + 0xfffffe + 72, type: 8, streamId: 2 },
    ]),
    [0, 2, 3, 1, 1, 2, 0, 0, 2, 0],
  );
});

Deno.test("ChunkEncoder goes on by a delta where time wraps (M017)", () => {
  const encoder = new ChunkEncoder({ compress: true });
  const times = [0xffffffec, 0, 20, 40];
  const bytes = times.map((time) => encoder.encode(video(time, body(2))));
  assertEquals(bytes.map((chunk) => chunk[0]! >> 6), [0, 2, 3, 3]);
  assertEquals(decode(bytes).messages.map(({ timestampMs }) => timestampMs), times);
});

Deno.test("ChunkEncoder uses a chunk size from when it is set", () => {
  const encoder = new ChunkEncoder({ chunkSize: 2 });
  assertEquals(encoder.encode(video(0, body(5))).length, 12 + 5 + 2);
  encoder.chunkSize = 5;
  assertEquals(encoder.chunkSize, 5);
  assertEquals(encoder.encode(video(0, body(5))).length, 12 + 5);
});

Deno.test("ChunkEncoder refuses what does not fit the wire", () => {
  const good = video(0, body(1));
  const wrong: Partial<RawMessage>[] = [
    { chunkStreamId: 1 },
    { chunkStreamId: 65600 },
    { chunkStreamId: 4.5 },
    { type: -1 },
    { type: 256 },
    { timestampMs: -1 },
    { timestampMs: 2 ** 32 },
    { timestampMs: NaN },
    { streamId: -1 },
    { streamId: 2 ** 32 },
    { payload: new Uint8Array(2 ** 24) },
  ];
  for (const fields of wrong) {
    assertThrows(() => new ChunkEncoder().encode({ ...good, ...fields }), RangeError, "Cannot");
  }
  for (const chunkSize of [0, -1, 1.5, 2 ** 31, NaN]) {
    assertThrows(() => new ChunkEncoder({ chunkSize }), RangeError, "chunk size");
    const encoder = new ChunkEncoder();
    assertThrows(() => encoder.chunkSize = chunkSize, RangeError, "chunk size");
    assertEquals(encoder.chunkSize, 128);
  }
});

Deno.test("writeChunks writes as an encoder without compression does, and as long as foretold", () => {
  for (const time of [0, 0xfffffe, 0xffffff, 0xffffffff]) {
    for (const id of [4, 63, 64, 319, 320, 65599]) {
      for (const length of [0, 1, 127, 128, 129, 256, 257, 1000]) {
        const message = video(time, body(length), id);
        const expected = new ChunkEncoder().encode(message);
        const size = { chunkSize: 128, timestampMs: time, chunkStreamId: id };
        assertEquals(chunkedLength(length, size), expected.length);
        const target = new Uint8Array(expected.length + 10).fill(0xee);
        const end = writeChunks(message, { target, offset: 5, chunkSize: 128 });
        assertEquals(end, 5 + expected.length);
        assertEquals(target.slice(5, end), expected);
        assertEquals(
          concat([target.slice(0, 5), target.slice(end)]),
          new Uint8Array(10).fill(0xee),
        );
      }
    }
  }
});

Deno.test("writeChunks fills a target to its last byte, and leaves one that is too short as it was", () => {
  const message = video(0, body(300));
  const exact = new Uint8Array(12 + 300 + 2);
  assertEquals(writeChunks(message, { target: exact, offset: 0, chunkSize: 128 }), exact.length);
  const short = new Uint8Array(exact.length - 1);
  const options = { target: short, offset: 0, chunkSize: 128 };
  assertThrows(() => writeChunks(message, options), RangeError, "Cannot write chunks");
  assertEquals(short, new Uint8Array(short.length));
  for (const chunkSize of [0, -1, NaN]) {
    const wrong = { target: exact, offset: 0, chunkSize };
    assertThrows(() => writeChunks(message, wrong), RangeError, "chunk size");
  }
});

Deno.test("writeChunks writes to shared memory", () => {
  const target = new Uint8Array(new SharedArrayBuffer(400));
  const end = writeChunks(video(7, body(300)), { target, offset: 0, chunkSize: 128 });
  assertEquals(decode([target.slice(0, end)]).messages, [video(7, body(300))]);
});

/** Cuts what an encoder wrote into its chunks, for streams below 64 and times below 0xFFFFFF. */
function chunksOf(bytes: Uint8Array, length: number, chunkSize: number): Uint8Array[] {
  const headerBytes = [12, 8, 4, 1][bytes[0]! >> 6]!;
  const chunks = [];
  for (let at = 0, left = length; at < bytes.length;) {
    const end = at + (at === 0 ? headerBytes : 1) + Math.min(chunkSize, left);
    chunks.push(bytes.subarray(at, end));
    left -= chunkSize;
    at = end;
  }
  return chunks;
}

Deno.test("What ChunkEncoder writes comes out of ChunkDecoder, however it is interleaved and cut (M011, M021)", () => {
  const messages = fc.array(
    fc.record({
      chunkStreamId: fc.integer({ min: 3, max: 6 }),
      type: fc.constantFrom(8, 9, 18),
      timestampMs: fc.oneof(
        fc.integer({ min: 0, max: 3000 }),
        fc.constantFrom(0, 20, 40, 60, 0xfffffe),
      ),
      streamId: fc.integer({ min: 0, max: 2 }),
      payload: fc.nat(600).map((length) => body(length, length)),
    }),
    { maxLength: 25 },
  );
  const numbers = fc.infiniteStream(fc.nat(1000));
  fc.assert(
    fc.property(
      messages,
      numbers,
      fc.boolean(),
      fc.integer({ min: 1, max: 700 }),
      (sent, random, compress, chunkSize) => {
        const next = () => random.next().value as number;
        const encoder = new ChunkEncoder({ chunkSize, compress });
        // Chunk streams take turns at random, each with its messages in order.
        const queues = new Map<number, { message: RawMessage; chunks: Uint8Array[] }[]>();
        for (const message of sent) {
          const bytes = encoder.encode(message);
          const queue = queues.get(message.chunkStreamId) ?? [];
          queue.push({ message, chunks: chunksOf(bytes, message.payload.length, chunkSize) });
          queues.set(message.chunkStreamId, queue);
        }
        const wire: Uint8Array[] = [
          Uint8Array.of(2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, ...be(chunkSize, 4)),
        ];
        const expected: string[] = [];
        while (queues.size > 0) {
          const [id, queue] = [...queues][next() % queues.size]!;
          const { message, chunks } = queue[0]!;
          wire.push(chunks.shift()!);
          if (chunks.length > 0) continue;
          expected.push(summary(message));
          queue.shift();
          if (queue.length === 0) queues.delete(id);
        }
        const bytes = concat(wire);
        const pieces = [];
        for (let at = 0; at < bytes.length;) {
          const end = at + 1 + next();
          pieces.push(bytes.slice(at, end));
          at = end;
        }
        const { messages: received, code } = decode(pieces);
        assertEquals(code, undefined);
        assertEquals(received.slice(1).map(summary), expected);
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

Deno.test("Times anywhere in 32 bits come through an encoder that compresses (M015, M017)", () => {
  const time = fc.oneof(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.constantFrom(0, 0xfffffe, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xffffffff),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(time, fc.nat(400)), { maxLength: 12 }),
      fc.boolean(),
      (list, compress) => {
        const encoder = new ChunkEncoder({ compress });
        const sent = list.map(([timestampMs, length]) => video(timestampMs, body(length, length)));
        const received = decode([concat(sent.map((message) => encoder.encode(message)))]);
        assertEquals(received, { messages: sent, code: undefined });
      },
    ),
    { seed: 17, numRuns: 500 },
  );
});
