import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import { ByteQueue } from "../../src/bytes/mod.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test("ByteQueue returns undefined for more than waits, and keeps what does", () => {
  const queue = new ByteQueue();
  assertStrictEquals(queue.peek(1), undefined);
  queue.push(bytes(1, 2));
  assertStrictEquals(queue.take(3), undefined);
  assertStrictEquals(queue.peek(3), undefined);
  assertEquals(queue.length, 2);
  assertEquals(queue.take(2), bytes(1, 2));
  assertEquals(queue.length, 0);
});

Deno.test("ByteQueue gives a view of the piece where the bytes lie in one", () => {
  const piece = bytes(1, 2, 3, 4);
  const queue = new ByteQueue();
  queue.push(piece);
  queue.push(bytes(5));
  const first = queue.take(1)!, rest = queue.take(3)!;
  assertStrictEquals(first.buffer, piece.buffer);
  assertStrictEquals(rest.buffer, piece.buffer);
  assertEquals([first, rest], [bytes(1), bytes(2, 3, 4)]);
});

Deno.test("ByteQueue copies together what crosses pieces, and changes none of them", () => {
  const pieces = [bytes(1, 2), bytes(), bytes(3), bytes(4, 5)];
  const queue = new ByteQueue();
  for (const piece of pieces) queue.push(piece);
  assertEquals(queue.length, 5);
  assertEquals(queue.peek(4), bytes(1, 2, 3, 4));
  assertEquals(queue.length, 5);
  const before = queue.take(3)!;
  queue.push(bytes(6));
  assertEquals(queue.takeAll(), bytes(4, 5, 6));
  assertEquals(before, bytes(1, 2, 3));
  assertEquals(pieces, [bytes(1, 2), bytes(), bytes(3), bytes(4, 5)]);
});

Deno.test("ByteQueue skips across pieces, and only what waits", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  queue.push(bytes(3));
  queue.push(bytes(4, 5));
  queue.skip(4);
  assertThrows(() => queue.skip(2), RangeError, "Cannot skip 2 bytes: only 1 wait");
  assertEquals(queue.takeAll(), bytes(5));
  assertEquals(queue.takeAll(), bytes());
  queue.skip(0);
  assertEquals(queue.length, 0);
});

Deno.test("ByteQueue refuses negative counts and stays as it is", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  queue.skip(1);
  assertThrows(() => queue.peek(-1), RangeError);
  assertThrows(() => queue.take(-1), RangeError);
  assertThrows(() => queue.skip(-1), RangeError);
  assertEquals([queue.length, queue.takeAll()], [1, bytes(2)]);
});

Deno.test("ByteQueue gives the bytes in order, however they are pushed and taken", () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ maxLength: 12 }) }),
    fc.record({ take: fc.nat(20) }),
    fc.record({ skip: fc.nat(20) }),
    fc.record({ peek: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      for (const step of steps) {
        if ("push" in step) {
          queue.push(step.push);
          model.push(...step.push);
        } else if ("skip" in step) {
          const count = Math.min(step.skip, model.length);
          queue.skip(count);
          model = model.slice(count);
        } else {
          const count = "take" in step ? step.take : step.peek;
          const expected = count > model.length ? undefined : bytes(...model.slice(0, count));
          assertEquals("take" in step ? queue.take(count) : queue.peek(count), expected);
          if ("take" in step && expected) model = model.slice(count);
        }
        assertEquals(queue.length, model.length);
      }
      assertEquals(queue.takeAll(), bytes(...model));
    }),
    { seed: 2, numRuns: 300 },
  );
});
