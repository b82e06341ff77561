import { assertEquals } from "@std/assert";
import { RtmpClient, type RtmpMedia } from "../../src/client/mod.ts";
import {
  AudioPacketType,
  buildAudioBody,
  buildVideoBody,
  MultitrackType,
  VideoFrameType,
  VideoPacketType,
} from "../../src/flv/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import type { RelayOptions } from "../../src/server/mod.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "../client/rtmp_media.ts";
import { TestServer, until } from "../support/test_server.ts";

/** The part of the test media that is sound. */
function sound(media: readonly RtmpMedia[]): RtmpMedia[] {
  return media.filter(({ kind }) => kind === "audio");
}

/** Publishes `early` to one server, which is pulled or pushed from there to another; then `late`, and plays it there. */
async function relayed(
  mode: RelayOptions["mode"],
  { early, late, enough }: {
    readonly early: readonly RtmpMedia[];
    readonly late: readonly RtmpMedia[];
    readonly enough: (unit: MediaUnit) => boolean;
  },
): Promise<string[]> {
  await using near = await TestServer.start();
  await using far = await TestServer.start();
  await using publisher = await RtmpClient.connect(`${near.url}/live/cam`);
  const publication = await publisher.publish();
  await writeAll(publication, early);
  const [relaying, remote] = mode === "push" ? [near, far] : [far, near];
  const url = `${remote.url}/live/cam`;
  await relaying.server.addRelay({ mode, name: "live/cam", url });
  await until(() => far.server.hub.get("live/cam")?.isLive === true);
  await using player = await RtmpClient.connect(`${far.url}/live/cam`);
  const playback = await player.play();
  await writeAll(publication, late);
  const units = await readUntil(playback, enough);
  return units.map(({ kind, role, track }) => `${kind} ${role} ${track}`);
}

const MULTITRACK = { form: "enhanced", modEx: [], multitrack: MultitrackType.OneTrack } as const;

/** The configuration, or a key frame, of one track of several. */
function video(trackId: number, packetType: number): RtmpMedia {
  const [source] = packetType === VideoPacketType.SequenceStart ? headers().slice(1) : frame(0);
  const data = source!.body.subarray(5);
  const tracks = [{ trackId, fourCc: "avc1", compositionTimeMs: 0, data }];
  const frameType = VideoFrameType.Key;
  return {
    kind: "video",
    timestampMs: 0,
    body: buildVideoBody({ ...MULTITRACK, frameType, packetType, tracks }),
  };
}

/** A packet of one track of several. */
function opus(timestampMs: number, trackId: number): RtmpMedia {
  const tracks = [{ trackId, fourCc: "Opus", data: new Uint8Array([0xfc, 1]) }];
  const packetType = AudioPacketType.CodedFrames;
  return {
    kind: "audio",
    timestampMs,
    body: buildAudioBody({ ...MULTITRACK, packetType, tracks }),
  };
}

for (const mode of ["pull", "push"] as const) {
  Deno.test(`a ${mode} of a stream of sound alone carries it from its first unit on`, async () => {
    const early = [...sound(headers()), ...sound(frame(0))];
    const late = [...sound(frame(1)), ...sound(frame(2))];
    let count = 0;
    const enough = ({ role }: MediaUnit) => role === "media" && ++count === 2;
    const units = await relayed(mode, { early, late, enough });
    assertEquals(units.filter((unit) => unit !== "audio media 0"), ["audio config 0"]);
  });

  Deno.test(`a ${mode} takes up sound that comes later than the pictures, and is announced by nothing`, async () => {
    const pictures = (media: readonly RtmpMedia[]) => media.filter(({ kind }) => kind === "video");
    const early = [...pictures(headers()), ...pictures(frame(0)), ...pictures(frame(1))];
    const late = [...pictures(frame(2)), ...sound(headers()), ...frame(3), ...frame(4)];
    const units = await relayed(mode, { early, late, enough: (unit) => frameNumber(unit) === 4 });
    assertEquals(units.filter((unit) => unit.startsWith("audio")), [
      "audio config 0",
      "audio media 0",
    ]);
  });

  Deno.test(`a ${mode} carries each track of a multitrack stream, pictures and sound`, async () => {
    const early = [
      video(0, VideoPacketType.SequenceStart),
      video(1, VideoPacketType.SequenceStart),
      video(0, VideoPacketType.CodedFramesX),
      video(1, VideoPacketType.CodedFramesX),
    ];
    const late = [opus(20, 0), opus(20, 1), opus(40, 0), opus(40, 2)];
    const enough = ({ kind, track }: MediaUnit) => kind === "audio" && track === 2;
    const units = await relayed(mode, { early, late, enough });
    assertEquals(
      new Set(units),
      new Set([
        "video config 0",
        "video config 1",
        "video media 0",
        "video media 1",
        "audio media 0",
        "audio media 1",
        "audio media 2",
      ]),
    );
  });
}
