import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
import { ChunkEncoder } from "../../src/rtmp/chunk_encoder.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import { WorkBudget } from "../../src/rtmp/work_budget.ts";
import { body, concat, control, type0 } from "./chunk_support.ts";

/** A decoder with a budget, and the time that it is told. */
function bounded() {
  const time = { nowMs: 0 };
  const decoder = new ChunkDecoder({ work: new WorkBudget({ now: () => time.nowMs }) });
  return { decoder, time };
}

/** Pushes until the decoder has had enough; returns why, and how many messages there were. */
function flood(decoder: ChunkDecoder, piece: Uint8Array, times: number) {
  let messages = 0;
  for (let i = 0; i < times && decoder.error === undefined; i++) {
    try {
      messages += decoder.push(piece.slice()).length;
    } catch (error) {
      if (!(error instanceof RtmpError)) throw error;
    }
  }
  return { code: decoder.error?.code, messages };
}

Deno.test("WorkBudget saves up to its burst, and earns by bytes and by time", () => {
  let nowMs = 1000;
  const budget = new WorkBudget({
    now: () => nowMs,
    bytesPerChunk: 8,
    chunksPerSecond: 100,
    burst: 50,
  });
  assertEquals([budget.spend(50), budget.spend(1)], [true, false]);
  nowMs += 10;
  budget.earn(80);
  assertEquals([budget.spend(10), budget.spend(1)], [true, false]);
  nowMs += 1e9;
  budget.earn(1e9);
  assertEquals([budget.spend(50), budget.spend(1)], [true, false]);
  for (const wrong of [0, -1, NaN]) {
    const options = { now: () => 0, chunksPerSecond: wrong };
    assertThrows(() => new WorkBudget(options), RangeError, "chunksPerSecond");
  }
});

Deno.test("ChunkDecoder closes on a run of empty messages of one byte each, inside one read", () => {
  for (const type of [8, 9, 18]) {
    const { decoder } = bounded();
    decoder.push(Uint8Array.from(type0(6, { time: 0, length: 0, type })));
    const { code, messages } = flood(decoder, new Uint8Array(256 * 1024).fill(0xc6), 1);
    assertEquals(code, "flood");
    assert(messages < 6000, `${messages} messages`);
  }
});

Deno.test("ChunkDecoder closes on chunks of one byte, in a row or interleaved", () => {
  const length = 1024 * 1024;
  const inRow = bounded().decoder;
  inRow.push(concat([control(1, 1), type0(6, { time: 0, length })]));
  assertEquals(flood(inRow, new Uint8Array(64 * 1024).fill(0xc6), 32).code, "flood");
  const interleaved = bounded().decoder;
  interleaved.push(
    concat([control(1, 1), type0(6, { time: 0, length }), [1], type0(7, { time: 0, length }), [1]]),
  );
  const pair = Array.from({ length: 16 * 1024 }, () => [0xc6, 1, 0xc7, 1]).flat();
  assertEquals(flood(interleaved, Uint8Array.from(pair), 32).code, "flood");
});

Deno.test("ChunkDecoder closes on commands, pings and settings that come without an end", () => {
  const createStream = concat([
    type0(3, { time: 0, length: 25, type: 20, streamId: 0 }),
    body(25),
  ]);
  const ping = concat([type0(2, { time: 0, length: 6, type: 4, streamId: 0 }), [0, 6, 0, 0, 0, 1]]);
  for (const message of [createStream, ping, concat([control(1, 4096)])]) {
    const { decoder } = bounded();
    const piece = concat(Array.from({ length: 100 }, () => message));
    const { code, messages } = flood(decoder, piece, 1000);
    assertEquals(code, "flood");
    assert(messages < 20_000, `${messages} messages`);
  }
});

Deno.test("ChunkDecoder takes what encoders send as fast as they can, audio of some bytes and chunks of 128", () => {
  for (const [bytes, chunkSize] of [[8, 128], [200, 128], [5000, 128], [300_000, 65_536]]) {
    const { decoder } = bounded();
    const encoder = new ChunkEncoder();
    encoder.chunkSize = chunkSize!;
    if (chunkSize !== 128) decoder.push(Uint8Array.from(control(1, chunkSize!)));
    const message = { chunkStreamId: 4, type: 8, streamId: 1, payload: body(bytes!) };
    const piece = concat(
      Array.from(
        { length: Math.ceil(20_000 / bytes!) },
        (_, i) => encoder.encode({ ...message, timestampMs: i * 20 }),
      ),
    );
    // No time passes: all is paid for by its bytes.
    assertEquals(flood(decoder, piece, 40).code, undefined, `${bytes} bytes`);
  }
});

Deno.test("ChunkDecoder takes silence without an end at the pace of time: M034 stays", () => {
  const { decoder, time } = bounded();
  decoder.push(Uint8Array.from(type0(6, { time: 0, length: 0, type: 8 })));
  // An hour of ten tracks, each of which says nothing 50 times a second.
  for (let i = 0; i < 3600 * 50; i++) {
    time.nowMs += 20;
    assertEquals(decoder.push(new Uint8Array(10).fill(0xc6)).length, 10);
  }
});

Deno.test("ChunkDecoder takes acknowledgements of a peer with a small window", () => {
  const { decoder } = bounded();
  const piece = concat(Array.from({ length: 1000 }, () => control(3, 1)));
  assertEquals(flood(decoder, piece, 100).code, undefined);
});
