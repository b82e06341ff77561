import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { MediaUnit, Stream, WireCursor } from "../../../src/hub/mod.ts";
import { ChunkDecoder } from "../../../src/rtmp/mod.ts";
import { buildAudioBody, buildVideoBody, timestampOffsetModEx } from "../../../src/flv/mod.ts";
import type { Feed } from "../../../src/transport/outbox.ts";
import { RtmpCodecGuard } from "../../../src/wire/rtmp_capabilities.ts";
import { RtmpGuardedFeed } from "../../../src/doors/rtmp/rtmp_guarded_feed.ts";
import { RtmpFilteredFeed } from "../../../src/doors/rtmp/rtmp_filtered_feed.ts";
import { RtmpWireFormat } from "../../../src/wire/rtmp_wire_format.ts";
import { unitOfFlv } from "../../../src/transmux/mod.ts";
import { fakeHub } from "../../hub/hub_support.ts";
import { BODIES, numberOf } from "../../support/rtmp_client.ts";

const WISHES = { streamId: 3, audio: true, video: true };

/** A stream of one sequence header and as many frames, with `last` behind them, and a reader of it. */
function cursorOf(frames: number, last: readonly MediaUnit[] = []): WireCursor {
  const { hub } = fakeHub();
  const stream: Stream = hub.stream("live/cam");
  const publication = stream.publish();
  const write = (dtsUs: number, body: Uint8Array): void => {
    const unit: MediaUnit | undefined = unitOfFlv({ kind: "video", dtsUs, body });
    assert(unit !== undefined);
    publication.write(unit);
  };
  write(0, BODIES.videoConfig);
  for (let number = 0; number < frames; number++) {
    write(number * 40_000, number === 0 ? BODIES.key(0) : BODIES.inter(number));
  }
  for (const unit of last) publication.write(unit);
  const { cursor } = stream.read({
    format: "rtmp",
    create: () => new RtmpWireFormat(stream, { multitrack: true, modEx: true, fourCcs: true }),
  });
  return cursor;
}

function feedOf(frames: number): RtmpFilteredFeed {
  return new RtmpFilteredFeed(cursorOf(frames), WISHES);
}

Deno.test("a feed of its own bytes ends with the message that it is in, when others are to speak (M057)", () => {
  const feed = feedOf(20);
  const all = feed.next()!.slice();
  const messages = new ChunkDecoder();
  messages.push(new Uint8Array([2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 1, 0, 0]));
  const ends: number[] = [];
  for (let at = 0; at < all.length; at++) {
    if (messages.push(all.subarray(at, at + 1)).length > 0) ends.push(at + 1);
  }
  assertEquals(ends.length, 21);
  for (let at = 0; at < all.length; at++) {
    const end = ends.find((end) => end > at)!;
    const isBoundary = at === 0 || ends.includes(at);
    assertEquals(feed.atBoundary, isBoundary, `${at}`);
    assertEquals(feed.next(true), isBoundary ? undefined : all.subarray(at, end), `${at}`);
    assertEquals(feed.next(), all.subarray(at), `${at}`);
    feed.advance(1);
  }
  assert(feed.atBoundary);
  assertEquals(feed.next(), undefined);
});

Deno.test("a feed of its own bytes gives whole messages of the NetStream, however they are taken (M052, M057)", () => {
  const feed = feedOf(20);
  const pieces: Uint8Array[] = [];
  for (let step = 1, bytes; (bytes = feed.next(step % 3 === 0) ?? feed.next()); step += 7) {
    const count = Math.min(bytes.length, step % 500 + 1);
    pieces.push(bytes.slice(0, count));
    feed.advance(count);
  }
  const decoder = new ChunkDecoder();
  decoder.push(new Uint8Array([2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 1, 0, 0]));
  const messages = decoder.push(concat(pieces));
  assertEquals(messages.map(({ streamId }) => streamId), Array.from({ length: 21 }, () => 3));
  const numbers = messages.slice(1).map(({ payload }) => numberOf(payload));
  assertEquals(numbers, Array.from({ length: 20 }, (_, number) => number));
});

/** A feed for players that take `allowed` of what is in the log, and the codecs at which it has ended. */
type GuardedFeed = (cursor: WireCursor, guard: RtmpCodecGuard) => Feed;

const GUARDED: Readonly<Record<string, GuardedFeed>> = {
  "the shared bytes": (cursor, guard) => new RtmpGuardedFeed(cursor, guard),
  "own bytes": (cursor, guard) => new RtmpFilteredFeed(cursor, WISHES, guard),
};

/** Two tracks, of which the second is behind so many bytes of the first. */
function twoTracks(firstBytes: number): Uint8Array {
  return buildVideoBody({
    form: "enhanced",
    frameType: 2,
    packetType: 3,
    modEx: [timestampOffsetModEx(5)],
    multitrack: 2,
    tracks: ["hvc1", "av01"].map((fourCc, trackId) => ({
      trackId,
      fourCc,
      compositionTimeMs: 0,
      data: new Uint8Array(trackId === 0 ? firstBytes : 5),
    })),
  });
}

for (const [of, open] of Object.entries(GUARDED)) {
  Deno.test(`a feed of ${of} ends before the first message with a codec that is not allowed, however it is taken (M073)`, async () => {
    const bodies: readonly [kind: "audio" | "video", body: Uint8Array, dtsUs: number][] = [
      ["video", twoTracks(10), 800_000],
      // The second is beyond the first chunk, once with extended timestamps.
      ["video", twoTracks(200_000), 800_000],
      ["video", twoTracks(200_000), 0x1000000 * 1000],
      ["audio", plainAudio("av01"), 800_000],
    ];
    for (const [kind, body, dtsUs] of bodies) {
      const last = [plainAudio("Opus"), body].map((body, index) =>
        unitOfFlv({ kind: index === 0 ? "audio" : kind, dtsUs, body })!
      );
      const refused: string[] = [];
      const told = Promise.withResolvers<void>();
      const guard = new RtmpCodecGuard(new Set(["hvc1", "Opus"]), (fourCc) => {
        refused.push(fourCc);
        told.resolve();
      });
      const feed = open(cursorOf(5, last), guard);
      const expected = new RtmpFilteredFeed(cursorOf(5, last.slice(0, 1)), WISHES).next()!;
      const taken: Uint8Array[] = [];
      for (let step = 1, bytes; (bytes = feed.next(step % 3 === 0) ?? feed.next()); step += 7) {
        const count = Math.min(bytes.length, step % 50 + 1);
        taken.push(bytes.slice(0, count));
        feed.advance(count);
        assertEquals(refused, []);
      }
      assert(feed.atBoundary);
      assertEquals(concat(taken).length, expected.length);
      assertEquals(feed.next(), undefined);
      await told.promise;
      assertEquals(refused, ["av01"], "once");
    }
  });
}

Deno.test("a feed of the shared bytes looks at each message once, however little leaves at a time", () => {
  class CountingGuard extends RtmpCodecGuard {
    looks = 0;
    override refusedAt(bytes: Uint8Array, at: number): string | undefined {
      this.looks++;
      return super.refusedAt(bytes, at);
    }
  }
  const guard = new CountingGuard(new Set(["hvc1"]), (fourCc) => assert(false, fourCc));
  const feed = new RtmpGuardedFeed(cursorOf(20), guard);
  for (let bytes; (bytes = feed.next());) feed.advance(Math.min(10, bytes.length));
  assertEquals(guard.looks, 21);
});

Deno.test("a feed without audio goes on at a codec of audio that is not allowed (M057, M073)", () => {
  const last = [unitOfFlv({ kind: "audio", dtsUs: 800_000, body: plainAudio("ac-3") })!];
  const guard = new RtmpCodecGuard(new Set(), (fourCc) => assert(false, fourCc));
  const feed = new RtmpFilteredFeed(cursorOf(5, last), { ...WISHES, audio: false }, guard);
  feed.advance(feed.next()!.length);
  assertEquals(feed.next(), undefined);
});

function plainAudio(fourCc: string): Uint8Array {
  return buildAudioBody({
    form: "enhanced",
    packetType: 1,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc, data: new Uint8Array(9) }],
  });
}
