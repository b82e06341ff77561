import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
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
