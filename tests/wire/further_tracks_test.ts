import { assertEquals } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import { TestServer } from "../support/test_server.ts";

const AAC = { kind: "audio", codec: "aac", config: new Uint8Array([0x12, 0x10]) } as const;
const TRACKS: readonly Track[] = [{ ...AAC, id: 0 }, { ...AAC, id: 1 }];

/** What makes connect a command of before Enhanced RTMP. */
const OLD = {
  ...{ fourCcList: undefined, capsEx: undefined },
  ...{ videoFourCcInfoMap: undefined, audioFourCcInfoMap: undefined },
};

/** Audio of two tracks, one frame each 20 ms, until it is cancelled. */
function twoTracks(): ReadableStream<MediaUnit> {
  let at = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream<MediaUnit>({
    pull: async (controller) => {
      // The pace of an encoder.
      await new Promise<void>((resolve) => timer = setTimeout(resolve, 20));
      at++;
      for (const track of [0, 1]) {
        controller.enqueue({
          ...{ kind: "audio", role: "media", track, keyFrame: true, discardable: true },
          ...{ dtsUs: at * 20_000, ptsUs: at * 20_000 },
          payload: { format: "access-unit", data: new Uint8Array([0x21, track]) },
        });
      }
    },
    cancel: () => clearTimeout(timer),
  });
}

Deno.test("players that can take several tracks get the second audio of a publisher, and others the first (M073)", async () => {
  await using weir = await TestServer.start();
  const abort = new AbortController();
  const published = weir.server.publish("live/cam", twoTracks(), {
    tracks: TRACKS,
    signal: abort.signal,
  });
  const tracksOf = async (enhanced: boolean): Promise<number[]> => {
    await using client = await RtmpClient.connect(
      `${weir.url}/live`,
      enhanced ? {} : { connectParameters: OLD },
    );
    const seen = new Set<number>();
    let frames = 0;
    for await (const unit of await client.play("cam")) {
      if (unit.kind === "audio" && unit.role === "media") seen.add(unit.track);
      if (unit.kind === "audio" && unit.role === "media" && ++frames === 6) break;
    }
    return [...seen].sort();
  };
  assertEquals(await tracksOf(true), [0, 1]);
  assertEquals(await tracksOf(false), [0]);
  abort.abort();
  await published;
});
