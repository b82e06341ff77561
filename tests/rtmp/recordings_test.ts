/** What real clients sent (see recordings/README.md) goes through handshake, chunks and AMF0. */
import { assert, assertEquals } from "@std/assert";
import { amfProperty, amfStringProperty, type AmfValue, decodeAmf0 } from "../../src/amf/mod.ts";
import { ByteReader } from "../../src/bytes/mod.ts";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
import type { RtmpHandshakeScheme } from "../../src/rtmp/handshake.ts";
import { RtmpServerHandshake } from "../../src/rtmp/handshake_server.ts";
import { MessageType, type RawMessage } from "../../src/rtmp/raw_message.ts";
import { resolveStreamPath } from "../../src/rtmp/stream_path.ts";
import { assertSplitInvariant } from "../support/split.ts";

interface Recording {
  readonly name: string;
  readonly scheme: RtmpHandshakeScheme;
  /** Message by message, in the words of `describe`. */
  readonly transcript: readonly string[];
}

const SESSIONS: readonly Recording[] = [
  {
    name: "ffmpeg_publish",
    scheme: "digest-0",
    transcript: [
      "connect 1 live",
      "chunk size 65536",
      "releaseStream 2 cam",
      "FCPublish 3 cam",
      "createStream 4",
      "on 1: publish 5 cam,live",
      "@setDataFrame onMetaData",
      "22 video, 89 audio, 0 data",
      "FCUnpublish 6 cam",
      "deleteStream 7 1",
    ],
  },
  {
    name: "gstreamer_publish",
    scheme: "simple",
    transcript: [
      "connect 1 live",
      "window 4000",
      // Transaction id 0: no answer is awaited.
      "releaseStream 0 cam",
      "FCPublish 0 cam",
      "createStream 2",
      "on 1: publish 0 cam,live",
      "chunk size 128",
      "@setDataFrame onMetaData",
      "22 video, 87 audio, 11 data",
      "FCUnpublish 0 cam",
      // The stream's name, where all others send the NetStream's number.
      "deleteStream 0 cam",
    ],
  },
  {
    name: "librtmp_publish",
    scheme: "simple",
    transcript: [
      "connect 1 live",
      "acknowledgement 3107",
      "releaseStream 2 cam",
      "FCPublish 3 cam",
      "createStream 4",
      "on 1: publish 5 cam,live",
      "acknowledgement 3553",
      "@setDataFrame onMetaData",
      "22 video, 87 audio, 11 data",
      "FCUnpublish 6 cam",
      "deleteStream 7 1",
    ],
  },
  {
    name: "ffmpeg_play",
    scheme: "digest-0",
    transcript: [
      "connect 1 live",
      "window 4000",
      "createStream 2",
      "getStreamLength 3 cam",
      "on 1: play 4 cam,-2000",
      "buffer of 1: 3000 ms",
      "8 acknowledgements",
    ],
  },
  {
    name: "vlc_play",
    scheme: "digest-0",
    transcript: [
      "connect 1 live",
      "window 4000",
      "createStream 2",
      "getStreamLength 3 cam",
      "on 1: play 4 cam,-2000",
      "buffer of 1: 3000 ms",
      "8 acknowledgements",
    ],
  },
  {
    name: "gstreamer_play",
    scheme: "simple",
    transcript: [
      "connect 1 live",
      "window 4000",
      "window 2500000",
      "buffer of 0: 300 ms",
      "createStream 2",
      "on 1: play 0 cam,-2",
      "buffer of 1: 30000 ms",
      "acknowledgement 4052",
    ],
  },
  ...(["rtmpdump_play", "rtmpdumpswf_play"] as const).map((name): Recording => ({
    name,
    scheme: name === "rtmpdump_play" ? "simple" : "digest-0",
    transcript: [
      "connect 1 live",
      "acknowledgement 3107",
      "window 4000",
      "buffer of 0: 300 ms",
      "createStream 2",
      "FCSubscribe 3 cam",
      "on 1: play 4 cam,-1000,1000",
      "buffer of 1: 36000000 ms",
      "23 acknowledgements",
      "deleteStream 5 1",
    ],
  })),
];

interface Session {
  readonly scheme: RtmpHandshakeScheme | undefined;
  readonly messages: RawMessage[];
}

function readRecording(name: string): Uint8Array {
  return Deno.readFileSync(new URL(`recordings/${name}.bin`, import.meta.url));
}

/** The loop that a server runs: handshake until it is done, chunks from then on. */
function decode(pieces: Uint8Array[]): Session {
  const handshake = new RtmpServerHandshake({ random: (length) => new Uint8Array(length) });
  const chunks = new ChunkDecoder();
  const messages: RawMessage[] = [];
  for (let bytes of pieces) {
    if (!handshake.done) {
      handshake.push(bytes);
      bytes = handshake.takeRest();
    }
    messages.push(...chunks.push(bytes));
  }
  return { scheme: handshake.scheme, messages };
}

function describe({ type, streamId, payload }: RawMessage): string {
  const reader = new ByteReader(payload);
  switch (type) {
    case MessageType.SetChunkSize:
      return `chunk size ${reader.u32()}`;
    case MessageType.Acknowledgement:
      return `acknowledgement ${reader.u32()}`;
    case MessageType.WindowAcknowledgementSize:
      return `window ${reader.u32()}`;
    case MessageType.UserControl:
      assertEquals(reader.u16(), 3);
      return `buffer of ${reader.u32()}: ${reader.u32()} ms`;
    case MessageType.DataAmf0:
      return decodeAmf0(payload).slice(0, 2).join(" ");
    case MessageType.CommandAmf0: {
      const [name, transactionId, object, ...args] = decodeAmf0(payload);
      const app = amfStringProperty(object, "app");
      const prefix = streamId === 0 ? "" : `on ${streamId}: `;
      return `${prefix}${name} ${transactionId} ${app ?? args.join()}`.trimEnd();
    }
    default:
      throw new Error(`A message of type ${type} was not expected`);
  }
}

function isMedia({ type }: RawMessage): boolean {
  return type === MessageType.Audio || type === MessageType.Video;
}

function transcribe(messages: RawMessage[]): string[] {
  const count = (type: number, from: RawMessage[]) => {
    return from.filter((message) => message.type === type).length;
  };
  const start = messages.findIndex(isMedia);
  if (start >= 0) {
    const end = messages.findLastIndex(isMedia) + 1;
    const media = messages.slice(start, end);
    const [video, audio] = [count(MessageType.Video, media), count(MessageType.Audio, media)];
    const data = count(MessageType.DataAmf0, media);
    assertEquals(video + audio + data, media.length);
    return [
      ...messages.slice(0, start).map(describe),
      `${video} video, ${audio} audio, ${data} data`,
      ...messages.slice(end).map(describe),
    ];
  }
  // Players: one run of acknowledgements, how many depends on the pace.
  const first = messages.findIndex((message, at) => {
    return message.type === MessageType.Acknowledgement &&
      messages[at + 1]?.type === MessageType.Acknowledgement;
  });
  if (first < 0) return messages.map(describe);
  const run = messages.slice(first).findIndex((message) => {
    return message.type !== MessageType.Acknowledgement;
  });
  const last = run < 0 ? messages.length : first + run;
  return [
    ...messages.slice(0, first).map(describe),
    `${last - first} acknowledgements`,
    ...messages.slice(last).map(describe),
  ];
}

/** A short text a message: comparing 400 times all bytes of all messages would take a minute. */
function fingerprint(message: RawMessage): string {
  let hash = 0x811c9dc5;
  for (const byte of message.payload) hash = Math.imul(hash ^ byte, 0x01000193);
  const { chunkStreamId, type, streamId, timestampMs, payload } = message;
  return [chunkStreamId, type, streamId, timestampMs, payload.length, hash].join();
}

for (const { name, scheme, transcript } of SESSIONS) {
  Deno.test(`${name}: handshake, commands and media in the order that the client sent them (M001, M002, M053)`, () => {
    const session = decode([readRecording(name)]);
    assertEquals(session.scheme, scheme);
    assertEquals(transcribe(session.messages), transcript);
  });

  Deno.test(`${name}: the same messages however the bytes are cut (M004, M021)`, () => {
    const texts = assertSplitInvariant(readRecording(name), (pieces) => {
      return decode(pieces).messages.map(fingerprint);
    }, { twoWayCuts: 150 });
    assert(texts.length > 5);
  });

  Deno.test(`${name}: app, tcUrl and stream name make live/cam (M060)`, () => {
    const values = decode([readRecording(name)]).messages
      .filter((message) => message.type === MessageType.CommandAmf0)
      .map((message) => decodeAmf0(message.payload));
    const connect = values.find(([command]) => command === "connect")![2];
    const streamKey = values.find(([command]) => command === "publish" || command === "play")![3];
    const path = resolveStreamPath({
      app: amfStringProperty(connect, "app"),
      tcUrl: amfStringProperty(connect, "tcUrl"),
      streamKey: streamKey as string,
    });
    assertEquals([path.name, path.query.size], ["live/cam", 0]);
  });
}

for (const name of ["ffmpeg_publish", "gstreamer_publish", "librtmp_publish"]) {
  Deno.test(`${name}: metadata tells the picture, configurations come first, times do not go back (M011, M070)`, () => {
    const { messages } = decode([readRecording(name)]);
    const metadata = messages.find((message) => message.type === MessageType.DataAmf0)!;
    const value: AmfValue = decodeAmf0(metadata.payload)[2];
    assertEquals([amfProperty(value, "width"), amfProperty(value, "height")], [64, 48]);

    const starts = { [MessageType.Video]: [0x17, 0], [MessageType.Audio]: [0xaf, 0] };
    for (const type of [MessageType.Video, MessageType.Audio]) {
      const media = messages.filter((message) => message.type === type);
      assertEquals([...media[0]!.payload.subarray(0, 2)], starts[type]);
      const times = media.map((message) => message.timestampMs);
      assertEquals(times, times.toSorted((a, b) => a - b));
      assert(times.at(-1)! >= 1800 && times.at(-1)! <= 2100, `last at ${times.at(-1)}`);
    }
  });
}

for (const name of ["ffmpeg_publish", "gstreamer_publish", "librtmp_publish"]) {
  Deno.test(`${name}: every prefix gives the messages that are complete, and no error (M003, M021)`, () => {
    const bytes = readRecording(name);
    const all = decode([bytes]).messages.map(fingerprint);
    for (let length = 0; length < bytes.length; length += 97) {
      const some = decode([bytes.subarray(0, length)]).messages.map(fingerprint);
      assertEquals(some, all.slice(0, some.length));
    }
  });
}
