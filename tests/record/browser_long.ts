/** What was recorded, as Chromium plays it from the recordings' own address. */
import { assert, assertEquals } from "@std/assert";
import { Chromium } from "../support/chromium.ts";
import {
  AUDIO_CODECS,
  type AudioCodec,
  codecUnits,
  VIDEO_CODECS,
  type VideoCodec,
} from "../support/recorded_codecs.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

interface Played {
  readonly pictures: number;
  readonly soundBytes: number;
  readonly durationS: number;
  readonly error: string | null;
}

/** Plays to the end, and says what was seen and heard. */
const PLAY = (url: string): string => `
  new Promise((resolve) => {
    const video = document.createElement("video");
    document.body.replaceChildren(video);
    const done = () => resolve({
      pictures: video.getVideoPlaybackQuality().totalVideoFrames,
      soundBytes: video.webkitAudioDecodedByteCount,
      durationS: video.currentTime,
      error: video.error && video.error.message,
    });
    video.onended = done;
    video.onerror = done;
    video.src = ${JSON.stringify(url)};
    video.play();
  })`;

Deno.test({
  name: "Chromium plays what was recorded of each codec that it knows, to the end",
  ignore: ignoreWithout("ffmpeg", "chromium"),
  async fn() {
    await using folder = new TemporaryFolder();
    await using server = await TestServer.start({
      ...{ rtmp: false, http: { hostname: "127.0.0.1", port: 0 } },
      hub: { lingerMs: 0, maxLagMs: Infinity },
      record: [{ name: "live/*", to: `${folder.path}/recordings` }],
    });
    await using browser = await Chromium.start();
    const page = await browser.page(`http://127.0.0.1:${server.port}/healthz`);
    const unknown: string[] = [];
    for (const video of Object.keys(VIDEO_CODECS) as VideoCodec[]) {
      for (const audio of Object.keys(AUDIO_CODECS) as AudioCodec[]) {
        // No browser has G.711 in MP4.
        if (audio === "pcma") continue;
        const name = `live/${video}-${audio}`;
        const units = await codecUnits(folder.path, { video, audio });
        await server.server.publish(name, ReadableStream.from(units));
        await server.log.line(({ message, fields }) =>
          message === "recording ended" && fields.stream === name
        );
        const url = `http://127.0.0.1:${server.port}/v1/recordings/${name}.mp4`;
        const played = await page.evaluate<Played>(PLAY(url));
        // It depends on the machine.
        if (video === "h265" && played.pictures === 0) {
          unknown.push(name);
          continue;
        }
        assertEquals(played.error, null, name);
        assert(played.pictures >= 45, `${name}: ${played.pictures} pictures`);
        assert(played.soundBytes > 5000, `${name}: ${played.soundBytes} bytes of sound`);
        assert(played.durationS > 1.9 && played.durationS < 2.2, `${name}: ${played.durationS} s`);
      }
    }
    if (unknown.length > 0) console.log(`This Chromium shows no pictures of ${unknown.join(", ")}`);
  },
});
