/** Tracks that are announced and never send: a player that is told of one waits for it, up to 90 s. */
import { assertEquals, assertMatch } from "@std/assert";
import { buildOnMetaData, parseOnMetaData } from "../../src/flv/mod.ts";
import type {
  MediaUnit,
  Publication,
  Stream,
  StreamReader,
  Track,
  TrackKind,
} from "../../src/hub/mod.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import {
  RtmpWireFormat,
  RtspWireFormat,
  wireMessage,
  wireMessageLength,
} from "../../src/wire/mod.ts";
import { sdpOfTracks } from "../../src/transmux/mod.ts";
import { fakeHub } from "../hub/hub_support.ts";

const ALL = { multitrack: true, modEx: true, fourCcs: true } as const;
const TRACKS: readonly Track[] = [
  { kind: "video", id: 0, codec: "vp8", config: undefined },
  { kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
];
/** The head of a key frame of VP8, 160x120. */
const KEY_FRAME = new Uint8Array([0x10, 2, 0, 0x9d, 1, 0x2a, 160, 0, 120, 0, 0, 0]);
const NAMES: Record<number, string> = { 8: "audio", 9: "video" };

function send(publication: Publication, kind: TrackKind, dtsMs: number, keyFrame = true): void {
  const unit: MediaUnit = {
    ...{ kind, role: "media", track: 0, keyFrame, discardable: false },
    ...{ dtsUs: dtsMs * 1000, ptsUs: dtsMs * 1000 },
    payload: { format: "access-unit", data: keyFrame ? KEY_FRAME : new Uint8Array([0x11, 0, 0]) },
  };
  publication.write(unit);
  publication.commit();
}

function read({ stream }: Publication<Stream>): StreamReader {
  return stream.read({ format: "rtmp", create: () => new RtmpWireFormat(stream, ALL) });
}

/** The messages that a reader gets now: of metadata, which kinds it tells of. */
function take({ cursor }: StreamReader): string {
  const names: string[] = [];
  for (let bytes = cursor.next(); bytes !== undefined; bytes = cursor.next()) {
    for (let at = 0; at < bytes.length; at += wireMessageLength(bytes, at)) {
      const { type, body } = wireMessage(bytes, at);
      const told = type === 18 ? parseOnMetaData(body()) : undefined;
      const kinds = [told?.hasVideo ? "V" : "", told?.hasAudio ? "A" : ""].join("");
      names.push(NAMES[type] ?? `told:${kinds}`);
    }
    cursor.advance(bytes.length);
  }
  return names.join(" ");
}

Deno.test("RTMP players start without sound that is announced and has not come in 2 s, and get it when it comes", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam", { tracks: TRACKS });
  const early = read(publication);
  send(publication, "video", 0);
  send(publication, "video", 1000);
  send(publication, "video", 1960, false);
  assertEquals(take(early), "");
  send(publication, "video", 2000, false);
  assertEquals(take(early), "told:V video video video video");
  const late = read(publication);
  assertEquals(take(late), "told:V video video video video");
  send(publication, "audio", 2010);
  send(publication, "audio", 2030);
  for (const reader of [early, late]) assertEquals(take(reader), "told:VA video audio audio");
  send(publication, "video", 3000);
  // The configuration, and the picture.
  assertEquals(take(read(publication)), "told:VA video video");
});

Deno.test("RTMP players start at once where each announced track has come", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam", { tracks: TRACKS });
  const reader = read(publication);
  send(publication, "video", 0);
  assertEquals(take(reader), "");
  send(publication, "audio", 10);
  // The configuration, which the first picture repeats, and that picture.
  assertEquals(take(reader), "told:VA video video video audio");
  send(publication, "video", 40, false);
  assertEquals(take(reader), "video");
});

Deno.test("the next publisher's tracks are waited for anew", () => {
  const { hub } = fakeHub();
  const first = hub.acquire("live/cam", { tracks: TRACKS });
  const reader = read(first);
  send(first, "video", 0);
  first.release();
  const second = hub.acquire("live/cam", { tracks: TRACKS });
  send(second, "video", 0);
  assertEquals(take(reader), "");
  send(second, "audio", 10);
  assertMatch(take(reader), /^told:VA .*video audio$/);
});

Deno.test("RTSP players, which choose by the description, start at once", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam", { tracks: TRACKS });
  const { tracks } = sdpOfTracks(TRACKS);
  const { cursor } = publication.stream.read({
    format: "rtsp",
    create: () =>
      new RtspWireFormat({ tracks, random: (size) => new Uint8Array(size), nowUnixUs: () => 0 }),
  });
  send(publication, "video", 0);
  assertEquals(cursor.takeRun() === undefined, false);
});

Deno.test("what a publisher over RTMP tells of sound that does not come is left out after 2 s", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const body = (kind: TrackKind, dtsMs: number, ...bytes: number[]): void => {
    publication.write(unitOfFlv({ kind, dtsUs: dtsMs * 1000, body: new Uint8Array(bytes) })!);
    publication.commit();
  };
  const told = { videoCodec: "h264", audioCodec: "aac", hasAudio: true, hasVideo: true } as const;
  body("data", 0, ...buildOnMetaData(told));
  body("audio", 0, 0xaf, 0, 0x12, 0x10);
  const picture = (dtsMs: number) => body("video", dtsMs, 0x12, 1, 2, 3);
  picture(0);
  const early = read(publication);
  assertEquals(take(early), "told:VA audio video");
  picture(2000);
  const late = read(publication);
  assertEquals(take(late), "told:V video");
  body("audio", 2010, 0xaf, 1, 2, 3);
  assertEquals(take(late), "told:VA audio audio");
  picture(3000);
  assertEquals(take(read(publication)), "told:VA audio video");
});
