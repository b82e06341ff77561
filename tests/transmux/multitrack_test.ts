/** Tracks behind the first of their kind, as bodies of several tracks. */
import { assertEquals } from "@std/assert";
import { plainAudioBody, plainVideoBody } from "../../src/flv/mod.ts";
import type { CodecName, MediaUnit, Track } from "../../src/media/mod.ts";
import { FlvRemuxer, FrameReader, unitOfFlv } from "../../src/transmux/mod.ts";
import { load } from "./support.ts";

function trackOf(codec: CodecName, kind: "video" | "audio", id: number): Track {
  const { config } = load(codec);
  return { kind, id, codec, config: config.length > 0 ? config : undefined };
}

const TRACKS: readonly Track[] = [
  trackOf("h264", "video", 0),
  trackOf("h264", "video", 1),
  trackOf("h265", "video", 2),
  trackOf("aac", "audio", 0),
  trackOf("mp3", "audio", 1),
  trackOf("aac", "audio", 2),
  trackOf("opus", "audio", 3),
  trackOf("pcma", "audio", 4),
];

/** The first three frames of a track, as it was encoded. */
function unitsOf({ kind, id, codec }: Track): MediaUnit[] {
  return load(codec!).packets.slice(0, 3).map(({ data, key, ptsUs, dtsUs }) => ({
    ...{ kind, role: "media", track: id, keyFrame: key, discardable: false },
    ...{ dtsUs: dtsUs + 1_000_000, ptsUs: ptsUs + 1_000_000 },
    payload: { format: "access-unit", data },
  }));
}

Deno.test("all tracks that have a FourCC go through FLV and back, each by its place, and the first as ever (M073)", () => {
  const remuxer = new FlvRemuxer({ multitrack: true });
  const plain = new FlvRemuxer();
  for (const one of [remuxer, plain]) one.setTracks(TRACKS);
  assertEquals(remuxer.unsupported.map(({ track }) => `${track.kind} ${track.id}`), ["audio 4"]);
  assertEquals(plain.unsupported.length, 6);
  const reader = new FrameReader();
  for (const unit of remuxer.headers(0).flatMap((body) => unitOfFlv(body) ?? [])) reader.read(unit);
  plain.headers(0);
  for (const track of TRACKS.slice(0, -1)) {
    const place = track.id;
    for (const unit of unitsOf(track)) {
      const bodies = remuxer.remux(unit);
      const frames = bodies.flatMap((body) => reader.read(unitOfFlv(body)!));
      assertEquals(frames.length, 1, `${track.kind} ${track.id}`);
      const [frame] = frames;
      assertEquals([frame!.track, frame!.codec], [place, track.codec]);
      assertEquals(Math.round(frame!.ptsUs / 1000), Math.round(unit.ptsUs / 1000));
      // Players without multitrack are sent the first of each kind alone, to the same bytes.
      const reduced = bodies.map(({ kind, body }) =>
        kind === "video" ? plainVideoBody(body) : plainAudioBody(body)
      );
      assertEquals(reduced[0] !== undefined, place === 0);
      assertEquals(plain.remux(unit).map(({ body }) => body), reduced.filter((body) => !!body));
    }
  }
});
