import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { encodeAmf0 } from "../../src/amf/mod.ts";
import { ByteWriter } from "../../src/bytes/mod.ts";
import { MAX_AGGREGATE_MESSAGES } from "../../src/rtmp/message.ts";
import {
  ChunkDecoder,
  MessageParserStream,
  MessageType,
  parseMessage,
  type RawMessage,
  RtmpError,
  type RtmpMessage,
  RtmpServerHandshake,
} from "../../src/rtmp/mod.ts";
import { decodeHex, encodeHex } from "./hex.ts";

function raw(type: number, payload: Uint8Array, timestampMs = 0): RawMessage {
  return { chunkStreamId: 6, type, streamId: 1, timestampMs, payload };
}

function parse(...raws: RawMessage[]): RtmpMessage[] {
  const target: RtmpMessage[] = [];
  for (const message of raws) parseMessage(message, target);
  return target;
}

/** One FLV tag as an aggregate holds it: 11 bytes, the body, the back pointer. */
function tag(type: number, timestampMs: number, body: string): string {
  const bytes = decodeHex(body);
  return encodeHex(
    new ByteWriter()
      .u8(type).u24(bytes.length)
      .u24(timestampMs & 0xffffff).u8(timestampMs >>> 24)
      .u24(0).bytes(bytes).u32(bytes.length + 11)
      .finish(),
  );
}

Deno.test("audio, video and AMF0 data are media messages, views of what came (M033)", () => {
  const payload = decodeHex("af01aabb");
  const types = { audio: MessageType.Audio, video: MessageType.Video, data: MessageType.DataAmf0 };
  for (const [kind, type] of Object.entries(types)) {
    const [message] = parse(raw(type, payload, 0xffffffff));
    assertEquals(message, { kind, streamId: 1, timestampMs: 0xffffffff, body: payload } as never);
    assertEquals((message as { body: Uint8Array }).body.buffer, payload.buffer);
  }
});

Deno.test("AMF3 data (15) is data without its format byte, with or without it (M033)", () => {
  const values = encodeAmf0(["@setDataFrame", "onMetaData", { width: 64 }]);
  for (const payload of [values, new Uint8Array([0, ...values])]) {
    assertEquals(parse(raw(15, payload)), [
      { kind: "data", streamId: 1, timestampMs: 0, body: values },
    ]);
  }
});

Deno.test("shared objects (16, 19) and unknown types are ignored, whatever they hold (M033)", () => {
  for (const type of [0, 7, 10, 14, 16, 19, 21, 23, 255]) {
    assertEquals(parse(raw(type, decodeHex("ff00"))), [{ kind: "ignored", type }]);
  }
});

Deno.test("an aggregate (22) is split, its times rebased on the first (M033)", () => {
  const body = tag(8, 1000, "af01aa") + tag(9, 1040, "2701000000bb") + tag(8, 1023, "af01cc");
  const messages = parse(raw(22, decodeHex(body), 500_000));
  assertEquals(
    messages.map((message) => {
      const { kind, timestampMs, streamId, body } = message as never as {
        [key: string]: Uint8Array;
      };
      return [kind, timestampMs, streamId, encodeHex(body!)];
    }),
    [
      ["audio", 500_000, 1, "af01aa"],
      ["video", 500_040, 1, "2701000000bb"],
      // Earlier than the one before it, as it was sent.
      ["audio", 500_023, 1, "af01cc"],
    ] as never,
  );
});

Deno.test("times in an aggregate use all 32 bits, and wrap (M033)", () => {
  const body = tag(8, 0xfffffff0, "01") + tag(8, 0x00000004, "02") + tag(8, 0xffffffef, "03");
  const times = (timestampMs: number) =>
    parse(raw(22, decodeHex(body), timestampMs)).map((message) => {
      return (message as { timestampMs: number }).timestampMs;
    });
  assertEquals(times(100), [100, 120, 99]);
  assertEquals(times(0), [0, 20, 0xffffffff]);
  assertEquals(times(0xfffffff0), [0xfffffff0, 4, 0xffffffef]);
});

Deno.test("an aggregate may hold commands and data, may be empty, and may lack its last back pointer (M033)", () => {
  const command = tag(20, 0, encodeHex(encodeAmf0(["FCUnpublish", 6, null, "cam"])));
  const data = tag(18, 0, encodeHex(encodeAmf0(["onMetaData", {}])));
  assertEquals(parse(raw(22, decodeHex(command + data))).map(({ kind }) => kind), [
    "command",
    "data",
  ]);
  assertEquals(parse(raw(22, new Uint8Array(0))), []);
  const cut = (command + data).slice(0, -8);
  assertEquals(parse(raw(22, decodeHex(cut))).map(({ kind }) => kind), ["command", "data"]);
});

Deno.test("every truncation of an aggregate is a shorter one or a typed error (M033)", () => {
  const bytes = decodeHex(tag(8, 0, "af01aa") + tag(9, 40, "2701000000bb"));
  const whole = new Set([0, 14, 15, 16, 17, 18, 35, 36, 37, 38]);
  for (let length = 0; length < bytes.length; length++) {
    const message = raw(22, bytes.subarray(0, length));
    if (whole.has(length)) parse(message);
    else {
      const error = assertThrows(() => parse(message), RtmpError, undefined, `cut at ${length}`);
      assertEquals(error.code, "malformed-aggregate");
    }
  }
});

Deno.test("an aggregate in an aggregate, or one of too many messages, is a typed error (M033)", () => {
  const nested = tag(22, 0, tag(8, 0, "af"));
  const error = assertThrows(() => parse(raw(22, decodeHex(nested))), RtmpError);
  assertEquals(error.code, "malformed-aggregate");
  const most = decodeHex(tag(8, 0, "").repeat(MAX_AGGREGATE_MESSAGES));
  assertEquals(parse(raw(22, most)).length, MAX_AGGREGATE_MESSAGES);
  const more = new Uint8Array([...most, ...decodeHex(tag(8, 0, ""))]);
  assertEquals(
    assertThrows(() => parse(raw(22, more)), RtmpError).code,
    "malformed-aggregate",
  );
});

Deno.test("short control messages are a typed error of the message layer too (M030)", () => {
  for (const type of [1, 2, 3, 4, 5, 6]) {
    const error = assertThrows(() => parse(raw(type, decodeHex("00"))), RtmpError);
    assertEquals(error.code, "malformed-control");
  }
});

Deno.test("every message that real clients sent parses, and none is of an unknown type (M033, M053)", () => {
  const names = ["ffmpeg_publish", "gstreamer_publish", "librtmp_publish", "ffmpeg_play"];
  for (const name of names) {
    const handshake = new RtmpServerHandshake({ random: (length) => new Uint8Array(length) });
    handshake.push(Deno.readFileSync(new URL(`recordings/${name}.bin`, import.meta.url)));
    const messages = parse(...new ChunkDecoder().push(handshake.takeRest()));
    const kinds = new Set(messages.map(({ kind }) => kind));
    assertEquals([kinds.has("command"), kinds.has("ignored")], [true, false], name);
  }
});

Deno.test("MessageParserStream gives an array for each array, an empty one too: a session sees every read (M031)", async () => {
  const stream = new MessageParserStream();
  const writer = stream.writable.getWriter();
  const reading = Array.fromAsync(stream.readable);
  await writer.write([raw(8, decodeHex("af")), raw(9, decodeHex("17"))]);
  await writer.write([raw(22, new Uint8Array(0))]);
  await writer.write([raw(18, decodeHex("05"))]);
  await writer.close();
  assertEquals((await reading).map((messages) => messages.map(({ kind }) => kind)), [
    ["audio", "video"],
    [],
    ["data"],
  ]);
});

Deno.test("MessageParserStream gives what came before a message that cannot be parsed, then its error", async () => {
  const seen: string[] = [];
  const source = ReadableStream.from([
    [raw(8, decodeHex("af"))],
    [raw(9, decodeHex("17")), raw(3, decodeHex("00")), raw(8, decodeHex("ae"))],
  ]);
  const sink = new WritableStream<RtmpMessage[]>({
    write: (messages) => void seen.push(...messages.map(({ kind }) => kind)),
  });
  const error = await assertRejects(() =>
    source.pipeThrough(new MessageParserStream()).pipeTo(sink)
  );
  assertInstanceOf(error, RtmpError);
  assertEquals(error.code, "malformed-control");
  assertEquals(seen, ["audio", "video"]);
});
