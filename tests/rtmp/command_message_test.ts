import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { AmfEcmaArray, AmfError, encodeAmf0 } from "../../src/amf/mod.ts";
import {
  encodeCommandMessage,
  MessageType,
  parseCommandMessage,
  parseMessage,
  RtmpError,
  type RtmpMessage,
} from "../../src/rtmp/mod.ts";
import { decodeHex, encodeHex } from "./hex.ts";

const AMF0 = { streamId: 0, amf3: false };
const AMF3 = { streamId: 0, amf3: true };

/** createStream with transaction id 2, as FFmpeg sends it. */
const CREATE_STREAM = "02000c63726561746553747265616d" + "004000000000000000" + "05";

/** connect with 1 and `{ app: "live" }`: the AMF0 name and id, then the object in AMF3 (0x11). */
const CONNECT_AMF3 = "020007636f6e6e656374" + "003ff0000000000000" +
  "110a0b01" + "0761707006096c697665" + "01";

Deno.test("an AMF0 command: name, transaction id, object, arguments (M033)", () => {
  assertEquals(parseCommandMessage(decodeHex(CREATE_STREAM), { streamId: 5, amf3: false }), {
    kind: "command",
    streamId: 5,
    name: "createStream",
    transactionId: 2,
    object: null,
    args: [],
    amf3: false,
  });
});

Deno.test("an AMF3 command, with and without the leading zero byte (M033)", () => {
  for (const prefix of ["00", ""]) {
    const command = parseCommandMessage(decodeHex(prefix + CREATE_STREAM), AMF3);
    assertEquals([command.name, command.transactionId, command.amf3], ["createStream", 2, true]);
  }
});

Deno.test("an AMF3 command that switches to AMF3 by 0x11 (M033)", () => {
  for (const prefix of ["00", ""]) {
    const command = parseCommandMessage(decodeHex(prefix + CONNECT_AMF3), AMF3);
    assertEquals([command.name, command.transactionId], ["connect", 1]);
    assertEquals(command.object, { app: "live" });
  }
});

Deno.test("missing transaction id and object are 0 and null; ECMA arrays are objects too (M050, M053)", () => {
  const short = parseCommandMessage(encodeAmf0(["FCUnpublish"]), AMF0);
  assertEquals([short.transactionId, short.object, short.args], [0, null, []]);
  const odd = parseCommandMessage(encodeAmf0(["publish", "5", undefined, "cam"]), AMF0);
  assertEquals([odd.transactionId, odd.object, odd.args], [0, null, ["cam"]]);
  const array = new AmfEcmaArray({ app: "live" });
  assertEquals(parseCommandMessage(encodeAmf0(["connect", 1, array, 7]), AMF0).object, array);
});

Deno.test("a command that is not AMF, or whose name is no string, is a typed error (M033)", () => {
  const cases = ["", "00", "004000000000000000", "05", "0200", "0c", "ff", "0200036162"];
  for (const text of cases) {
    for (const context of [AMF0, AMF3]) {
      const error = assertThrows(() => parseCommandMessage(decodeHex(text), context), RtmpError);
      assertEquals(error.code, "malformed-command");
    }
  }
  const error = assertThrows(() => parseCommandMessage(decodeHex("0200"), AMF0));
  assertInstanceOf((error as Error).cause, AmfError);
});

Deno.test("every truncation of a command is a shorter command or a typed error (M033)", () => {
  for (const [text, context] of [[CREATE_STREAM, AMF0], [CONNECT_AMF3, AMF3]] as const) {
    const bytes = decodeHex(text);
    for (let length = 0; length < bytes.length; length++) {
      try {
        const { name, object } = parseCommandMessage(bytes.subarray(0, length), context);
        assertEquals([name === "createStream" || name === "connect", object], [true, null]);
      } catch (error) {
        assertInstanceOf(error, RtmpError, `cut at ${length}`);
      }
    }
  }
});

Deno.test("commands are encoded as type 20, or as 17 with the zero byte (M033)", () => {
  const plain = encodeCommandMessage({ name: "createStream", transactionId: 2 });
  assertEquals([plain.type, encodeHex(plain.body)], [MessageType.CommandAmf0, CREATE_STREAM]);
  const amf3 = encodeCommandMessage({ name: "createStream", transactionId: 2, amf3: true });
  assertEquals([amf3.type, encodeHex(amf3.body)], [MessageType.CommandAmf3, `00${CREATE_STREAM}`]);
});

Deno.test("what is encoded parses to the same, by the message's type (M033)", () => {
  for (const amf3 of [false, true]) {
    const content = {
      name: "onStatus",
      transactionId: 0,
      object: { a: 1 },
      args: ["b", null, [1, 2]],
      amf3,
    };
    const { type, body: payload } = encodeCommandMessage(content);
    const target: RtmpMessage[] = [];
    parseMessage({ chunkStreamId: 3, type, streamId: 1, timestampMs: 0, payload }, target);
    assertEquals(target, [{ kind: "command", streamId: 1, ...content }]);
  }
});
