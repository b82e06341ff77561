/** What no header tells is taken from the frames, on the whole way from an RTMP publisher to an RTSP player. */
import { assert, assertEquals } from "@std/assert";
import { RtmpClient, RtspClient } from "../../src/client/mod.ts";
import { frameBytes, FrameReader } from "../../src/transmux/mod.ts";
import { TestServer } from "../support/test_server.ts";
import { bodyOf, flvBodies, load } from "../transmux/support.ts";

/** Bytes of an enhanced sequence start that says nothing. */
const EMPTY_START = bodyOf("ac3", { config: true, data: new Uint8Array(0) });

for (const [what, headers] of [["no", []], ["an empty", [EMPTY_START]]] as const) {
  Deno.test(`AC-3 over Enhanced RTMP with ${what} sequence start reaches an RTSP player`, async () => {
    await using test = await TestServer.start({ rtsp: { hostname: "127.0.0.1", port: 0 } });
    const rtsp = test.server.addresses.find(({ protocol }) => protocol === "rtsp")!;
    await using publisher = await RtmpClient.connect(`${test.url}/live/cam`);
    const writer = (await publisher.publish()).getWriter();
    for (const body of headers) await writer.write({ kind: "audio", timestampMs: 0, body });
    const bodies = flvBodies(load("ac3"));
    const write = async (from: number, to: number): Promise<void> => {
      for (const { body, dtsUs } of bodies.slice(from, to)) {
        await writer.write({ kind: "audio", timestampMs: dtsUs / 1000, body });
      }
    };
    await write(0, 1);
    await using player = await RtspClient.connect(`rtsp://127.0.0.1:${rtsp.port}/live/cam`);
    const playback = await player.play();
    const [told] = playback.tracks;
    assertEquals([told?.track.codec, told?.track.sampleRate, told?.track.channels], [
      "ac3",
      48_000,
      2,
    ]);
    await write(1, bodies.length);
    const reader = new FrameReader({ tracks: playback.tracks.map(({ track }) => track) });
    const sent = load("ac3").packets.map(({ data }) => data);
    for await (const unit of playback) {
      const [frame] = reader.read(unit);
      if (frame === undefined) continue;
      const data = frameBytes(frame);
      assert(sent.some((one) => one.every((byte, index) => byte === data[index])));
      break;
    }
  });
}
