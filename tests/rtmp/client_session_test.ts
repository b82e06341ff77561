import {
  assert,
  assertEquals,
  assertExists,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { amfNumberProperty, amfProperty, encodeAmf0 } from "../../src/amf/mod.ts";
import {
  CapsEx,
  ChunkDecoder,
  FourCcInfo,
  parseEnhancedCapabilities,
  parseMessage,
  type RtmpClientEvent,
  RtmpError,
  type RtmpMessage,
  RtmpServerSession,
} from "../../src/rtmp/mod.ts";
import { ClientDialogue, command, status } from "./client_dialogue.ts";

function failure(events: readonly RtmpClientEvent[], type: "failed" | "close"): RtmpError {
  assertEquals(events.map((event) => event.type), [type]);
  const [event] = events;
  assert(event?.type === type);
  assertInstanceOf(event.error, RtmpError);
  return event.error;
}

const media = (
  kind: "audio" | "video" | "data",
  streamId: number,
  body: Uint8Array = new Uint8Array([0xaf, 1, 0x21]),
): RtmpMessage => ({ kind, streamId, timestampMs: 40, body });

Deno.test("RtmpClientSession connects with what Enhanced RTMP v2 wants announced (M073)", () => {
  const dialogue = new ClientDialogue({ connectParameters: { token: "x", fpad: undefined } });
  dialogue.session.connect();
  const [connect, ...rest] = dialogue.commands();
  assertEquals(rest, []);
  assertExists(connect);
  assertEquals([connect.name, connect.transactionId, connect.streamId], ["connect", 1, 0]);
  assertEquals(amfProperty(connect.object, "app"), "live");
  assertEquals(amfProperty(connect.object, "tcUrl"), "rtmp://host/live");
  assertEquals(amfProperty(connect.object, "token"), "x");
  assertEquals(amfProperty(connect.object, "fpad"), undefined);
  assertEquals(amfNumberProperty(connect.object, "capsEx"), 0x0f);
  for (const name of ["videoFourCcInfoMap", "audioFourCcInfoMap"]) {
    const map = amfProperty(connect.object, name);
    assertEquals(amfNumberProperty(map, "*"), FourCcInfo.CanForward);
  }
  const list = amfProperty(connect.object, "fourCcList") as string[];
  for (
    const fourCc of "av01 vp08 vp09 hvc1 avc1 Opus fLaC ac-3 ec-3 mp4a .mp3".split(" ")
  ) assert(list.includes(fourCc), fourCc);
  const capabilities = parseEnhancedCapabilities(connect.object);
  assert(capabilities.announced && (capabilities.capsEx & CapsEx.Multitrack) !== 0);
});

Deno.test("RtmpClientSession reads what the server says of Enhanced RTMP v2 (M073)", () => {
  const dialogue = new ClientDialogue();
  const request = dialogue.session.connect();
  dialogue.said();
  const [event] = dialogue.hear(
    command("_result", { transactionId: 1, object: { fmsVer: "FMS/3,5" } }, {
      code: "NetConnection.Connect.Success",
      capsEx: 3,
      videoFourCcInfoMap: { hvc1: 7 },
    }),
  );
  assert(event?.type === "connected");
  assertEquals(event.request, request);
  assertEquals(event.properties.fmsVer, "FMS/3,5");
  assertEquals(event.capabilities.capsEx, 3);
  assert(event.capabilities.fourCcs.has("hvc1"));
  const said = dialogue.said().map(({ kind }) => kind);
  assertEquals(said, ["window-acknowledgement-size", "set-chunk-size"]);
});

Deno.test("RtmpClientSession publishes in the order of Flash Media Live Encoder (M053)", () => {
  const dialogue = new ClientDialogue().connected();
  const request = dialogue.session.publish("cam?key=1");
  const asked = dialogue.commands();
  assertEquals(asked.map(({ name }) => name), ["releaseStream", "FCPublish", "createStream"]);
  assertEquals(asked[0]!.args, ["cam?key=1"]);
  assertEquals(new Set(asked.map(({ transactionId }) => transactionId)).size, 3);
  // Servers refuse releaseStream where there is nothing to release.
  const [release, fcPublish, createStream] = asked;
  const answers = dialogue.hear(
    command("_error", { transactionId: release!.transactionId }, { code: "x" }),
    command("_result", { transactionId: fcPublish!.transactionId }),
    command("onFCPublish", {}, { code: "NetStream.Publish.Start" }),
    command("_result", { transactionId: createStream!.transactionId }, 7),
  );
  assertEquals(answers, []);
  const [publish] = dialogue.commands();
  assertEquals([publish?.name, publish?.streamId, ...publish!.args], [
    "publish",
    7,
    "cam?key=1",
    "live",
  ]);
  assertEquals(dialogue.session.encodeMedia({ ...media("audio", 7) } as never), undefined);
  assertEquals(dialogue.hear(status(7, "NetStream.Publish.Start")), [
    { type: "publishing", request, streamId: 7 },
  ]);
});

Deno.test("RtmpClientSession sends media of its publication, its time modulo 2^32 (M017)", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.started("publish", 3);
  const body = new Uint8Array(200_000).fill(7);
  const chunks = dialogue.session.encodeMedia({
    kind: "video",
    streamId: 3,
    timestampMs: 2 ** 32 + 5,
    body,
  });
  assertExists(chunks);
  const decoder = new ChunkDecoder();
  decoder.push(new Uint8Array([2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 1, 0, 0]));
  const [message] = decoder.push(chunks);
  assertEquals([message?.type, message?.streamId, message?.timestampMs], [9, 3, 5]);
  assertEquals(message?.payload, body);
});

Deno.test("RtmpClientSession plays with start, duration, reset and buffer length (M056)", () => {
  const dialogue = new ClientDialogue().connected();
  const request = dialogue.session.play("cam", {
    start: 5,
    duration: 60,
    reset: false,
    bufferMs: 1000,
  });
  dialogue.created(1);
  const [play, buffer] = dialogue.said();
  assert(play?.kind === "command" && buffer?.kind === "user-control");
  assertEquals([play.name, play.streamId, ...play.args], ["play", 1, "cam", 5, 60, false]);
  assertEquals([buffer.event, buffer.value, buffer.bufferMs], [3, 1, 1000]);
  const events = dialogue.hear(
    { kind: "user-control", event: 0, value: 1, bufferMs: 0 },
    status(1, "NetStream.Play.Reset"),
    status(1, "NetStream.Play.Start"),
    media("data", 1, encodeAmf0(["|RtmpSampleAccess", true, true])),
    media("data", 1, encodeAmf0(["onStatus", { code: "NetStream.Data.Start" }])),
    media("data", 1, encodeAmf0(["onMetaData", { width: 4 }])),
    media("audio", 1),
    media("video", 1, new Uint8Array(0)),
  );
  assertEquals(events.map(({ type }) => type), [
    "status",
    "playing",
    "status",
    "media",
    "media",
  ]);
  const information = { level: "status", code: "NetStream.Play.Start", description: "" };
  assertEquals(events[1], { type: "playing", request, streamId: 1, information });
});

Deno.test("RtmpClientSession takes media before Play.Start for the start", () => {
  const dialogue = new ClientDialogue().connected();
  const request = dialogue.session.play("cam");
  dialogue.created(1);
  const events = dialogue.hear(media("audio", 1), status(1, "NetStream.Play.Start"));
  assertEquals(events[0], { type: "playing", request, streamId: 1, information: {} });
  assertEquals(events.map(({ type }) => type), ["playing", "media", "status"]);
});

Deno.test("RtmpClientSession publishes and plays at once, each NetStream for itself (M052)", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.started("publish", 1);
  dialogue.started("play", 2);
  dialogue.started("play", 5);
  const events = dialogue.hear(media("audio", 5), media("audio", 1), media("audio", 9));
  assertEquals(events.length, 1);
  assertEquals(dialogue.session.statistics.droppedMedia, 2);
  const [stopped] = dialogue.hear(status(2, "NetStream.Play.Stop"));
  assert(stopped?.type === "stopped");
  assertEquals([stopped.streamId, stopped.error], [2, undefined]);
  assertEquals(dialogue.hear(media("audio", 2), media("audio", 5)).length, 1);
});

Deno.test("RtmpClientSession reports refusals with the server's code and words", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.session.publish("cam?secret=1");
  dialogue.created(1);
  const refused = failure(
    dialogue.hear(status(1, "NetStream.Publish.BadName", {
      level: "error",
      description: "Stream already publishing",
    })),
    "failed",
  );
  assertEquals([refused.code, refused.status, refused.description], [
    "publish-rejected",
    "NetStream.Publish.BadName",
    "Stream already publishing",
  ]);
  assertStringIncludes(refused.message, 'publish "cam"');
  assert(!refused.message.includes("secret"));
  // The NetStream is of no use any more.
  assert(dialogue.commands().some(({ name }) => name === "deleteStream"));

  dialogue.session.play("cam");
  dialogue.created(2);
  // Some servers leave the level out.
  const missing = failure(
    dialogue.hear(status(2, "NetStream.Play.StreamNotFound", { level: "" })),
    "failed",
  );
  assertEquals([missing.code, missing.status], ["play-rejected", "NetStream.Play.StreamNotFound"]);

  dialogue.session.call("getThing", [1]);
  const [call] = dialogue.commands().slice(-1);
  const failed = failure(
    dialogue.hear(
      command("_error", { transactionId: call!.transactionId }, {
        level: "error",
        code: "NetConnection.Call.Failed",
        description: "Method not found",
      }),
    ),
    "failed",
  );
  assertEquals([failed.code, failed.status], ["call-failed", "NetConnection.Call.Failed"]);
});

Deno.test("RtmpClientSession reports a refused connect with the server's code and words (M051)", () => {
  const dialogue = new ClientDialogue();
  dialogue.session.connect();
  const error = failure(
    dialogue.hear(
      command("_error", { transactionId: 1 }, {
        level: "error",
        code: "NetConnection.Connect.Rejected",
        description: "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] :",
      }),
    ),
    "close",
  );
  assertEquals([error.code, error.status], ["connect-rejected", "NetConnection.Connect.Rejected"]);
  assertStringIncludes(error.description!, "authmod=adobe");
  assertEquals(dialogue.session.state, "closed");
  assertEquals(dialogue.hear(media("audio", 1)), []);
});

Deno.test("RtmpClientSession matches results of calls by their transaction ids", () => {
  const dialogue = new ClientDialogue().connected();
  const first = dialogue.session.call("one", []);
  const second = dialogue.session.call("two", ["x"], { object: { a: 1 } });
  const [one, two] = dialogue.commands();
  assertEquals(two!.object, { a: 1 });
  const answerTwo = command("_result", { transactionId: two!.transactionId }, "second", 2);
  assertEquals(dialogue.hear(answerTwo), [
    { type: "result", request: second, object: null, args: ["second", 2] },
  ]);
  assertEquals(dialogue.hear(command("_result", { transactionId: one!.transactionId })), [
    { type: "result", request: first, object: null, args: [] },
  ]);
});

Deno.test("RtmpClientSession pauses, resumes and seeks (M057)", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.started("play");
  const paused = dialogue.session.pause(1, 1200);
  const [pause] = dialogue.commands();
  assertEquals([pause!.name, pause!.streamId, ...pause!.args], ["pause", 1, true, 1200]);
  const [answer] = dialogue.hear(status(1, "NetStream.Pause.Notify"));
  assert(answer?.type === "result");
  assertEquals(answer.request, paused);

  const resumed = dialogue.session.resume(1, 1200);
  const sought = dialogue.session.seek(1, 9000);
  const answers = dialogue.hear(
    status(1, "NetStream.Unpause.Notify"),
    status(1, "NetStream.Seek.Failed", { level: "error" }),
  );
  assert(answers[0]?.type === "result" && answers[1]?.type === "failed");
  assertEquals([answers[0].request, answers[1].request], [resumed, sought]);
  assertEquals(answers[1].error.status, "NetStream.Seek.Failed");
  // A seek that fails does not end what is played.
  assertEquals(dialogue.hear(media("audio", 1)).length, 1);
});

Deno.test("RtmpClientSession ends streams by name and by number (M058)", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.started("publish", 1);
  dialogue.started("play", 2);
  dialogue.said();
  dialogue.session.closeStream(1);
  dialogue.session.closeStream(2);
  dialogue.session.closeStream(2);
  assertEquals(dialogue.commands().map(({ name, args }) => [name, ...args]), [
    ["FCUnpublish", "cam"],
    ["deleteStream", 1],
    ["deleteStream", 2],
  ]);
});

Deno.test("RtmpClientSession tells of a publication that the server takes away", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.started("publish", 1);
  const [event] = dialogue.hear(
    status(1, "NetStream.Publish.BadName", { level: "error", description: "Taken over" }),
  );
  assert(event?.type === "stopped");
  assertEquals([event.error?.code, event.error?.description], ["publish-rejected", "Taken over"]);
  const sent = { kind: "audio", streamId: 1, timestampMs: 0, body: new Uint8Array(1) } as const;
  assertEquals(dialogue.session.encodeMedia(sent), undefined);
});

Deno.test("RtmpClientSession answers pings and acknowledges by the server's window (M031, M032)", () => {
  const dialogue = new ClientDialogue().connected();
  dialogue.hear({ kind: "user-control", event: 6, value: 77, bufferMs: 0 });
  assertEquals(dialogue.said(), [{ kind: "user-control", event: 7, value: 77, bufferMs: 0 }]);
  dialogue.hear({ kind: "window-acknowledgement-size", size: 10_000 });
  dialogue.session.noteBytesReceived(9_999);
  assertEquals(dialogue.said(), []);
  dialogue.session.noteBytesReceived(10_000);
  assertEquals(dialogue.said(), [{ kind: "acknowledgement", sequenceNumber: 10_000 }]);
  dialogue.session.noteBytesReceived(2 ** 32 + 5);
  assertEquals(dialogue.said(), [{ kind: "acknowledgement", sequenceNumber: 5 }]);
  dialogue.hear({ kind: "acknowledgement", sequenceNumber: 4321 });
  assertEquals(dialogue.session.statistics.acknowledgedBytes, 4321);
  dialogue.hear({ kind: "set-peer-bandwidth", size: 123_456, limit: "dynamic" });
  dialogue.hear({ kind: "set-peer-bandwidth", size: 123_456, limit: "hard" });
  assertEquals(dialogue.said(), [{ kind: "window-acknowledgement-size", size: 123_456 }]);
});

Deno.test("RtmpClientSession pings a silent server, and leaves one that stops to answer (M032)", () => {
  const dialogue = new ClientDialogue().connected();
  const pong: RtmpMessage = { kind: "user-control", event: 7, value: 0, bufferMs: 0 };
  assertEquals(dialogue.pass(30_000), []);
  assertEquals(dialogue.said().map(({ kind }) => kind), ["user-control"]);
  dialogue.hear(pong);
  assertEquals(dialogue.pass(30_000), []);
  assertEquals(dialogue.said().length, 1);
  assertEquals(failure(dialogue.pass(10_000), "close").code, "ping-timeout");
});

Deno.test("RtmpClientSession expects no answer to pings of a server that has never given one", () => {
  const dialogue = new ClientDialogue().connected();
  for (let step = 0; step < 100; step++) assertEquals(dialogue.pass(10_000), []);
  assertEquals(dialogue.said().length, 1);
});

Deno.test("RtmpClientSession gives up what is not answered in time", () => {
  const silent = new ClientDialogue();
  silent.session.connect();
  assertEquals(silent.pass(9_999), []);
  const error = failure(silent.pass(1), "close");
  assertEquals(error.code, "timeout");
  assertStringIncludes(error.message, "10000 ms");

  // A server waits for a publisher before it answers, and then says so.
  const waiting = new ClientDialogue().connected();
  waiting.session.play("cam");
  assertEquals(waiting.pass(14_999), []);
  assertStringIncludes(failure(waiting.pass(1), "failed").message, "15000 ms");

  const dialogue = new ClientDialogue({ requestTimeoutMs: 500 }).connected();
  dialogue.session.publish("cam");
  assertEquals(failure(dialogue.pass(500), "failed").code, "timeout");
  dialogue.said();
  dialogue.session.play("cam");
  dialogue.created(4);
  dialogue.said();
  assertEquals(failure(dialogue.pass(500), "failed").code, "timeout");
  assertEquals(dialogue.commands().map(({ name, args }) => [name, ...args]), [["deleteStream", 4]]);
  dialogue.started("play", 5);
  dialogue.session.seek(5, 0);
  assertEquals(failure(dialogue.pass(500), "failed").code, "timeout");
  assertEquals(dialogue.session.state, "connected");
});

Deno.test("RtmpClientSession deletes the NetStream of a request that was given up", () => {
  const dialogue = new ClientDialogue().connected();
  const early = dialogue.session.publish("cam");
  dialogue.session.cancel(early);
  assertEquals(dialogue.created(1), []);
  assertEquals(dialogue.commands().map(({ name }) => name), ["deleteStream"]);
  const late = dialogue.session.play("cam");
  dialogue.created(2);
  dialogue.said();
  dialogue.session.cancel(late);
  assertEquals(dialogue.commands().map(({ name, args }) => [name, ...args]), [["deleteStream", 2]]);
  assertEquals(dialogue.pass(20_000), []);
  dialogue.session.cancel(late);
});

Deno.test("RtmpClientSession follows redirections, up to five, and never from TLS to plain", () => {
  const redirect = (tcUrl: string, code: number) =>
    command("_error", { transactionId: 1 }, {
      level: "error",
      code: "NetConnection.Connect.Rejected",
      description: "Go elsewhere",
      ex: { code, redirect: tcUrl },
    });
  const ask = (options: { redirects?: number; tcUrl?: string }, to: string, code = 302) => {
    const dialogue = new ClientDialogue(options);
    dialogue.session.connect();
    return dialogue.hear(redirect(to, code));
  };
  assertEquals(ask({}, "rtmp://edge/live"), [
    { type: "redirect", tcUrl: "rtmp://edge/live", redirects: 1 },
  ]);
  assertEquals(ask({ redirects: 4 }, "rtmps://edge/live")[0]?.type, "redirect");
  const endless = failure(ask({ redirects: 5 }, "rtmp://edge/live"), "close");
  assertEquals([endless.code, endless.status], [
    "connect-rejected",
    "NetConnection.Connect.Rejected",
  ]);
  const cases = [
    ask({ tcUrl: "rtmps://host/live" }, "rtmp://edge/live"),
    ask({}, "http://edge/live"),
    ask({}, "rtmp://edge/live", 403),
    ask({}, ""),
  ];
  for (const events of cases) assertEquals(failure(events, "close").code, "connect-rejected");
});

Deno.test("RtmpClientSession answers what it does not know, and Flash's bandwidth check", () => {
  const dialogue = new ClientDialogue().connected();
  const events = dialogue.hear(
    command("onBWCheck", { transactionId: 9 }, "x"),
    command("onBWDone", {}),
    command("doMischief", { transactionId: 11 }, 1),
    command("doMischief", {}),
  );
  assertEquals(events.map((event) => event.type === "call" && event.name), [
    "doMischief",
    "doMischief",
  ]);
  assertEquals(dialogue.commands().map(({ name, transactionId }) => [name, transactionId]), [
    ["_result", 9],
    ["_error", 11],
  ]);
});

Deno.test("RtmpClientSession ends with the server's goodbye", () => {
  const dialogue = new ClientDialogue().connected();
  const events = dialogue.hear(status(0, "NetConnection.Connect.Closed", { description: "Bye" }));
  assertEquals(events.map(({ type }) => type), ["status", "close"]);
  assertEquals(
    failure(new ClientDialogue().connected().hear(command("close", {})), "close").code,
    "closed",
  );
});

Deno.test("RtmpClientSession refuses to be used in the wrong order", () => {
  const fresh = new ClientDialogue().session;
  assertThrows(
    () => fresh.publish("x"),
    TypeError,
    "Cannot publish as the session must be connected",
  );
  assertThrows(() => fresh.play("x"), TypeError, "current value is new");
  assertThrows(() => fresh.call("x", []), TypeError);
  fresh.connect();
  assertThrows(() => fresh.connect(), TypeError, "Cannot connect");
  const { session } = new ClientDialogue().connected();
  assertThrows(() => session.pause(1), TypeError, "must play: current value is 1");
});

Deno.test("RtmpClientSession and RtmpServerSession understand each other, AMF3 too (M033, M053)", () => {
  for (const objectEncoding of [0, 3]) {
    const client = new ClientDialogue({ connectParameters: { objectEncoding } });
    const server = new RtmpServerSession({ nowMs: 0 });
    const decoder = new ChunkDecoder();
    const seen: string[] = [];
    const exchange = (): RtmpClientEvent[] => {
      const told: RtmpClientEvent[] = [];
      for (let round = 0; round < 8; round++) {
        const events = server.receive(client.said(), 0);
        for (let event = events.shift(); event !== undefined; event = events.shift()) {
          seen.push(event.type);
          if (event.type === "connect" || event.type === "publish" || event.type === "play") {
            events.push(...server.accept(event));
          }
        }
        const messages: RtmpMessage[] = [];
        for (const bytes of server.takeOutput()) {
          for (const raw of decoder.push(bytes)) parseMessage(raw, messages);
        }
        told.push(...client.hear(...messages));
      }
      return told;
    };
    client.session.connect();
    assertEquals(exchange().map(({ type }) => type), ["connected"]);
    client.session.publish("cam");
    client.session.play("other");
    assertEquals(exchange().map(({ type }) => type).filter((type) => type !== "status"), [
      "publishing",
      "playing",
    ]);
    client.session.pause(2);
    client.session.seek(2, 100);
    client.session.call("nobodyKnows", []);
    const answers = exchange().map(({ type }) => type);
    assertEquals(answers.filter((type) => type !== "status"), ["result", "result", "failed"]);
    client.session.closeStream(1);
    client.session.closeStream(2);
    exchange();
    assertEquals(seen, ["connect", "publish", "play", "pause", "unpublish", "stop"]);
  }
});
