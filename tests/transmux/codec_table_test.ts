/** The table of codecs agrees with the folders below it, and peers' words find nothing else in it. */
import { assert, assertEquals } from "@std/assert";
import { encodeAmf0 } from "../../src/amf/mod.ts";
import { codecOfVideo, fourCcOfCodec, parseOnMetaData } from "../../src/flv/mod.ts";
import type { CodecName } from "../../src/media/mod.ts";
import { enhancedRequest } from "../../src/rtmp/enhanced_capabilities.ts";
import { createDepacketizer, createPacketizer, startsRandomAccess } from "../../src/rtp/mod.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import { ALL_CODECS, codecRow } from "../../src/transmux/codec/table.ts";
import { frameBytes, FrameReader, tracksOfSdp, unitOfFlv } from "../../src/transmux/mod.ts";
import { flvBodies, load } from "./support.ts";

const INHERITED = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"];

Deno.test("The codec table has RTP's payload formats for each encoding that it maps a track to", () => {
  for (const { name, rtp } of ALL_CODECS.filter(({ rtp }) => rtp?.mapping !== undefined)) {
    for (const encodingName of rtp!.encodings) {
      const format = { encodingName, clockRate: 48_000 };
      assert(createPacketizer(format) !== undefined, `${name} ${encodingName}`);
      assert(createDepacketizer(format) !== undefined, `${name} ${encodingName}`);
    }
  }
});

Deno.test("The codec table names an encoding once, in upper case", () => {
  const encodings = ALL_CODECS.flatMap(({ rtp }) => rtp?.encodings ?? []);
  assertEquals(new Set(encodings).size, encodings.length);
  assertEquals(encodings.map((encoding) => encoding.toUpperCase()), encodings);
});

Deno.test("The FourCCs that connect announces are those of the codec table", () => {
  const announced = enhancedRequest()["fourCcList"] as string[];
  const known = ALL_CODECS.flatMap(({ name }) => fourCcOfCodec(name) ?? []);
  assertEquals(announced.toSorted(), known.toSorted());
});

Deno.test("A codec that FLV carries in an enhanced body has a FourCC", () => {
  const carried = ALL_CODECS.filter(({ flv }) => typeof flv === "object");
  const isPlain = (name: CodecName) => ["pcma", "pcmu", "lpcm"].includes(name);
  for (const { name } of carried) {
    assertEquals(fourCcOfCodec(name) === undefined, isPlain(name), name);
  }
});

for (const word of INHERITED) {
  Deno.test(`A peer's word "${word}" is the name of no codec`, () => {
    assertEquals(codecRow(word as CodecName), undefined);
    assertEquals(codecOfVideo(word), undefined);
    const text = `v=0\ns=x\nm=video 0 RTP/AVP 96\na=rtpmap:96 ${word}/90000\n`;
    assertEquals(tracksOfSdp(parseSdp(text)).map(({ codec }) => codec), [undefined]);
    assertEquals(createDepacketizer({ encodingName: word, clockRate: 90_000 }), undefined);
    assertEquals(startsRandomAccess(word, new Uint8Array(5)), undefined);
    const body = encodeAmf0(["onMetaData", { videocodecid: word, audiocodecid: word }]);
    const { videoCodec, audioCodec } = parseOnMetaData(body)!;
    assertEquals([videoCodec, audioCodec], [undefined, undefined]);
  });
}

for (const codec of ["av1", "h264", "vp9"] as const) {
  Deno.test(`frameBytes makes ${codec} that reads back as the same frame`, () => {
    const publisher = new FrameReader();
    const frames = flvBodies(load(codec)).flatMap((body) => publisher.read(unitOfFlv(body)!));
    const reader = new FrameReader({ tracks: publisher.tracks });
    for (const frame of frames) {
      const unit = { ...frame, role: "media", track: 0, keyFrame: frame.keyFrame } as const;
      const data = frameBytes(frame);
      const again = reader.read({ ...unit, payload: { format: "access-unit", data } });
      assertEquals(again.map(({ parts }) => parts), [frame.parts]);
    }
    assert(frames.length > 0);
  });
}
