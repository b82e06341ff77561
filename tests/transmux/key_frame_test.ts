/** Key frames that their header does not tell: what MediaMTX and others built on gortmplib publish. */
import { assert, assertEquals } from "@std/assert";
import { FrameReader, type MediaUnit, unitOfFlv } from "../../src/transmux/mod.ts";
import { bodyOf, flvBodies, load } from "./support.ts";

/** The bodies with no frame type at all: the nibble that gortmplib leaves at 0. */
function withoutFrameType(body: Uint8Array): Uint8Array {
  const copy = body.slice();
  copy[0] = copy[0]! & 0x8f;
  return copy;
}

for (const codec of ["h264", "h265", "av1", "vp8", "vp9"] as const) {
  Deno.test(`unitOfFlv finds the key frames of ${codec} where the frame type says nothing`, () => {
    const bodies = flvBodies(load(codec)).map(({ body }) => body);
    const told = bodies.map((body) => unitOfFlv({ kind: "video", dtsUs: 0, body })!);
    const found = bodies.map((body) =>
      unitOfFlv({ kind: "video", dtsUs: 0, body: withoutFrameType(body) })!
    );
    const facts = (units: MediaUnit[]) => units.map(({ role, keyFrame }) => [role, keyFrame]);
    assertEquals(facts(found), facts(told));
    assert(found.some(({ keyFrame }) => keyFrame));

    const reader = new FrameReader();
    const frames = found.flatMap((unit) => reader.read(unit));
    assertEquals(frames.map(({ keyFrame }) => keyFrame), load(codec).packets.map(({ key }) => key));
  });
}

Deno.test("unitOfFlv takes each picture for a start whose codec and frame type are not known", () => {
  const body = Uint8Array.fromHex("81787878780203");
  assertEquals(unitOfFlv({ kind: "video", dtsUs: 0, body })?.keyFrame, true);
});

Deno.test("unitOfFlv calls no key frame what its frame type calls inter, nor what cannot be read", () => {
  const { data } = load("h265").packets.find(({ key }) => key)!;
  const inter = bodyOf("h265", { config: false, key: false, data });
  assertEquals(unitOfFlv({ kind: "video", dtsUs: 0, body: inter })?.keyFrame, false);
  const cut = withoutFrameType(bodyOf("h265", { config: false, data: data.subarray(0, 20) }));
  assertEquals(unitOfFlv({ kind: "video", dtsUs: 0, body: cut })?.keyFrame, false);
});
