import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "../support/fast_check.ts";
import type { AmfValue } from "../../src/amf/mod.ts";
import {
  ChunkDecoder,
  ChunkEncoder,
  encodeCommandMessage,
  encodeControlMessage,
  parseMessage,
  type RtmpClientEvent,
  RtmpClientSession,
  RtmpError,
  type RtmpMessage,
} from "../../src/rtmp/mod.ts";
import { ClientDialogue, command, status } from "./client_dialogue.ts";

const RUNS = { seed: 3, numRuns: 300 };

Deno.test("a hostile server's createStream answers fail one request each", () => {
  const hostile: AmfValue[] = [
    0,
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 32,
    "1",
    null,
    undefined,
    {},
    [],
    true,
  ];
  for (const answer of hostile) {
    const dialogue = new ClientDialogue().connected();
    dialogue.session.publish("cam");
    const [failed] = dialogue.created(answer);
    assert(failed?.type === "failed", String(answer));
    assertEquals(failed.error.code, "unexpected-result");
    dialogue.started("publish", 1);
  }
  const dialogue = new ClientDialogue().connected();
  dialogue.started("play", 1);
  dialogue.session.publish("cam");
  const [failed] = dialogue.created(1);
  assert(failed?.type === "failed" && failed.error.code === "unexpected-result");
  // The stream whose id was given out twice is still the one that it was.
  const audio = { kind: "audio", streamId: 1, timestampMs: 0, body: new Uint8Array([1]) } as const;
  assertEquals(dialogue.hear(audio).map(({ type }) => type), ["media"]);
});

Deno.test("a hostile server's results with wrong and repeated ids are counted, and change nothing", () => {
  const dialogue = new ClientDialogue().connected();
  const request = dialogue.session.publish("cam");
  const createStream = dialogue.commands().find(({ name }) => name === "createStream")!;
  const result = command("_result", { transactionId: createStream.transactionId }, 1);
  const stray = [0, -1, 1, 4.5, NaN, 999].map((transactionId) =>
    command("_result", { transactionId }, 1)
  );
  assertEquals(dialogue.hear(...stray, result, result, result), []);
  assertEquals(dialogue.session.statistics.strayResults, stray.length + 2);
  assertEquals(dialogue.commands().filter(({ name }) => name === "publish").length, 1);
  const start = status(1, "NetStream.Publish.Start");
  const events = dialogue.hear(start, start);
  assertEquals(events.filter(({ type }) => type === "publishing"), [
    { type: "publishing", request, streamId: 1 },
  ]);
});

Deno.test("a hostile server's chunk size of 0 ends the connection (M018)", () => {
  const zero = new ChunkEncoder().encode({
    chunkStreamId: 2,
    type: 1,
    timestampMs: 0,
    streamId: 0,
    payload: new Uint8Array(4),
  });
  const decoder = new ChunkDecoder();
  decoder.push(zero);
  assertEquals(decoder.error?.code, "chunk-size");
});

Deno.test("a hostile server's descriptions are cut, and cannot write log lines", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.session.play("cam");
  dialogue.created(1);
  const description = `x\r\nERROR forged\x1b[2J${"y".repeat(100_000)}`;
  const [failed] = dialogue.hear(
    status(1, "NetStream.Play.Failed\n", { level: "error", description }),
  );
  assert(failed?.type === "failed");
  assertEquals(failed.error.description!.length, 1000);
  assert(failed.error.message.length < 1000);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f]/.test(failed.error.message));
});

Deno.test("a server that asks for an acknowledgement each byte gets one each 4096", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.hear({ kind: "window-acknowledgement-size", size: 0 });
  for (let total = 1; total <= 10_000; total++) dialogue.session.noteBytesReceived(total);
  assertEquals(dialogue.said().length, 2);
});

/** Any value that a server may send. */
const value: fc.Arbitrary<AmfValue> = fc.letrec<{ value: AmfValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.double(),
    fc.string({ maxLength: 10 }),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.constantFrom(0, 1, 2, 3),
    fc.dictionary(
      fc.constantFrom("code", "level", "description", "ex", "redirect", "capsEx", "__proto__"),
      fc.oneof(
        tie("value"),
        fc.constantFrom(
          "error",
          "status",
          "rtmp://x/y",
          "NetConnection.Connect.Success",
          "NetConnection.Connect.Rejected",
          "NetConnection.Connect.Closed",
          "NetStream.Publish.Start",
          "NetStream.Publish.BadName",
          "NetStream.Play.Start",
          "NetStream.Play.Stop",
          "NetStream.Play.StreamNotFound",
          "NetStream.Pause.Notify",
          "NetStream.Seek.Notify",
        ),
      ),
    ),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
})).value;

const serverMessage: fc.Arbitrary<RtmpMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("command" as const),
    streamId: fc.nat(3),
    name: fc.constantFrom(
      "_result",
      "_error",
      "onStatus",
      "onPlayStatus",
      "connect",
      "onBWCheck",
      "toString",
      "__proto__",
      "close",
    ),
    transactionId: fc.oneof(fc.nat(12), fc.double()),
    object: value,
    args: fc.array(value, { maxLength: 3 }),
    amf3: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom("audio" as const, "video" as const, "data" as const),
    streamId: fc.nat(3),
    timestampMs: fc.nat(),
    body: fc.uint8Array({ maxLength: 30 }),
  }),
  fc.record({
    kind: fc.constant("user-control" as const),
    event: fc.nat(40),
    value: fc.nat(),
    bufferMs: fc.nat(),
  }),
  fc.record({ kind: fc.constant("window-acknowledgement-size" as const), size: fc.nat(9) }),
  fc.record({
    kind: fc.constant("set-peer-bandwidth" as const),
    size: fc.nat(3),
    limit: fc.constantFrom("hard" as const, "soft" as const, "dynamic" as const),
  }),
);

type Step =
  | { readonly hear: RtmpMessage[] }
  | { readonly act: "publish" | "play" | "call" | "pause" | "seek" | "close" | "cancel" | "tick" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ hear: fc.array(serverMessage, { maxLength: 6 }) }),
  fc.record({
    act: fc.constantFrom(
      "publish" as const,
      "play" as const,
      "call" as const,
      "pause" as const,
      "seek" as const,
      "close" as const,
      "cancel" as const,
      "tick" as const,
    ),
  }),
);

function act(session: RtmpClientSession, action: (Step & { act: string })["act"]): void {
  try {
    switch (action) {
      case "publish":
      case "play":
        session[action]("cam");
        break;
      case "call":
        session.call("x", []);
        break;
      case "pause":
        session.pause(1);
        break;
      case "seek":
        session.seek(1, 0);
        break;
      case "close":
        session.closeStream(1);
        break;
      case "cancel":
        session.cancel(3);
    }
  } catch (error) {
    // The caller's mistake: not connected, or not playing.
    assertInstanceOf(error, TypeError);
  }
}

Deno.test("whatever a server says, the client answers little, each request once, and throws nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const session = new RtmpClientSession({ app: "a", tcUrl: "rtmp://h/a", nowMs: 0 });
      session.connect();
      session.takeOutput();
      const answered = new Set<number>();
      let nowMs = 0;
      const look = (events: RtmpClientEvent[]): void => {
        for (const event of events) {
          if (event.type === "close" || event.type === "failed") {
            assertInstanceOf(event.error, RtmpError);
          }
          if ("request" in event) {
            assert(!answered.has(event.request), `request ${event.request} was answered twice`);
            answered.add(event.request);
          }
        }
      };
      for (const one of steps) {
        nowMs += 1000;
        if ("act" in one) act(session, one.act);
        const asked = session.takeOutput().length;
        assert(asked <= 4);
        if ("hear" in one) {
          look(session.receive(one.hear, nowMs));
          const output = session.takeOutput();
          const bytes = output.reduce((sum, { length }) => sum + length, 0);
          assert(bytes <= 400 * one.hear.length, `${bytes} bytes for ${one.hear.length} messages`);
        }
        look(session.tick(nowMs));
        session.takeOutput();
        if (session.state === "closed") {
          assertEquals(session.receive([command("_result", { transactionId: 1 })], nowMs), []);
        }
      }
    }),
    RUNS,
  );
});

Deno.test("whatever bytes a server sends, decoder, parser and client throw only RtmpError", () => {
  const valid = [
    encodeControlMessage({ kind: "window-acknowledgement-size", size: 5 }),
    encodeControlMessage({ kind: "user-control", event: 6, value: 1, bufferMs: 0 }),
    encodeCommandMessage({
      name: "_result",
      transactionId: 1,
      object: {},
      args: [{ code: "NetConnection.Connect.Success" }],
    }),
    encodeCommandMessage({ name: "_result", transactionId: 4, args: [1] }),
    encodeCommandMessage({
      name: "onStatus",
      args: [{ level: "status", code: "NetStream.Play.Start" }],
    }),
  ];
  const encoder = new ChunkEncoder();
  const wire = valid.map(({ type, body }) =>
    encoder.encode({ chunkStreamId: 3, type, timestampMs: 0, streamId: 0, payload: body })
  );
  const piece = fc.oneof(fc.constantFrom(...wire), fc.uint8Array({ maxLength: 40 }));
  const damage = fc.tuple(fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.option(damage), (pieces, flip) => {
      const session = new RtmpClientSession({ app: "a", tcUrl: "rtmp://h/a", nowMs: 0 });
      session.connect();
      const decoder = new ChunkDecoder();
      try {
        pieces.forEach((bytes, index) => {
          const copy = bytes.slice();
          if (flip !== null && index === flip[0] % pieces.length && copy.length > 0) {
            copy[flip[0] % copy.length] = flip[1];
          }
          const messages: RtmpMessage[] = [];
          for (const raw of decoder.push(copy)) parseMessage(raw, messages);
          session.receive(messages, index);
          session.noteBytesReceived(decoder.bytesReceived);
          if (decoder.error !== undefined) throw decoder.error;
        });
      } catch (error) {
        assertInstanceOf(error, RtmpError);
      }
    }),
    RUNS,
  );
});
