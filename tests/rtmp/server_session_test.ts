import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  AmfEcmaArray,
  amfNumberProperty,
  amfProperty,
  amfStringProperty,
} from "../../src/amf/mod.ts";
import type { CommandMessage, ConnectEvent, PlayEvent, PublishEvent } from "../../src/rtmp/mod.ts";
import { ChunkDecoder, MessageType, parseMessage, type RtmpMessage } from "../../src/rtmp/mod.ts";
import { Client, command, converse, type Dialogue, inWords, media } from "./session_support.ts";

const CONNECTED = [
  "window 2500000",
  "bandwidth 2500000 dynamic",
  "chunk size 65536",
  "_result 1 NetConnection.Connect.Success",
];

const CONNECT = command("connect", { id: 1, object: { app: "live" } });
const PUBLISHED = ["StreamBegin 1", "on 1: onStatus NetStream.Publish.Start"];
const PLAYED = [
  "StreamBegin 1",
  "on 1: onStatus NetStream.Play.Reset",
  "on 1: onStatus NetStream.Play.Start",
  "on 1: |RtmpSampleAccess true",
  "on 1: onStatus NetStream.Data.Start",
];
const UNPUBLISHED = "on 1: onStatus NetStream.Unpublish.Success";

const DIALECTS: readonly { readonly name: string; readonly dialogue: Dialogue }[] = [
  {
    name: "FMLE, OBS, FFmpeg",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [command("releaseStream", { id: 2, args: ["cam"] }), [], ["_result 2"]],
      [command("FCPublish", { id: 3, args: ["cam"] }), [], ["_result 3"]],
      [command("createStream", { id: 4 }), [], ["_result 4 1"]],
      [command("_checkbw", { id: 5 }), [], ["_result 5"]],
      [
        command("publish", { id: 6, on: 1, args: ["cam", "live"] }),
        ["publish 1 live/cam"],
        ["onFCPublish NetStream.Publish.Start", ...PUBLISHED],
      ],
      [media("data", 1), ["data 1"], []],
      [media("video", 1), ["video 1"], []],
      [
        command("FCUnpublish", { id: 7, args: ["cam"] }),
        ["unpublish 1"],
        [UNPUBLISHED, "_result 7", "onFCUnpublish NetStream.Unpublish.Success"],
      ],
      [command("deleteStream", { id: 8, args: [1] }), [], []],
    ],
  },
  {
    name: "Haivision: createStream first, then releaseStream and FCPublish on the NetStream",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [command("createStream", { id: 2 }), [], ["_result 2 1"]],
      [command("releaseStream", { id: 3, on: 1, args: ["cam"] }), [], ["_result 3"]],
      [command("FCPublish", { id: 4, on: 1, args: ["cam"] }), [], ["_result 4"]],
      [
        command("publish", { id: 5, on: 1, args: ["cam", "live"] }),
        ["publish 1 live/cam"],
        ["onFCPublish NetStream.Publish.Start", ...PUBLISHED],
      ],
      [media("video", 1), ["video 1"], []],
      [command("deleteStream", { args: [1] }), ["unpublish 1"], [UNPUBLISHED]],
    ],
  },
  {
    name: "Flash: no FCPublish, closeStream",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [command("createStream", { id: 2 }), [], ["_result 2 1"]],
      [command("publish", { on: 1, args: ["cam", "record"] }), ["publish 1 live/cam"], PUBLISHED],
      [media("audio", 1), ["audio 1"], []],
      [command("closeStream", { on: 1 }), ["unpublish 1"], [UNPUBLISHED]],
      [command("closeStream", { on: 1 }), [], []],
      [command("publish", { on: 1, args: ["cam"] }), ["publish 1 live/cam"], PUBLISHED],
    ],
  },
  {
    name: "GStreamer: transaction id 0, deleteStream by the stream's name",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [command("releaseStream", { args: ["cam"] }), [], []],
      [command("FCPublish", { args: ["cam"] }), [], []],
      [command("createStream", { id: 2 }), [], ["_result 2 1"]],
      [
        command("publish", { on: 1, args: ["cam", "live"] }),
        ["publish 1 live/cam"],
        ["onFCPublish NetStream.Publish.Start", ...PUBLISHED],
      ],
      [media("video", 1), ["video 1"], []],
      [command("deleteStream", { args: ["cam"] }), ["unpublish 1"], [UNPUBLISHED]],
    ],
  },
  {
    name: "librtmp and rtmpdump: play with FCSubscribe",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [{ kind: "window-acknowledgement-size", size: 2_500_000 }, [], []],
      [command("createStream", { id: 2 }), [], ["_result 2 1"]],
      [
        command("FCSubscribe", { id: 3, args: ["cam"] }),
        [],
        ["_result 3", "onFCSubscribe NetStream.Play.Start"],
      ],
      [command("play", { id: 4, on: 1, args: ["cam", -1000] }), ["play 1 live/cam"], PLAYED],
      [{ kind: "user-control", event: 3, value: 1, bufferMs: 3000 }, [], []],
      [command("deleteStream", { id: 5, args: [1] }), ["stop 1"], []],
    ],
  },
  {
    name: "FFmpeg and VLC: play with getStreamLength",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [command("createStream", { id: 2 }), [], ["_result 2 1"]],
      [command("getStreamLength", { id: 3, args: ["cam"] }), [], ["_result 3 0"]],
      [command("play", { id: 4, on: 1, args: ["cam", -2000] }), ["play 1 live/cam"], PLAYED],
    ],
  },
  {
    name: "a client that never calls createStream, and one that calls it with id 0",
    dialogue: [
      [CONNECT, ["connect live"], CONNECTED],
      [command("publish", { on: 1, args: ["cam"] }), ["publish 1 live/cam"], PUBLISHED],
      [command("createStream"), [], ["_result 0 2"]],
    ],
  },
];

for (const { name, dialogue } of DIALECTS) {
  Deno.test(`dialect of ${name} (M050, M053, M054, M056, M058)`, () => {
    converse(new Client(), dialogue);
  });
}

Deno.test("connect is answered with all that clients look for (M050)", () => {
  const client = new Client();
  client.send(command("connect", {
    id: 1,
    object: { app: "live", objectEncoding: 3, capsEx: 15 },
  }));
  client.accept();
  const answer = client.messages().at(-1) as CommandMessage;
  assertEquals(amfStringProperty(answer.object, "fmsVer"), "FMS/3,5,7,7009");
  assertEquals(amfNumberProperty(answer.object, "capabilities"), 31);
  const [information] = answer.args;
  assertEquals(amfNumberProperty(information, "objectEncoding"), 3);
  assertEquals(amfNumberProperty(information, "capsEx"), 15);
  assertEquals(amfProperty(information, "videoFourCcInfoMap"), { "*": 4 });
  assertEquals(amfProperty(information, "audioFourCcInfoMap"), { "*": 4 });
  assertEquals(amfStringProperty(information, "level"), "status");
});

Deno.test("connect: object or ECMA array, tcurl, quotes, missing parts, more arguments (M050)", () => {
  const url = "rtmp://10.0.0.1/live";
  const cases: readonly [Parameters<typeof command>[1], Partial<ConnectEvent>][] = [
    [{ object: { app: "live", tcUrl: url } }, { app: "live", tcUrl: url, objectEncoding: 0 }],
    [{ object: new AmfEcmaArray({ app: "live", tcUrl: url }) }, { app: "live", tcUrl: url }],
    [{ object: { app: "live", tcurl: url } }, { tcUrl: url }],
    [{ object: { app: "live", tcUrl: `"${url}"` } }, { tcUrl: url }],
    [{ object: { app: "live", tcUrl: `'${url}'` } }, { tcUrl: url }],
    [{ object: { app: "live" } }, { app: "live", tcUrl: "" }],
    [{ object: null }, { app: "", tcUrl: "", flashVer: "", properties: {} }],
    [{ object: { app: 5, tcUrl: true, flashVer: null } }, { app: "", tcUrl: "", flashVer: "" }],
    [{ object: { app: "live" }, args: ["user", "pass"] }, { args: ["user", "pass"] }],
    [{ object: { app: "live", flashVer: "FMLE/3.0", extra: [1] } }, {
      flashVer: "FMLE/3.0",
      properties: { app: "live", flashVer: "FMLE/3.0", extra: [1] },
    }],
  ];
  for (const [sent, expected] of cases) {
    const client = new Client();
    assertEquals(client.session.connection, undefined);
    client.send(command("connect", { id: 1, ...sent }));
    const event = client.request() as ConnectEvent;
    for (const [key, value] of Object.entries(expected)) {
      assertEquals(event[key as keyof ConnectEvent], value, key);
    }
    assertStrictEquals(client.session.connection, event);
  }
});

Deno.test("a missing or empty stream name is named by the app alone, or refused (M050)", () => {
  for (const name of ["", null, undefined]) {
    const client = Client.connected({ app: "live/cam" });
    assertEquals(client.send(command("publish", { on: 1, args: [name] })), ["publish 1 live/cam"]);
  }
  const client = Client.connected({ app: "" });
  assertEquals(client.send(command("publish", { on: 1, args: [""] })), []);
  assertEquals(client.heard(), ["on 1: onStatus NetStream.Publish.BadName"]);
});

Deno.test("a client that speaks AMF3 is answered so (M033, M050)", () => {
  const client = new Client();
  client.send(command("connect", { id: 1, object: { app: "live" }, amf3: true }));
  client.accept();
  client.send(command("createStream", { id: 2, amf3: true }));
  const decoder = new ChunkDecoder();
  const raws = client.session.takeOutput().flatMap((bytes) => decoder.push(bytes));
  const types = raws.map(({ type }) => type);
  assertEquals(types, [5, 6, 1, MessageType.CommandAmf3, MessageType.CommandAmf3]);
});

Deno.test("a refused connect is told why, then closed (M051)", () => {
  const client = new Client();
  client.send(CONNECT, command("createStream", { id: 2 }));
  assertEquals(client.reject("No such app"), ["close rejected"]);
  const [answer, ...others] = client.messages() as CommandMessage[];
  assertEquals(inWords(answer!), "_error 1 NetConnection.Connect.Rejected");
  assertEquals(amfStringProperty(answer!.args[0], "description"), "No such app");
  assertEquals(others, []);
  assertEquals([client.accept(), client.reject("again"), client.heard()], [[], [], []]);
  assertEquals(client.session.state, "closed");
});

Deno.test("a connect that was granted cannot be refused any more, nor granted twice (M051)", () => {
  const client = Client.connected();
  assertEquals([client.reject("late"), client.accept()], [[], []]);
  assertEquals([client.heard(), client.session.state], [[], "connected"]);
});

Deno.test("commands before connect, and a second connect, end the connection (M050)", () => {
  for (const name of ["createStream", "publish", "play", "whatever"]) {
    assertEquals(new Client().send(command(name, { id: 1, on: 1 })), ["close unexpected-command"]);
  }
  assertEquals(Client.connected().send(CONNECT), ["close unexpected-command"]);
});

Deno.test("createStream answers 1, 2, 3 …, gives freed numbers again, and refuses more than 16 (M052)", () => {
  const client = Client.connected();
  const create = () => {
    client.send(command("createStream", { id: 9 }));
    return client.heard();
  };
  for (let id = 1; id <= 16; id++) assertEquals(create(), [`_result 9 ${id}`]);
  client.send(command("deleteStream", { args: [5] }));
  assertEquals(create(), ["_result 9 5"]);
  assertEquals(client.send(command("createStream", { id: 9 })), ["close too-many-net-streams"]);
  assertEquals(client.heard(), ["_error 9 NetConnection.Call.Failed"]);
  assertEquals(client.send(media("video", 1), CONNECT), []);
});

Deno.test("NetStreams of one connection publish and play independently (M052)", () => {
  const client = Client.connected();
  for (const id of [2, 3, 4]) client.send(command("createStream", { id }));
  client.send(command("publish", { on: 1, args: ["a"] }));
  client.accept();
  client.send(command("publish", { on: 2, args: ["b"] }));
  client.accept();
  assertEquals(client.send(command("play", { on: 3, args: ["c"] })), ["play 3 live/c"]);
  client.accept();
  client.heard();
  assertEquals(client.send(media("video", 1), media("audio", 2), media("video", 3)), [
    "video 1",
    "audio 2",
  ]);
  assertEquals(client.send(command("FCUnpublish", { args: ["a"] })), ["unpublish 1"]);
  assertEquals(client.send(media("video", 1), media("audio", 2)), ["audio 2"]);
  assertEquals(client.send(command("pause", { on: 3, args: [true, 0] })), ["pause 3"]);
  assertEquals(client.send(command("deleteStream", { args: [2] })), ["unpublish 2"]);
  assertEquals(client.session.state, "playing");
});

Deno.test("a NetStream that has a role cannot take another (M052, M053)", () => {
  const publisher = Client.inRole("publish");
  assertEquals(publisher.send(command("publish", { on: 1, args: ["b"] })), []);
  assertEquals(publisher.send(command("play", { on: 1, args: ["b"] })), []);
  assertEquals(publisher.heard(), [
    "on 1: onStatus NetStream.Publish.BadName",
    "on 1: onStatus NetStream.Play.Failed",
  ]);
  assertEquals(publisher.send(media("video", 1)), ["video 1"]);
  const player = Client.inRole("play");
  assertEquals(player.send(command("publish", { on: 1, args: ["b"] })), []);
  assertEquals(player.heard(), ["on 1: onStatus NetStream.Publish.BadName"]);
});

Deno.test("publish and play on a NetStream that was not created are refused (M052)", () => {
  const client = Client.connected();
  for (const on of [2, 77]) {
    client.send(command("publish", { on, args: ["a"] }), command("play", { on, args: ["a"] }));
    assertEquals(client.heard(), [
      `on ${on}: onStatus NetStream.Publish.BadName`,
      `on ${on}: onStatus NetStream.Play.Failed`,
    ]);
  }
});

Deno.test("publish on message stream 0 is for the NetStream that was created, or the first, and its media too", () => {
  for (const creates of [true, false]) {
    const client = Client.connected();
    if (creates) client.send(command("createStream", { id: 2 }));
    client.heard();
    assertEquals(client.send(command("publish", { on: 0, args: ["cam"] })), ["publish 1 live/cam"]);
    assertEquals(client.accept(), []);
    assertEquals(client.heard().at(-1), "on 1: onStatus NetStream.Publish.Start");
    assertEquals(client.send(media("video", 0), media("audio", 1)), ["video 1", "audio 1"]);
    client.send(command("publish", { on: 0, args: ["other"] }));
    assertEquals(client.heard(), ["onStatus NetStream.Publish.BadName"]);
    assertEquals(client.send(command("closeStream", { on: 0 })), ["unpublish 1"]);
    assertEquals(client.send(media("video", 0)), []);
    assertEquals(client.session.statistics.droppedMedia, 1);
  }
});

Deno.test("play on message stream 0 works as publish does, and a second one replaces the first", () => {
  const client = Client.connected();
  assertEquals(client.send(command("play", { on: 0, args: ["cam"] })), ["play 1 live/cam"]);
  client.accept();
  assertEquals(client.send(command("play", { on: 0, args: ["b"] })), ["stop 1", "play 1 live/b"]);
});

Deno.test("media on message stream 0 reaches nobody where two NetStreams publish", () => {
  const client = Client.inRole("publish");
  client.send(command("createStream", { id: 3 }), command("publish", { on: 2, args: ["b"] }));
  client.accept();
  assertEquals(client.send(media("video", 0), media("video", 2)), ["video 2"]);
  assertEquals(client.session.statistics.droppedMedia, 1);
});

Deno.test("media whose chunk stream opens with a type 1 chunk, which names no message stream, is published", () => {
  const decoder = new ChunkDecoder();
  // Chunk stream 6: type 1, 40 ms on, 2 bytes, video; then type 3 for the next.
  const raws = decoder.push(Uint8Array.of(0x46, 0, 0, 40, 0, 0, 2, 9, 0x17, 1, 0xc6, 0x27, 1));
  const messages: RtmpMessage[] = [];
  for (const raw of raws) parseMessage(raw, messages);
  const client = Client.inRole("publish");
  assertEquals(client.send(...messages), ["video 1", "video 1"]);
  assertEquals(raws.map(({ timestampMs }) => timestampMs), [40, 80]);
});

Deno.test("publish without a type is live; another type is told (M053)", () => {
  for (
    const [args, type] of [[["cam"], "live"], [["cam", "append"], "append"], [["cam", 1], "live"]]
  ) {
    const client = Client.connected();
    client.send(command("publish", { on: 1, args: args as string[] }));
    assertEquals((client.request() as PublishEvent).publishType, type);
  }
});

Deno.test("the same name is published again after FCUnpublish, on the same NetStream or another (M053)", () => {
  const client = Client.inRole("publish");
  client.send(command("FCUnpublish", { id: 7, args: ["cam"] }));
  assertEquals(client.send(command("publish", { on: 1, args: ["cam"] })), ["publish 1 live/cam"]);
  client.accept();
  client.send(command("FCUnpublish", { id: 8, args: ["cam"] }), command("createStream", { id: 9 }));
  assertEquals(client.send(command("publish", { on: 2, args: ["cam"] })), ["publish 2 live/cam"]);
});

Deno.test("FCUnpublish of another name ends nothing (M053, M058)", () => {
  const client = Client.inRole("publish");
  assertEquals(client.send(command("FCUnpublish", { id: 7, args: ["other"] })), []);
  assertEquals(client.send(command("FCUnpublish", { id: 8, args: [] })), []);
  assertEquals(client.send(media("video", 1)), ["video 1"]);
});

Deno.test("unknown commands are answered where an answer is awaited, answers are not (M053)", () => {
  const client = Client.connected();
  const names = ["whatever", "__proto__", "constructor", "toString", "", "x".repeat(70_000)];
  for (const name of names) {
    client.send(command(name, { id: 7 }));
    const [answer, ...more] = client.messages() as CommandMessage[];
    assertEquals([inWords(answer!), more], ["_error 7 NetConnection.Call.Failed", []]);
    assert(amfStringProperty(answer!.args[0], "description")!.length < 200);
    client.send(command(name));
    assertEquals(client.heard(), []);
  }
  for (const name of ["_result", "_error", "onStatus"]) client.send(command(name, { id: 7 }));
  client.send(command("onBWDone", { id: 7 }));
  assertEquals(client.heard(), []);
  assertEquals(client.session.statistics.ignoredMessages, names.length + 3);
});

Deno.test("nothing after publish is looked at before that is answered; then all of it is, in order (M054)", () => {
  const client = Client.connected();
  client.send(command("createStream", { id: 2 }));
  client.heard();
  assertEquals(
    client.send(
      command("publish", { on: 1, args: ["cam"] }),
      media("data", 1),
      media("video", 1),
      command("createStream", { id: 5 }),
    ),
    ["publish 1 live/cam"],
  );
  assert(client.session.isHeld);
  assertEquals(client.send(media("audio", 1), command("deleteStream", { args: [1] })), []);
  assertEquals(client.heard(), []);
  assertEquals(client.accept(), ["data 1", "video 1", "audio 1", "unpublish 1"]);
  assertEquals(client.heard(), [...PUBLISHED, "_result 5 2", UNPUBLISHED]);
  assert(!client.session.isHeld);
});

Deno.test("of two publishes in one piece, each waits for its own answer (M052, M054)", () => {
  const client = Client.connected();
  client.send(command("createStream", { id: 2 }), command("createStream", { id: 3 }));
  client.heard();
  const messages = [1, 2].flatMap((on) => [
    command("publish", { on, args: [`cam${on}`] }),
    media("video", on),
  ]);
  assertEquals(client.send(...messages), ["publish 1 live/cam1"]);
  assertEquals(client.accept(), ["video 1", "publish 2 live/cam2"]);
  assert(client.session.isHeld);
  assertEquals(client.heard(), PUBLISHED);
  assertEquals(client.reject("no"), []);
  assertEquals(client.heard(), ["on 2: onStatus NetStream.Publish.Denied"]);
  assertEquals(client.session.statistics.droppedMedia, 1);
});

Deno.test("a refused publish is told by its code, its media dropped; another may follow (M054, M055)", () => {
  const codes = { "NetStream.Publish.BadName": "BadName", "": "Denied" };
  for (const [code, word] of Object.entries(codes)) {
    const client = Client.connected();
    client.send(command("publish", { on: 1, args: ["cam"] }), media("video", 1));
    assertEquals(client.reject("Taken", code === "" ? {} : { code }), []);
    const [status] = client.messages() as CommandMessage[];
    assertEquals(inWords(status!), `on 1: onStatus NetStream.Publish.${word}`);
    assertEquals(amfStringProperty(status!.args[0], "level"), "error");
    assertEquals(amfStringProperty(status!.args[0], "description"), "Taken");
    assertEquals(client.send(media("video", 1)), []);
    assertEquals(client.session.statistics.droppedMedia, 2);
    assertEquals(client.send(command("publish", { on: 1, args: ["b"] })), ["publish 1 live/b"]);
  }
});

Deno.test("a publish whose name is no name is refused at once (M054)", () => {
  const client = Client.connected();
  for (const name of [5, true, "%zz", "a".repeat(8200)]) {
    assertEquals(client.send(command("publish", { on: 1, args: [name] })), []);
    assertEquals(client.heard(), ["on 1: onStatus NetStream.Publish.BadName"]);
    assertEquals(client.send(command("play", { on: 1, args: [name] })), []);
    assertEquals(client.heard(), ["on 1: onStatus NetStream.Play.Failed"]);
  }
});

Deno.test("media in any state but publishing, and on any other NetStream, is dropped and counted (M055)", () => {
  const kinds = ["audio", "video", "data"] as const;
  const all = kinds.flatMap((kind) => [1, 0, 2, 4_000_000_000].map((on) => media(kind, on)));
  const refused = Client.connected();
  refused.send(command("publish", { on: 1, args: ["cam"] }));
  refused.reject("no");
  const ended = Client.inRole("publish");
  ended.send(command("closeStream", { on: 1 }));
  const replaced = Client.inRole("publish");
  replaced.session.endPublish(1, "Another has it");
  const cases = {
    "before connect": new Client(),
    "before publish": Client.connected(),
    "after a refusal": refused,
    "from a player": Client.inRole("play"),
    "after closeStream": ended,
    "after a takeover": replaced,
  };
  for (const [name, client] of Object.entries(cases)) {
    assertEquals(client.send(...all), [], name);
    assertEquals(client.session.statistics.droppedMedia, 12, name);
  }
  const publisher = Client.inRole("publish");
  // On message stream 0 too, where one NetStream publishes.
  const taken = kinds.flatMap((kind) => [`${kind} 1`, `${kind} 1`]);
  assertEquals(publisher.send(...all), taken);
  assertEquals(publisher.session.statistics.droppedMedia, 6);
});

Deno.test("media while connect is looked at waits, and then is dropped and counted (M055)", () => {
  const client = new Client();
  client.send(CONNECT, media("video", 1));
  assertEquals(client.accept(), []);
  assertEquals(client.session.statistics.droppedMedia, 1);
});

Deno.test("zero-length media is ignored, and the stream goes on (M034)", () => {
  const client = Client.inRole("publish");
  const sent = [media("audio", 1, 0), media("video", 1), media("video", 1, 0), media("audio", 1)];
  assertEquals(client.send(...sent), ["video 1", "audio 1"]);
  assertEquals(client.session.statistics.droppedMedia, 0);
});

Deno.test("messages of unknown types are counted, and nothing else (M033)", () => {
  const client = Client.inRole("publish");
  assertEquals(client.send({ kind: "ignored", type: 19 }, { kind: "ignored", type: 99 }), []);
  assertEquals([client.heard(), client.session.statistics.ignoredMessages], [[], 2]);
});

Deno.test("play tells what was asked for, with defaults, and Reset only where it is wanted (M056)", () => {
  const cases = [
    [["cam"], { start: -2, duration: -1, reset: true }],
    [["cam", -1000, 1000], { start: -1000, duration: 1000, reset: true }],
    [["cam", 5, 6, false], { start: 5, duration: 6, reset: false }],
    [["cam", -2, -1, 0], { start: -2, duration: -1, reset: false }],
    [["cam", "x", null, 1], { start: -2, duration: -1, reset: true }],
  ] as const;
  for (const [args, expected] of cases) {
    const client = Client.connected();
    client.send(command("play", { on: 1, args }));
    const { start, duration, reset } = client.request() as PlayEvent;
    assertEquals({ start, duration, reset }, expected);
    client.accept();
    const wanted = PLAYED.filter((word) => expected.reset || !word.endsWith("Reset"));
    assertEquals(client.heard(), wanted);
  }
});

Deno.test("a play that waits holds nothing up; refused it is StreamNotFound by itself (M056, M059)", () => {
  const client = Client.connected();
  client.send(command("createStream", { id: 2 }), command("play", { on: 1, args: ["cam"] }));
  client.heard();
  assert(!client.session.isHeld);
  const request = client.request() as PlayEvent;
  assert(client.session.isWaiting(request));
  assertEquals(client.send({ kind: "user-control", event: 6, value: 5, bufferMs: 0 }), []);
  assertEquals(client.send(command("createStream", { id: 3 })), []);
  assertEquals(client.heard(), ["PingResponse 5", "_result 3 2"]);
  client.session.notifyPublish(1);
  client.reject("There is no stream live/cam");
  assertEquals(client.heard(), [
    "on 1: onStatus NetStream.Play.PublishNotify",
    "on 1: onStatus NetStream.Play.StreamNotFound",
  ]);
  assert(!client.session.isWaiting(request));
  client.send(command("play", { on: 1, args: ["cam"] }));
  client.reject("Not for you", { code: "NetStream.Play.Failed" });
  assertEquals(client.heard(), ["on 1: onStatus NetStream.Play.Failed"]);
});

Deno.test("a play that was withdrawn can be neither granted nor refused (M056, M058)", () => {
  for (const end of [command("closeStream", { on: 1 }), command("deleteStream", { args: [1] })]) {
    const client = Client.connected();
    client.send(command("createStream", { id: 2 }), command("play", { on: 1, args: ["cam"] }));
    const request = client.request();
    assertEquals(client.send(end), ["stop 1"]);
    client.heard();
    assertEquals([client.accept(request), client.reject("late", { request })], [[], []]);
    assertEquals(client.heard(), []);
  }
});

Deno.test("a second play on a NetStream replaces the first, also one that waits (M056)", () => {
  const client = Client.inRole("play");
  assertEquals(client.send(command("play", { on: 1, args: ["b"] })), ["stop 1", "play 1 live/b"]);
  const second = client.request();
  assertEquals(client.send(command("play", { on: 1, args: ["c"] })), ["stop 1", "play 1 live/c"]);
  assertEquals(client.accept(second), []);
  assertEquals(client.heard(), []);
  client.accept();
  assertEquals(client.heard(), PLAYED);
});

Deno.test("pause, seek, receiveAudio and receiveVideo act on that NetStream only (M057)", () => {
  const client = Client.inRole("play");
  const dialogue: Dialogue = [
    [command("pause", { on: 1, args: [true, 100] }), ["pause 1"], [
      "on 1: onStatus NetStream.Pause.Notify",
    ]],
    [command("pauseRaw", { on: 1, args: [false, 100] }), ["unpause 1"], [
      "on 1: onStatus NetStream.Unpause.Notify",
    ]],
    [command("seek", { on: 1, args: [5000] }), [], [
      "on 1: onStatus NetStream.Seek.Notify",
      "on 1: onStatus NetStream.Play.Start",
    ]],
    [command("receiveAudio", { on: 1, args: [false] }), ["no audio 1"], []],
    [command("receiveAudio", { on: 1, args: [true] }), ["audio 1"], [
      "on 1: onStatus NetStream.Seek.Notify",
      "on 1: onStatus NetStream.Play.Start",
    ]],
    [command("receiveVideo", { on: 1, args: [false] }), ["no video 1"], []],
    [command("pause", { on: 2, args: [true, 0] }), [], []],
    // One that plays is meant by message stream 0 too.
    [command("pause", { on: 0, args: [true, 0] }), ["pause 1"], [
      "on 1: onStatus NetStream.Pause.Notify",
    ]],
    [command("seek", { on: 3, args: [1] }), [], []],
    [command("receiveVideo", { on: 2, args: [false] }), [], []],
    // Who waits for an answer gets one (M053).
    [command("pause", { on: 2, id: 7, args: [true, 0] }), [], [
      "_error 7 NetConnection.Call.Failed",
    ]],
    [command("seek", { on: 2, id: 8, args: [1] }), [], ["_error 8 NetConnection.Call.Failed"]],
    [command("receiveAudio", { on: 2, id: 9, args: [true] }), [], [
      "_error 9 NetConnection.Call.Failed",
    ]],
  ];
  converse(client, dialogue);
  const publisher = Client.inRole("publish");
  publisher.send(command("pause", { on: 1, args: [true] }), command("seek", { on: 1, args: [1] }));
  assertEquals(publisher.heard(), []);
});

Deno.test("receiveAudio and receiveVideo before a play hold for it, on their NetStream only (M057)", () => {
  const client = Client.connected();
  converse(client, [
    [command("createStream", { id: 2 }), [], ["_result 2 1"]],
    [command("createStream", { id: 3 }), [], ["_result 3 2"]],
    [command("receiveAudio", { on: 1, args: [false] }), [], []],
    [command("receiveVideo", { on: 1, id: 4, args: [false] }), [], ["_result 4"]],
    [command("receiveVideo", { on: 3, args: [false] }), [], []],
  ]);
  assertEquals(client.send(command("play", { on: 1, args: ["cam"] })), ["play 1 live/cam"]);
  // While the play waits for its answer, too.
  assertEquals(client.send(command("receiveVideo", { on: 1, args: [true] })), []);
  client.accept();
  const received = (streamId: number): boolean[] => [
    client.session.receives(streamId, "audio"),
    client.session.receives(streamId, "video"),
  ];
  assertEquals([1, 2, 3].map(received), [[false, true], [true, true], [true, true]]);
  const publisher = Client.inRole("publish");
  publisher.send(command("receiveAudio", { on: 1, args: [false] }));
  assert(publisher.session.receives(1, "audio"));
});

Deno.test("the end of a stream is told to its player, which may play again (M058)", () => {
  const client = Client.inRole("play");
  client.session.endPlay(1);
  client.session.endPlay(1);
  client.session.endPlay(7);
  assertEquals(client.heard(), [
    "StreamEof 1",
    "on 1: onStatus NetStream.Play.UnpublishNotify",
    "on 1: onStatus NetStream.Play.Stop",
  ]);
  assertEquals(client.send(command("play", { on: 1, args: ["cam"] })), ["play 1 live/cam"]);
});

Deno.test("a publisher that comes is told to players that play or wait, and to nobody else (M058)", () => {
  const client = Client.inRole("play");
  for (const streamId of [0, 1, 2]) client.session.notifyPublish(streamId);
  assertEquals(client.heard(), ["on 1: onStatus NetStream.Play.PublishNotify"]);
  const publisher = Client.inRole("publish");
  publisher.session.notifyPublish(1);
  assertEquals(publisher.heard(), []);
});

Deno.test("a publisher whose stream was taken is told (M080)", () => {
  const client = Client.inRole("publish");
  client.session.endPublish(1, "Another has it");
  client.session.endPublish(1, "Another has it");
  client.session.endPublish(2, "Another has it");
  assertEquals(client.heard(), ["on 1: onStatus NetStream.Publish.BadName"]);
});

Deno.test("a reconnect request names where to go, and is for who has connected (M076)", () => {
  const client = new Client();
  client.session.requestReconnect();
  assertEquals(client.heard(), []);
  const connected = Client.connected();
  connected.session.requestReconnect("rtmp://other/live");
  const [message] = connected.messages() as CommandMessage[];
  assertEquals(inWords(message!), "onStatus NetConnection.Connect.ReconnectRequest");
  assertEquals(amfStringProperty(message!.args[0], "tcUrl"), "rtmp://other/live");
});

Deno.test("the state is told in a word (M055)", () => {
  const client = new Client();
  const states = [client.session.state];
  const note = (): unknown => states.push(client.session.state);
  client.send(CONNECT);
  note();
  client.accept();
  note();
  client.send(command("publish", { on: 1, args: ["cam"] }));
  note();
  client.accept();
  note();
  client.send(CONNECT);
  note();
  assertEquals(states, [
    "unconnected",
    "connecting",
    "connected",
    "publish-pending",
    "publishing",
    "closed",
  ]);
});
