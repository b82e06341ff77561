import { assertEquals } from "@std/assert";
import {
  encodeFlvHeader,
  encodeFlvTag,
  FLV_TAG_OVERHEAD,
  FlvDecoder,
  type FlvTag,
  writeFlvTag,
} from "../../src/flv/mod.ts";
import type { MediaUnit } from "../../src/hub/mod.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { flvTagLength, FlvWireFormat } from "../../src/wire/mod.ts";
import { fakeHub } from "../hub/hub_support.ts";
import { BODIES } from "../support/rtmp_client.ts";

const BARE = { multitrack: false, modEx: false, fourCcs: false } as const;

function unit(kind: "video" | "audio", dtsMs: number, body: Uint8Array): MediaUnit {
  return unitOfFlv({ kind, dtsUs: dtsMs * 1000, body })!;
}

Deno.test("FlvWireFormat gives every player the tags that an FLV file has, headers first", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  publication.write(unit("video", 0, BODIES.videoConfig));
  publication.write(unit("audio", 0, BODIES.audioConfig));
  for (let number = 0; number < 5; number++) {
    const body = number % 3 === 0 ? BODIES.key(number) : BODIES.inter(number, 70_000);
    publication.write(unit("video", 0x0100_0000 + number * 40, body));
  }
  publication.commit();
  const { cursor } = publication.stream.read({
    format: "flv",
    create: (stream) => new FlvWireFormat(stream, BARE),
  });
  const decoder = new FlvDecoder();
  decoder.push(encodeFlvHeader({ hasAudio: true, hasVideo: true }));
  const tags: FlvTag[] = [];
  for (let bytes = cursor.next(); bytes !== undefined; bytes = cursor.next()) {
    cursor.advance(bytes.length);
    tags.push(...decoder.push(bytes));
  }
  assertEquals(decoder.heldBytes, 0, "back pointers stand behind all tags");
  assertEquals(
    tags.map(({ type, timestampMs, body }) => [type, timestampMs, body.length]),
    [
      [9, 0x0100_0000 + 120, BODIES.videoConfig.length],
      [8, 0x0100_0000 + 120, BODIES.audioConfig.length],
      [9, 0x0100_0000 + 120, 200],
      [9, 0x0100_0000 + 160, 70_000],
    ],
  );
});

Deno.test("writeFlvTag writes at an offset what encodeFlvTag returns, and flvTagLength measures it", () => {
  for (const timestampMs of [0, 1, 0xff_ffff, 0x100_0000, 0xffff_ffff]) {
    const tag = { type: 9, timestampMs, body: Uint8Array.of(1, 2, 3) };
    const target = new Uint8Array(40).fill(0xee);
    writeFlvTag(tag, { target, offset: 5 });
    const length = 3 + FLV_TAG_OVERHEAD;
    assertEquals(target.slice(5, 5 + length), encodeFlvTag(tag));
    assertEquals([target[4], target[5 + length]], [0xee, 0xee]);
    assertEquals(flvTagLength(target, 5), length);
    const decoder = new FlvDecoder();
    decoder.push(encodeFlvHeader({ hasAudio: false, hasVideo: true }));
    assertEquals(decoder.push(encodeFlvTag(tag)), [tag]);
  }
});
