/** What real clients sent (see recordings/README.md) goes through the whole of RTMP to the session's events. */
import { assertEquals } from "@std/assert";
import {
  ChunkDecoder,
  parseMessage,
  type RtmpMessage,
  RtmpServerHandshake,
} from "../../src/rtmp/mod.ts";
import { Client } from "./session_support.ts";

/** Events, runs of media as one; then the server's words that the client waits for. */
const SESSIONS: Readonly<Record<string, readonly [events: string[], heard: string[]]>> = {
  ffmpeg_publish: [
    ["connect live", "publish 1 live/cam", "media", "unpublish 1"],
    [
      "_result 1 NetConnection.Connect.Success",
      "_result 2",
      "_result 3",
      "_result 4 1",
      "onFCPublish NetStream.Publish.Start",
      "on 1: onStatus NetStream.Publish.Start",
      "on 1: onStatus NetStream.Unpublish.Success",
      "_result 6",
      "onFCUnpublish NetStream.Unpublish.Success",
    ],
  ],
  gstreamer_publish: [
    ["connect live", "publish 1 live/cam", "media", "unpublish 1"],
    [
      "_result 1 NetConnection.Connect.Success",
      "_result 2 1",
      "onFCPublish NetStream.Publish.Start",
      "on 1: onStatus NetStream.Publish.Start",
      "on 1: onStatus NetStream.Unpublish.Success",
      "onFCUnpublish NetStream.Unpublish.Success",
    ],
  ],
  librtmp_publish: [
    ["connect live", "publish 1 live/cam", "media", "unpublish 1"],
    [
      "_result 1 NetConnection.Connect.Success",
      "_result 2",
      "_result 3",
      "_result 4 1",
      "onFCPublish NetStream.Publish.Start",
      "on 1: onStatus NetStream.Publish.Start",
      "on 1: onStatus NetStream.Unpublish.Success",
      "_result 6",
      "onFCUnpublish NetStream.Unpublish.Success",
    ],
  ],
  ffmpeg_play: [["connect live", "play 1 live/cam"], [
    "_result 1 NetConnection.Connect.Success",
    "_result 2 1",
    "_result 3 0",
    "on 1: onStatus NetStream.Play.Reset",
    "on 1: onStatus NetStream.Play.Start",
    "on 1: onStatus NetStream.Data.Start",
  ]],
  gstreamer_play: [["connect live", "play 1 live/cam"], [
    "_result 1 NetConnection.Connect.Success",
    "_result 2 1",
    "on 1: onStatus NetStream.Play.Reset",
    "on 1: onStatus NetStream.Play.Start",
    "on 1: onStatus NetStream.Data.Start",
  ]],
  rtmpdump_play: [["connect live", "play 1 live/cam", "stop 1"], [
    "_result 1 NetConnection.Connect.Success",
    "_result 2 1",
    "_result 3",
    "onFCSubscribe NetStream.Play.Start",
    "on 1: onStatus NetStream.Play.Reset",
    "on 1: onStatus NetStream.Play.Start",
    "on 1: onStatus NetStream.Data.Start",
  ]],
};

function messagesOf(name: string): RtmpMessage[] {
  const handshake = new RtmpServerHandshake({ random: (length) => new Uint8Array(length) });
  handshake.push(Deno.readFileSync(new URL(`recordings/${name}.bin`, import.meta.url)));
  const messages: RtmpMessage[] = [];
  for (const raw of new ChunkDecoder().push(handshake.takeRest())) parseMessage(raw, messages);
  return messages;
}

for (const [name, [events, heard]] of Object.entries(SESSIONS)) {
  Deno.test(`${name}: every media message becomes an event, every awaited answer is given (M050, M053, M056, M058)`, () => {
    const client = new Client();
    const messages = messagesOf(name);
    const seen: string[] = [];
    const take = (words: string[]): void => {
      for (const word of words) {
        const isMedia = /^(?:audio|video|data) /.test(word);
        if (!isMedia || seen.at(-1) !== "media") seen.push(isMedia ? "media" : word);
        if (/^(?:connect|publish|play) /.test(word)) take(client.accept());
      }
    };
    for (const message of messages) take(client.send(message));
    assertEquals(seen, events);
    const isMedia = ({ kind }: RtmpMessage) => ["audio", "video", "data"].includes(kind);
    assertEquals(
      client.events.filter(({ type }) => type === "media").length,
      messages.filter((message) => isMedia(message)).length,
    );
    assertEquals(client.session.statistics, { droppedMedia: 0, ignoredMessages: 0 });
    assertEquals(client.heard().filter((word) => /onStatus|_result|onFC/.test(word)), heard);
  });
}
