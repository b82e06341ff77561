import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import {
  be,
  body,
  checksum,
  concat,
  control,
  controlSummary,
  decode,
  decodeAllCuts,
  type0,
} from "./chunk_support.ts";

function whole(id: number, time: number, payload: Uint8Array): string {
  return `csid ${id} type 9 at ${time} stream 1: ${payload.length} bytes, sum ${checksum(payload)}`;
}

Deno.test("ChunkDecoder reads example 1 of the specification: audio as types 0, 2, 3, 3 (M011)", () => {
  const at = [1000, 1020, 1040, 1060];
  const messages = decodeAllCuts([
    [0x03, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x20, 0x08, 0x39, 0x30, 0x00, 0x00],
    body(32, 0),
    [0x83, 0x00, 0x00, 0x14],
    body(32, 1),
    [0xc3],
    body(32, 2),
    [0xc3],
    body(32, 3),
  ]);
  assertEquals(
    messages,
    at.map((time, i) =>
      `csid 3 type 8 at ${time} stream 12345: 32 bytes, sum ${checksum(body(32, i))}`
    ),
  );
});

Deno.test("ChunkDecoder reads example 2 of the specification: 307 bytes split at 128 (M011)", () => {
  const payload = body(307);
  const messages = decodeAllCuts([
    [0x04, 0x00, 0x03, 0xe8, 0x00, 0x01, 0x33, 0x09, 0x3a, 0x30, 0x00, 0x00],
    payload.subarray(0, 128),
    [0xc4],
    payload.subarray(128, 256),
    [0xc4],
    payload.subarray(256),
  ]);
  assertEquals(messages, [
    `csid 4 type 9 at 1000 stream 12346: 307 bytes, sum ${checksum(payload)}`,
  ]);
});

Deno.test("ChunkDecoder reads both ends of the three basic header forms (M010)", () => {
  const header = [0, 0, 5, 0, 0, 1, 8, 1, 0, 0, 0];
  const forms: [number[], number][] = [
    [[0x02], 2],
    [[0x3f], 63],
    [[0x00, 0x00], 64],
    [[0x00, 0xff], 319],
    [[0x01, 0x00, 0x00], 64],
    [[0x01, 0xff, 0x00], 319],
    [[0x01, 0x00, 0x01], 320],
    [[0x01, 0xff, 0xff], 65599],
  ];
  for (const [basic, id] of forms) {
    assertEquals(decodeAllCuts([basic, header, [7]]), [`csid ${id} type 8 at 5 stream 1: 07`]);
  }
});

Deno.test("ChunkDecoder joins chunks of one stream in any basic header form (M010, M011)", () => {
  const payload = body(300);
  for (const marker of [[0xc0, 0x24], [0xc1, 0x24, 0x00]]) {
    const messages = decodeAllCuts([
      [0x00, 0x24, ...type0(2, { time: 9, length: 300 }).slice(1)],
      payload.subarray(0, 128),
      marker,
      payload.subarray(128, 256),
      marker,
      payload.subarray(256),
    ]);
    assertEquals(messages, [whole(100, 9, payload)]);
  }
});

Deno.test("ChunkDecoder keeps audio apart inside a fragmented video, V A V V and types 1 to 3 (M011)", () => {
  const first = body(300), second = body(200, 5), third = body(200, 9);
  const messages = decodeAllCuts([
    type0(6, { time: 40, length: 300 }),
    first.subarray(0, 128),
    [...type0(4, { time: 41, length: 2, type: 8 }), 0xaf, 1],
    [0xc6],
    first.subarray(128, 256),
    [0x44, 0, 0, 23, 0, 0, 3, 8, 0xaf, 1, 2],
    [0xc6],
    first.subarray(256),
    [0x46, 0, 0, 33, 0, 0, 200, 9],
    second.subarray(0, 128),
    [0x84, 0, 0, 24, 0xaf, 1, 3],
    [0xc6],
    second.subarray(128),
    [0xc4, 0xaf, 1, 4],
    [0xc6],
    third.subarray(0, 128),
    [0xc4, 0xaf, 1, 5],
    [0xc6],
    third.subarray(128),
  ]);
  assertEquals(messages, [
    "csid 4 type 8 at 41 stream 1: af01",
    "csid 4 type 8 at 64 stream 1: af0102",
    whole(6, 40, first),
    "csid 4 type 8 at 88 stream 1: af0103",
    whole(6, 73, second),
    "csid 4 type 8 at 112 stream 1: af0104",
    "csid 4 type 8 at 136 stream 1: af0105",
    whole(6, 106, third),
  ]);
});

Deno.test("ChunkDecoder returns a message without a body when its header ends (M011)", () => {
  assertEquals(
    decodeAllCuts([type0(6, { time: 1, length: 0 }), type0(6, { time: 2, length: 0 }), [0xc6]]),
    [1, 2, 4].map((time) => `csid 6 type 9 at ${time} stream 1: `),
  );
});

Deno.test("ChunkDecoder takes a type 1 chunk on a fresh chunk stream, librtmp's ping (M012)", () => {
  assertEquals(
    decodeAllCuts([[0x42, 0, 0, 0, 0, 0, 6, 4, 0, 3, 0, 0, 0, 9]]),
    ["csid 2 type 4 at 0 stream 0: 000300000009"],
  );
});

Deno.test("ChunkDecoder refuses types 2 and 3 on a fresh chunk stream (M012)", () => {
  const before = [...type0(4, { time: 1, length: 1 }), 7];
  const said = "csid 4 type 9 at 1 stream 1: 07";
  assertEquals(decodeAllCuts([before, [0x85, 0, 0, 1]]), [said, "chunk-fresh-stream"]);
  assertEquals(decodeAllCuts([before, [0xc5]]), [said, "chunk-fresh-stream"]);
  assertEquals(decodeAllCuts([before, [0xc1, 0, 1]]), [said, "chunk-fresh-stream"]);
});

Deno.test("ChunkDecoder refuses a new header in the middle of a message (M013, CVE-2016-10191)", () => {
  const begun = concat([type0(4, { time: 1, length: 300 }), body(128)]);
  const headers = [
    type0(4, { time: 2, length: 300 }),
    type0(4, { time: 1, length: 70_000 }),
    [0x44, 0, 0, 0, 0, 1, 45, 9],
    [0x84, 0, 0, 0],
  ];
  for (const header of headers) {
    assertEquals(decodeAllCuts([begun, header, body(40)]), ["chunk-interrupted-message"]);
  }
});

Deno.test("ChunkDecoder advances by the last delta on a type 3 chunk that starts a message (M014)", () => {
  assertEquals(
    decodeAllCuts([
      [...type0(4, { time: 5000, length: 1 }), 1],
      [0x44, 0, 0, 20, 0, 0, 1, 9, 2],
      [0xc4, 3],
      [0x84, 0, 0, 30, 4],
      [0xc4, 5],
    ]),
    [5000, 5020, 5040, 5070, 5100].map((time, i) => `csid 4 type 9 at ${time} stream 1: 0${i + 1}`),
  );
});

Deno.test("ChunkDecoder believes a delta of up to 1000 ms from a type 0 timestamp, else 0 (M014)", () => {
  const cases: [number, number[]][] = [
    [0, [0, 0, 0]],
    [1, [1, 2, 3]],
    [1000, [1000, 2000, 3000]],
    [1001, [1001, 1001, 1001]],
    [0xfffffe, [0xfffffe, 0xfffffe, 0xfffffe]],
  ];
  for (const [time, expected] of cases) {
    assertEquals(
      decodeAllCuts([type0(4, { time, length: 1 }), [1, 0xc4, 1, 0xc4, 1]]),
      expected.map((at) => `csid 4 type 9 at ${at} stream 1: 01`),
    );
  }
});

Deno.test("ChunkDecoder reads the four bytes after the marker whatever they are (M015)", () => {
  for (const time of [0, 0x10, 0xfffffe, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const header = type0(4, { time: 0xffffff, length: 2 }).slice(0, 12);
    assertEquals(
      decodeAllCuts([header, be(time, 4), [1, 2]]),
      [`csid 4 type 9 at ${time} stream 1: 0102`],
    );
  }
});

/** How a peer writes the extended timestamp on a type 3 chunk. */
const dialects: Record<string, (time: number) => number[]> = {
  repeated: (time) => be(time, 4),
  omitted: () => [],
  zeros: () => [0, 0, 0, 0],
};

Deno.test("ChunkDecoder keeps the extended timestamp on type 3 chunks in three dialects (M015)", () => {
  for (const [name, repeat] of Object.entries(dialects)) {
    for (const sizes of [[129, 300], [300, 300], [128, 257], [256, 512, 20]]) {
      const parts: (number[] | Uint8Array)[] = [];
      const expected: string[] = [];
      let time = 0xffffff;
      for (const size of sizes) {
        const payload = body(size);
        for (let from = 0; from < size; from += 128) {
          parts.push(from === 0 ? type0(4, { time, length: size }) : [0xc4, ...repeat(time)]);
          parts.push(payload.subarray(from, from + 128));
        }
        expected.push(whole(4, time, payload));
        time += 40;
      }
      assertEquals(decodeAllCuts(parts), expected, `${name}, sizes ${sizes}`);
    }
  }
});

Deno.test("ChunkDecoder holds to the dialect that it has seen, zeros in the body or not (M015)", () => {
  for (const [name, repeat] of Object.entries(dialects)) {
    const time = 0x01020304;
    const first = body(300), zeros = new Uint8Array(500);
    const parts: (number[] | Uint8Array)[] = [];
    for (const payload of [first, zeros, first]) {
      for (let from = 0; from < payload.length; from += 128) {
        const header = [0xc4, ...repeat(time)];
        parts.push(from === 0 ? type0(4, { time, length: payload.length }) : header);
        parts.push(payload.subarray(from, from + 128));
      }
    }
    const expected = [first, zeros, first].map((payload) => whole(4, time, payload));
    assertEquals(decodeAllCuts(parts), expected, name);
  }
});

Deno.test("ChunkDecoder decides the dialect once a connection, by the first chunk that tells (M015)", () => {
  const time = 0x01020304, other = 0x05060708;
  const first = body(129), second = body(129);
  // A body that looks like the timestamp does not deceive it, nor does a timestamp that is wrong.
  const third = concat([body(128), be(other, 4)]);
  const write = (first3: number[], third3: number[]) => [
    type0(4, { time, length: 129 }),
    first.subarray(0, 128),
    [0xc4, ...first3],
    first.subarray(128),
    type0(6, { time: other, length: 132 }),
    third.subarray(0, 128),
    [0xc6, ...third3],
    third.subarray(128),
    type0(4, { time, length: 129 }),
    second.subarray(0, 128),
    [0xc4, ...first3],
    second.subarray(128),
  ];
  const expected = [whole(4, time, first), whole(6, other, third), whole(4, time, second)];
  assertEquals(decodeAllCuts(write([], [])), expected);
  assertEquals(decodeAllCuts(write(be(time, 4), be(0x11111111, 4))), expected);
});

Deno.test("ChunkDecoder learns no dialect from a type 3 chunk that starts a message (M014, M015)", () => {
  const time = 0x01020304;
  const payload = body(200);
  const short = "csid 4 type 9 at 16909060 stream 1: 09";
  assertEquals(
    decodeAllCuts([
      [...type0(4, { time, length: 1 }), 9],
      [0xc4, ...be(time, 4), 9],
      type0(6, { time, length: 200 }),
      payload.subarray(0, 128),
      [0xc6],
      payload.subarray(128),
    ]),
    [short, short, whole(6, time, payload)],
  );
});

Deno.test("ChunkDecoder holds back no more than 128 KiB to find the dialect (M015, M020)", () => {
  for (const [chunkSize, held] of [[131_072, true], [131_073, false]] as const) {
    const { code } = decode([
      concat([control(1, chunkSize), type0(6, { time: 0x01000000, length: 400_000 })]),
      new Uint8Array(chunkSize),
      concat([[0xc6, 0, 0, 0, 0], new Uint8Array(8)]),
    ], { maxPartialBytes: chunkSize + 5 });
    assertEquals(code, held ? undefined : "partial-bytes-exceeded");
  }
});

Deno.test("ChunkDecoder tells zeros in a body from a zero timestamp by the next chunk (M015)", () => {
  const time = 0x01000000;
  for (const repeat of [dialects["omitted"]!, dialects["zeros"]!]) {
    const payload = new Uint8Array(400);
    const parts: (number[] | Uint8Array)[] = [];
    for (let from = 0; from < 400; from += 128) {
      parts.push(from === 0 ? type0(4, { time, length: 400 }) : [0xc4, ...repeat(time)]);
      parts.push(payload.subarray(from, from + 128));
    }
    assertEquals(decodeAllCuts(parts), [whole(4, time, payload)]);
  }
});

Deno.test("ChunkDecoder asks for no byte past a short body to find the dialect (M015)", () => {
  const decoder = new ChunkDecoder();
  const bytes = concat([
    type0(4, { time: 0x01020304, length: 129 }),
    body(128),
    [0xc4, 0x55],
  ]);
  assertEquals(decoder.push(bytes).length, 1);
});

Deno.test("ChunkDecoder judges the four bytes of a type 3 chunk that starts a message (M014, M015)", () => {
  const header = type0(4, { time: 0x01020304, length: 2 });
  const said = "csid 4 type 9 at 16909060 stream 1: 0908";
  const written = [[], be(0x01020304, 4), [0, 0, 0, 0]];
  for (const extended of written) {
    assertEquals(decodeAllCuts([header, [9, 8], [0xc4, ...extended, 9, 8]]), [said, said]);
  }
});

Deno.test("ChunkDecoder takes the extended value of types 1 and 2 as a delta (M016)", () => {
  assertEquals(
    decodeAllCuts([
      [...type0(4, { time: 10, length: 1 }), 1],
      [0x44, 0xff, 0xff, 0xff, 0, 0, 1, 9, ...be(0x01000000, 4), 2],
      [0x84, 0xff, 0xff, 0xff, ...be(0x10, 4), 3],
      [0xc4, ...be(0x10, 4), 4],
      [0x84, 0xff, 0xff, 0xff, ...be(0xffffffff, 4), 5],
      [0x84, 0, 0, 1, 6],
    ]),
    [10, 0x0100000a, 0x0100001a, 0x0100002a, 0x01000029, 0x0100002a].map((time, i) =>
      `csid 4 type 9 at ${time} stream 1: 0${i + 1}`
    ),
  );
});

Deno.test("ChunkDecoder repeats a delta, not a time, on type 3 chunks after types 1 and 2 (M015, M016)", () => {
  const payload = body(200);
  const delta = 0x01000000;
  const repeats = [delta, 0x01000000 + 50];
  for (const repeated of repeats) {
    assertEquals(
      decodeAllCuts([
        [...type0(4, { time: 50, length: 1 }), 1],
        [0x44, 0xff, 0xff, 0xff, 0, 0, 200, 9, ...be(delta, 4)],
        payload.subarray(0, 128),
        [0xc4, ...be(repeated, 4)],
        payload.subarray(128),
      ]),
      ["csid 4 type 9 at 50 stream 1: 01", whole(4, 0x01000032, payload)],
    );
  }
});

Deno.test("ChunkDecoder crosses 2^24, 2^31 and 2^32 ms by deltas without a step (M017)", () => {
  for (const border of [2 ** 24, 2 ** 31, 2 ** 32]) {
    const start = border - 30;
    assertEquals(
      decodeAllCuts([
        [...type0(4, { time: start, length: 1 }), 1],
        [0x84, 0, 0, 20, 1],
        [0xc4, 1],
        [0xc4, 1],
      ]),
      [0, 20, 40, 60].map((delta) => `csid 4 type 9 at ${(start + delta) % 2 ** 32} stream 1: 01`),
    );
  }
});

Deno.test("ChunkDecoder accepts a time that goes back by a fresh type 0 chunk (M017)", () => {
  assertEquals(
    decodeAllCuts([
      [...type0(4, { time: 0x02000000, length: 1 }), 1],
      [...type0(4, { time: 7, length: 1 }), 1],
      [0x84, 0, 0, 1, 1],
    ]),
    [0x02000000, 7, 8].map((time) => `csid 4 type 9 at ${time} stream 1: 01`),
  );
});

Deno.test("ChunkDecoder obeys Set Chunk Size between two chunks of one message (M018)", () => {
  const payload = body(700);
  assertEquals(
    decodeAllCuts([
      type0(6, { time: 1, length: 700 }),
      payload.subarray(0, 128),
      control(1, 500),
      [0xc6],
      payload.subarray(128, 628),
      control(1, 1),
      ...Array.from(payload.subarray(628), (byte) => [0xc6, byte]),
    ]),
    [controlSummary(1, 500), controlSummary(1, 1), whole(6, 1, payload)],
  );
});

Deno.test("ChunkDecoder takes chunk sizes of 1 to 0x7FFFFFFF, above the cap as the cap (M018)", () => {
  const sizes: [number, number][] = [
    [1, 1],
    [65536, 65536],
    [1 << 24, 10 << 20],
    [0x7fffffff, 10 << 20],
  ];
  for (const [size, expected] of sizes) {
    const decoder = new ChunkDecoder();
    assertEquals(decoder.push(Uint8Array.from(control(1, size))).length, 1);
    assertEquals(decoder.chunkSize, expected);
  }
});

Deno.test("ChunkDecoder refuses a chunk size of 0 or with the top bit set (M018)", () => {
  for (const size of [0, 0x80000000, 0x80000080, 0xffffffff]) {
    assertEquals(decodeAllCuts([control(1, size), [0xc2]]), [
      controlSummary(1, size),
      "chunk-size",
    ]);
  }
});

Deno.test("ChunkDecoder refuses short bodies of the messages that it obeys (M018, M019, M030)", () => {
  for (const type of [1, 2]) {
    const bytes = [...type0(2, { time: 0, length: 3, type, streamId: 0 }), 0, 0, 4];
    assertEquals(decodeAllCuts([bytes]).at(-1), "malformed-control");
  }
});

Deno.test("ChunkDecoder drops the partial message of an aborted chunk stream only (M019)", () => {
  const video = body(300), audio = body(200);
  assertEquals(
    decodeAllCuts([
      type0(6, { time: 1, length: 300 }),
      video.subarray(0, 128),
      type0(4, { time: 1, length: 200 }),
      audio.subarray(0, 128),
      control(2, 6),
      control(2, 77),
      control(2, 70_000),
      [0xc4],
      audio.subarray(128),
      type0(6, { time: 2, length: 300 }),
      video.subarray(0, 128),
      [0xc6],
      video.subarray(128, 256),
      [0xc6],
      video.subarray(256),
    ]),
    [
      controlSummary(2, 6),
      controlSummary(2, 77),
      controlSummary(2, 70_000),
      whole(4, 1, audio),
      whole(6, 2, video),
    ],
  );
});

Deno.test("ChunkDecoder obeys control messages on any chunk stream (M019)", () => {
  const payload = body(300);
  assertEquals(
    decodeAllCuts([
      [...type0(5, { time: 0, length: 4, type: 1, streamId: 1 }), ...be(4096, 4)],
      type0(6, { time: 1, length: 300 }),
      payload,
    ]),
    ["csid 5 type 1 at 0 stream 1: 00001000", whole(6, 1, payload)],
  );
});

Deno.test("ChunkDecoder gives the messages before a violation, then throws it for good", () => {
  const good = [...type0(4, { time: 1, length: 1 }), 7];
  const decoder = new ChunkDecoder();
  assertEquals(decoder.push(concat([good, [0xc5]])).length, 1);
  assertEquals(decoder.error?.code, "chunk-fresh-stream");
  const thrown = assertThrows(() => decoder.push(Uint8Array.from(good)), RtmpError);
  assertStrictEquals(thrown, decoder.error);

  const other = new ChunkDecoder();
  const first = assertThrows(() => other.push(Uint8Array.of(0xc5)), RtmpError);
  assertStrictEquals(first, other.error);
  assertThrows(() => other.push(Uint8Array.from(good)), RtmpError);
});

Deno.test("ChunkDecoder returns a view where a body lies in one chunk of one push", () => {
  const bytes = concat([type0(4, { time: 1, length: 100 }), body(100)]);
  const [message] = new ChunkDecoder().push(bytes);
  assertStrictEquals(message?.payload.buffer, bytes.buffer);
  assertEquals(message?.payload.byteOffset, 12);
});

Deno.test("ChunkDecoder leaves what it returned alone while it reads on", () => {
  const decoder = new ChunkDecoder();
  const parts = [300, 20, 260].flatMap((length) => {
    const payload = body(length);
    const chunks: (number[] | Uint8Array)[] = [type0(6, { time: 1, length })];
    for (let from = 0; from < length; from += 128) {
      if (from > 0) chunks.push([0xc6]);
      chunks.push(payload.subarray(from, from + 128));
    }
    return chunks;
  });
  const bytes = concat([...parts, ...parts, ...parts]);
  const payloads = [];
  for (let from = 0; from < bytes.length; from += 700) {
    for (const { payload } of decoder.push(bytes.slice(from, from + 700))) payloads.push(payload);
  }
  assertEquals(payloads, [300, 20, 260, 300, 20, 260, 300, 20, 260].map((n) => body(n)));
});

Deno.test("ChunkDecoder counts every byte pushed, for acknowledgements", () => {
  const decoder = new ChunkDecoder();
  decoder.push(Uint8Array.from(type0(4, { time: 1, length: 100 })));
  decoder.push(new Uint8Array(0));
  decoder.push(body(50));
  assertEquals(decoder.bytesReceived, 62);
});

Deno.test("ChunkDecoder reads one byte at a time in linear time (M021)", () => {
  // Four zero bytes in a chunk of 60 000 make it hold the chunk back: to scan or copy that again for
  // every byte would take far longer.
  const length = 180_000;
  const parts: (number[] | Uint8Array)[] = [
    control(1, 60_000),
    type0(6, { time: 0x01000000, length }),
  ];
  const payload = new Uint8Array(length);
  for (let from = 0; from < length; from += 60_000) {
    if (from > 0) parts.push([0xc6, 0, 0, 0, 0]);
    parts.push(payload.subarray(from, from + 60_000));
  }
  const bytes = concat(parts);
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const start = performance.now();
  const { messages } = decode(pieces);
  assert(performance.now() - start < 5000, "it took more than 5 s");
  assertEquals(messages[1]?.payload, payload);
});

Deno.test("ChunkDecoder fails random bytes with an RtmpError only, in every cut alike (M021)", () => {
  const chunk = fc.oneof(
    { weight: 3, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    {
      weight: 5,
      arbitrary: fc.record({
        id: fc.integer({ min: 2, max: 5 }),
        time: fc.constantFrom(0, 5, 0xffffff, 0x01000000, 0xffffffff),
        length: fc.integer({ min: 0, max: 500 }),
        type: fc.constantFrom(1, 2, 3, 8, 9),
      }).map(({ id, ...fields }) => Uint8Array.from(type0(id, fields))),
    },
    {
      weight: 5,
      arbitrary: fc.tuple(fc.constantFrom(0xc2, 0xc3, 0xc4, 0xc5), fc.constantFrom(0, 128, 132))
        .map(([marker, size]) => concat([[marker], new Uint8Array(size)])),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(1, 2, 100, 4096).map((size) => Uint8Array.from(control(1, size))),
    },
  );
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 30 }), fc.integer({ min: 1, max: 60 }), (parts, n) => {
      const bytes = concat(parts);
      const pieces = [];
      for (let at = 0; at < bytes.length; at += n) pieces.push(bytes.slice(at, at + n));
      const limits = { maxMessageBytes: 600, maxPartialBytes: 900, maxChunkStreams: 3 };
      assertEquals(decode(pieces, limits), decode([bytes], limits));
    }),
    { seed: 21, numRuns: 1500 },
  );
});

Deno.test("ChunkDecoder ends quietly at every truncation of a good input", () => {
  const bytes = concat([
    control(1, 100),
    type0(6, { time: 0x01000000, length: 250 }),
    body(100),
    [0xc6, 1, 0, 0, 0],
    body(100),
    [0xc6, 1, 0, 0, 0],
    body(50),
  ]);
  for (let end = 0; end < bytes.length; end++) {
    const { messages, code } = decode([bytes.slice(0, end)]);
    assertEquals(code, undefined);
    assert(messages.length < 2);
  }
  assertEquals(decode([bytes]).messages.length, 2);
});
