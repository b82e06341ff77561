import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { UserControlEvent } from "../../src/rtmp/control_message.ts";
import {
  type ControlMessage,
  encodeControlMessage,
  MessageType,
  parseControlMessage,
  RtmpError,
} from "../../src/rtmp/mod.ts";
import { decodeHex, encodeHex } from "./hex.ts";

/** Type, body, message; the bodies by RTMP 1.0, chapters 5.4 and 7.1.7. */
const VECTORS: readonly (readonly [string, number, string, ControlMessage])[] = [
  ["Set Chunk Size", 1, "00001000", { kind: "set-chunk-size", size: 4096 }],
  ["Abort", 2, "00000007", { kind: "abort", chunkStreamId: 7 }],
  ["Acknowledgement", 3, "ffffffff", { kind: "acknowledgement", sequenceNumber: 0xffffffff }],
  ["Window Acknowledgement Size", 5, "002625a0", {
    kind: "window-acknowledgement-size",
    size: 2_500_000,
  }],
  ["Set Peer Bandwidth, hard", 6, "002625a000", bandwidth("hard")],
  ["Set Peer Bandwidth, soft", 6, "002625a001", bandwidth("soft")],
  ["Set Peer Bandwidth, dynamic", 6, "002625a002", bandwidth("dynamic")],
  ["Stream Begin", 4, "000000000001", event(0, 1)],
  ["Stream EOF", 4, "000100000001", event(1, 1)],
  ["Stream Dry", 4, "000200000001", event(2, 1)],
  ["Set Buffer Length", 4, "00030000000100000bb8", event(3, 1, 3000)],
  ["Stream Is Recorded", 4, "000400000001", event(4, 1)],
  ["Ping Request", 4, "000600010203", event(6, 0x10203)],
  ["Ping Response", 4, "000700010203", event(7, 0x10203)],
  ["SWF Verify Request", 4, "001a", event(0x1a, 0)],
  ["Buffer Empty", 4, "001f00000001", event(0x1f, 1)],
  ["Buffer Ready", 4, "002000000001", event(0x20, 1)],
];

function bandwidth(limit: "hard" | "soft" | "dynamic"): ControlMessage {
  return { kind: "set-peer-bandwidth", size: 2_500_000, limit };
}

function event(number: number, value: number, bufferMs = 0): ControlMessage {
  return { kind: "user-control", event: number, value, bufferMs };
}

for (const [name, type, body, message] of VECTORS) {
  Deno.test(`${name}: both ways, and every truncation is a typed error (M030)`, () => {
    const bytes = decodeHex(body);
    assertEquals(parseControlMessage(type, bytes), message);
    assertEquals(encodeHex(bytes), body, "the input was changed");
    const encoded = encodeControlMessage(message);
    assertEquals([encoded.type, encodeHex(encoded.body)], [type, body]);
    for (let length = 0; length < bytes.length; length++) {
      const error = assertThrows(() => parseControlMessage(type, bytes.subarray(0, length)));
      assertInstanceOf(error, RtmpError);
      assertEquals(error.code, "malformed-control");
    }
  });
}

Deno.test("bytes behind a control message are ignored (M030)", () => {
  for (const [, type, body, message] of VECTORS) {
    assertEquals(parseControlMessage(type, decodeHex(`${body}0102030405`)), message);
  }
});

Deno.test("unknown user control events are read, whatever follows (M030)", () => {
  for (const body of ["0005", "00ff", "00ff0102", "ffff0000000100"]) {
    const message = parseControlMessage(MessageType.UserControl, decodeHex(body));
    assertEquals(message, event(parseInt(body.slice(0, 4), 16), 0));
  }
});

Deno.test("a SWF verification answer is read without its hash (M030)", () => {
  const body = decodeHex(`001b0101000000640000006400${"ab".repeat(31)}`);
  const message = parseControlMessage(MessageType.UserControl, body);
  assertEquals(message, event(UserControlEvent.SwfVerifyResponse, 0));
});

Deno.test("an unknown limit type of Set Peer Bandwidth is read as dynamic (M030)", () => {
  assertEquals(parseControlMessage(6, decodeHex("002625a009")), bandwidth("dynamic"));
});
