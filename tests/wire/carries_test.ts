import { assertEquals } from "@std/assert";
import type { MediaUnit, Publication, Track } from "../../src/hub/mod.ts";
import { RtmpWireFormat, RtspWireFormat } from "../../src/wire/mod.ts";
import { sdpOfTracks } from "../../src/transmux/mod.ts";
import { fakeHub } from "../hub/hub_support.ts";

const ALL = { multitrack: true, modEx: true, fourCcs: true } as const;
const AAC: Track = {
  kind: "audio",
  id: 0,
  codec: "aac",
  config: new Uint8Array([0x12, 0x10]),
  sampleRate: 44_100,
  channels: 2,
};

/** Media of a track: a key frame and three audio frames, or pictures between them. */
function write(publication: Publication): void {
  const send = (kind: "video" | "audio", dtsMs: number, keyFrame: boolean): void => {
    const unit: MediaUnit = {
      kind,
      role: "media",
      track: 0,
      dtsUs: dtsMs * 1000,
      ptsUs: dtsMs * 1000,
      keyFrame,
      discardable: false,
      payload: {
        format: "access-unit",
        data: new Uint8Array(32).fill(kind === "video" ? 0xff : 1),
      },
    };
    publication.write(unit);
  };
  send("video", 0, true);
  for (const at of [10, 33, 56]) send("audio", at, true);
  send("video", 60, false);
  send("audio", 79, true);
  publication.commit();
}

Deno.test("RTMP players get the audio beside video that FLV has no form for, from the first unit on", () => {
  for (const codec of [undefined, "mpeg4"] as const) {
    const { hub } = fakeHub();
    const tracks: readonly Track[] = [{ kind: "video", id: 0, codec, config: undefined }, AAC];
    const publication = hub.acquire("live/cam", { tracks });
    const create = () => new RtmpWireFormat(publication.stream, ALL);
    const early = publication.stream.read({ format: "rtmp", create });
    write(publication);
    const kinds = early.cursor.takeRun()?.entries.map(({ kind, timeUs }) => `${kind} ${timeUs}`);
    assertEquals(kinds, ["audio 10000", "audio 33000", "audio 56000", "audio 79000"], codec);
    const late = publication.stream.read({ format: "rtmp", create });
    assertEquals(late.cursor.takeRun()?.entries.length, 1);
  }
});

Deno.test("RTSP players get the audio beside video that they were told nothing of", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam", {
    tracks: [{ kind: "video", id: 0, codec: undefined, config: undefined }, AAC],
  });
  const { tracks } = sdpOfTracks(publication.tracks!);
  assertEquals(tracks.map(({ kind }) => kind), ["audio"]);
  const reader = publication.stream.read({
    format: "rtsp",
    create: () =>
      new RtspWireFormat({
        tracks,
        random: (length) => new Uint8Array(length),
        nowUnixUs: () => 0,
      }),
  });
  write(publication);
  const packets = reader.cursor.takeRun()?.entries.map(({ timeUs }) => timeUs);
  // The first is the sender report.
  assertEquals(packets, [10_000, 10_000, 33_000, 56_000, 79_000]);
});
