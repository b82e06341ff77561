import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
import { CHUNK_LIMITS_BEFORE_ROLE } from "../../src/rtmp/chunk_limits.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { body, concat, control, decode, decodeAllCuts, type0 } from "./chunk_support.ts";

Deno.test("ChunkDecoder takes a message of the limit and not one byte more (M020)", () => {
  const mebibytes10 = 10 * 1024 * 1024;
  for (
    const [length, code] of [[mebibytes10 - 1], [mebibytes10], [
      mebibytes10 + 1,
      "message-too-large",
    ]]
  ) {
    const header = type0(6, { time: 1, length: length as number });
    const { messages, code: thrown } = decode([
      Uint8Array.from(control(1, 0x7fffffff)),
      Uint8Array.from(header),
      new Uint8Array(length as number),
    ]);
    assertEquals(thrown, code);
    assertEquals(messages.length, code === undefined ? 2 : 1);
  }
  for (const length of [99, 100, 101]) {
    const result = decodeAllCuts([type0(6, { time: 1, length }), body(length)], {
      maxMessageBytes: 100,
    });
    assertEquals(result.at(-1) === "message-too-large", length > 100);
  }
});

Deno.test("ChunkDecoder holds unfinished messages up to the limit together (M020)", () => {
  for (const last of [71, 72, 73]) {
    const result = decodeAllCuts([
      type0(4, { time: 1, length: 500 }),
      body(128),
      control(1, last),
      type0(5, { time: 1, length: 500 }),
      body(last),
    ], { maxPartialBytes: 200 });
    assertEquals(result.slice(1), last > 72 ? ["partial-bytes-exceeded"] : []);
  }
});

Deno.test("ChunkDecoder holds 16 MiB of unfinished messages by default (M020)", () => {
  const half = 8 * 1024 * 1024;
  for (const extra of [-1, 0, 1]) {
    const { code } = decode([
      Uint8Array.from(control(1, half)),
      concat([type0(4, { time: 1, length: half + 9 })]),
      new Uint8Array(half),
      Uint8Array.from(control(1, half + extra)),
      concat([type0(5, { time: 1, length: half + 9 })]),
      new Uint8Array(half + extra),
    ]);
    assertEquals(code, extra === 1 ? "partial-bytes-exceeded" : undefined);
  }
});

Deno.test("ChunkDecoder counts a finished or an aborted message no longer (M019, M020)", () => {
  const message = concat([type0(4, { time: 1, length: 150 }), body(128), [0xc4], body(22)]);
  const aborted = concat([type0(5, { time: 1, length: 150 }), body(128), control(2, 5)]);
  const parts = Array.from({ length: 5 }, () => [message, aborted]).flat();
  const { messages, code } = decode([concat(parts)], { maxPartialBytes: 150 });
  assertEquals(code, undefined);
  assertEquals(messages.length, 10);
});

Deno.test("ChunkDecoder remembers 256 chunk streams and not one more (M020)", () => {
  for (const count of [255, 256, 257]) {
    const parts = Array.from({ length: count }, (_, i) => [
      ...[0x01, i & 0xff, i >> 8],
      ...type0(2, { time: 1, length: 1 }).slice(1),
      7,
    ]);
    const { messages, code } = decode([concat(parts)]);
    assertEquals(messages.length, Math.min(count, 256));
    assertEquals(code, count > 256 ? "too-many-chunk-streams" : undefined);
  }
  const again = decodeAllCuts([
    ...[4, 5, 4, 5].map((id) => [...type0(id, { time: 1, length: 1 }), 7]),
    type0(6, { time: 1, length: 1 }),
  ], { maxChunkStreams: 2 });
  assertEquals(again.length, 5);
  assertEquals(again.at(-1), "too-many-chunk-streams");
});

Deno.test("ChunkDecoder takes memory as bytes arrive, never by the declared length (M013)", () => {
  // Node-Media-Server reserves 671 MB for these 520 bytes.
  const parts = Array.from({ length: 40 }, (_, i) => {
    return [...type0(2 + i, { time: 1, length: 10 * 1024 * 1024 }), 7];
  });
  const bytes = concat([control(1, 1), ...parts]);
  const decoders = Array.from({ length: 20 }, () => new ChunkDecoder());
  const before = Deno.memoryUsage();
  for (const decoder of decoders) decoder.push(bytes.slice());
  const after = Deno.memoryUsage();
  const taken = after.external - before.external;
  assert(taken < 20 * 64 * 1024, `${taken} bytes for ${bytes.length} received by each of 20`);
  assertEquals(decoders[0]!.error, undefined);
});

Deno.test("ChunkDecoder puts a message of many small pieces together without copying it each time", () => {
  const length = 4 * 1024 * 1024;
  const decoder = new ChunkDecoder();
  decoder.push(Uint8Array.from(control(1, 0x7fffffff)));
  decoder.push(Uint8Array.from(type0(6, { time: 1, length })));
  const piece = new Uint8Array(64).fill(3);
  const start = performance.now();
  for (let at = 64; at < length; at += 64) assertEquals(decoder.push(piece).length, 0);
  const [message] = decoder.push(piece);
  assert(performance.now() - start < 4000, "it took more than 4 s");
  assertEquals(message?.payload.length, length);
  assert(message?.payload.every((byte) => byte === 3));
});

Deno.test("ChunkDecoder refuses limits that are not positive integers", () => {
  for (const value of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => new ChunkDecoder({ maxPartialBytes: value }), RangeError, "maxPartialBytes");
  }
});

Deno.test("ChunkDecoder holds 64 KiB on 16 chunk streams for a peer without a role, and more with one", () => {
  const decoder = new ChunkDecoder(CHUNK_LIMITS_BEFORE_ROLE);
  const begin = (id: number, length: number) => Uint8Array.from(type0(id, { time: 1, length }));
  decoder.push(Uint8Array.from(control(1, 0x7fffffff)));
  decoder.push(begin(4, 100_000));
  decoder.push(new Uint8Array(64 * 1024));
  assertEquals(decoder.partialBytes, 64 * 1024);
  decoder.limits = { maxPartialBytes: 80_000 };
  assertEquals(decoder.limits.maxChunkStreams, 16);
  decoder.push(new Uint8Array(80_000 - 64 * 1024));
  const { code } = assertThrows(() => decoder.push(new Uint8Array(1)), RtmpError);
  assertEquals(code, "partial-bytes-exceeded");
  assertThrows(() => decoder.limits = { maxPartialBytes: 0 }, RangeError, "maxPartialBytes");

  const many = new ChunkDecoder(CHUNK_LIMITS_BEFORE_ROLE);
  const streams = (first: number, count: number) =>
    concat(Array.from({ length: count }, (_, i) => [
      ...type0(first + i, { time: 1, length: 1 }),
      7,
    ]));
  assertEquals(many.push(streams(3, 16)).length, 16);
  many.limits = { maxChunkStreams: 18 };
  assertEquals(many.push(streams(19, 3)).length, 2);
  assertEquals(many.error?.code, "too-many-chunk-streams");
});

Deno.test("ChunkDecoder counts the memory that it holds, not the bytes that have come", () => {
  const decoder = new ChunkDecoder({ maxPartialBytes: 1000 });
  assertEquals(decoder.heldBytes, 0);
  decoder.push(Uint8Array.from(control(1, 0x7fffffff)));
  decoder.push(Uint8Array.from(type0(6, { time: 1, length: 5000 })));
  const perStream = decoder.heldBytes / 2;
  assert(perStream > 50 && perStream < 500);
  // Room for twice what has come, but for no more than may come.
  for (const [count, held] of [[100, 200], [100, 200], [300, 1000], [500, 1000]]) {
    decoder.push(new Uint8Array(count!));
    assertEquals(decoder.heldBytes - 2 * perStream, held);
  }
  assertEquals(decoder.partialBytes, 1000);
  decoder.limits = { maxPartialBytes: 10_000 };
  decoder.push(new Uint8Array(3999));
  assertEquals(decoder.heldBytes - 2 * perStream, 5000);
  assertEquals(decoder.push(new Uint8Array(1)).length, 1);
  assertEquals(decoder.heldBytes, 2 * perStream);
  // A header that is cut is held too.
  decoder.push(Uint8Array.from(type0(6, { time: 1, length: 5000 })).slice(0, 5));
  assertEquals(decoder.heldBytes, 2 * perStream + 5);
  const broken = new ChunkDecoder();
  broken.push(concat([type0(6, { time: 1, length: 500 }), body(128)]));
  assert(broken.heldBytes > 128);
  assertThrows(() => broken.push(Uint8Array.of(0x89, 0, 0, 0)));
  assertEquals(broken.heldBytes, 0);
});

Deno.test("ChunkDecoder that ignores the rest holds nothing, and counts what comes", () => {
  const decoder = new ChunkDecoder();
  decoder.push(concat([type0(6, { time: 1, length: 500 }), body(128)]));
  assert(decoder.heldBytes > 128);
  decoder.ignoreRest();
  const before = decoder.bytesReceived;
  // Neither the rest of the message nor what breaks the protocol means anything.
  assertEquals(decoder.push(Uint8Array.of(0x89, 0, 0, 0)), []);
  assertEquals(decoder.push(concat([type0(6, { time: 1, length: 3 }), body(3)])), []);
  assertEquals([decoder.heldBytes, decoder.error], [0, undefined]);
  assertEquals(decoder.bytesReceived, before + 4 + 15);
});

Deno.test("ChunkDecoder gives back at once what it held of messages that grew, were aborted, or are forgotten", () => {
  const { transfer } = ArrayBuffer.prototype;
  let givenBack = 0;
  ArrayBuffer.prototype.transfer = function (length) {
    givenBack += this.byteLength;
    return transfer.call(this, length);
  };
  try {
    const decoder = new ChunkDecoder();
    decoder.push(Uint8Array.from(control(1, 6000)));
    /** A chunk of the message; each but the first has a header of a byte. */
    const chunk = (number: number): Uint8Array =>
      Uint8Array.from([...(number === 0 ? [] : [0xc6]), ...new Uint8Array(6000).fill(number)]);
    /** Sends the beginning of a message; returns what is held of it. */
    const begin = (chunks: number): number => {
      const before = decoder.heldBytes;
      decoder.push(Uint8Array.from(type0(6, { time: 1, length: 60_000 })));
      for (let number = 0; number < chunks; number++) decoder.push(chunk(number));
      return decoder.heldBytes - before;
    };
    begin(9);
    // Buffers of 12 000, 24 000 and 48 000 bytes have become too small.
    assert(givenBack >= 3 * 12_000, String(givenBack));
    const [message] = decoder.push(chunk(9));
    assertEquals(
      message!.payload.filter((_, at) => at % 6000 === 0),
      Uint8Array.from({ length: 10 }, (_, at) => at),
    );
    let before = givenBack;
    const aborted = begin(1);
    decoder.push(Uint8Array.from(control(2, 6)));
    assertEquals(givenBack - before, aborted);
    before = givenBack;
    const forgotten = begin(1);
    decoder.ignoreRest();
    assertEquals(givenBack - before, forgotten);
    assertEquals(message!.payload.length, 60_000);
  } finally {
    ArrayBuffer.prototype.transfer = transfer;
  }
});
