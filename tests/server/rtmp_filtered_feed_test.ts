import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { MediaUnit, Stream } from "../../src/hub/mod.ts";
import { ChunkDecoder } from "../../src/rtmp/mod.ts";
import { RtmpFilteredFeed } from "../../src/server/rtmp_filtered_feed.ts";
import { RtmpWireFormat } from "../../src/server/rtmp_wire_format.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { fakeHub } from "../hub/hub_support.ts";
import { BODIES, numberOf } from "../support/rtmp_client.ts";

/** A stream of one sequence header and as many frames, and a feed of it for NetStream 3. */
function feedOf(frames: number): RtmpFilteredFeed {
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
  const { cursor } = stream.read({
    format: "rtmp",
    create: () => new RtmpWireFormat(stream, { multitrack: true, modEx: true }),
  });
  return new RtmpFilteredFeed(cursor, { streamId: 3, audio: true, video: true });
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
