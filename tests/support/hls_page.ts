/** What a page does with hls.js, and what it sees of a stream. */
import type { Page } from "./chromium.ts";
import { HLS_JS } from "./hls_js.ts";

/** What hls.js has seen. */
export interface HlsWatched {
  /** Seconds played. */
  readonly playedS: number;
  readonly width: number;
  readonly framesDecoded: number;
  readonly framesDropped: number;
  /** Bytes of sound that were decoded. */
  readonly soundBytes: number;
  /** Seconds between what is shown and the end of the playlist, as hls.js counts them. */
  readonly latencyS: number;
  /** Seconds since what is shown came to the server, by the times of its segments and the clock of this machine. */
  readonly behindS: number;
  readonly isLowLatency: boolean;
  /** How often playing stood still since it had begun. */
  readonly stalls: number;
  readonly errors: readonly string[];
  readonly codecs: string;
  /** Parts that were fetched. */
  readonly parts: number;
}

/** A page that has not played by then gives up, milliseconds. */
const LIMIT_MS = 40_000;

/** Plays `url` by hls.js until it has played so many seconds. */
export async function watchHls(
  page: Page,
  url: string,
  { seconds, options = {} }: {
    readonly seconds: number;
    readonly options?: Readonly<Record<string, unknown>>;
  },
): Promise<HlsWatched> {
  await page.evaluate(`${HLS_JS}; globalThis.Hls = Hls; undefined`);
  return await page.evaluate(`(async () => {
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    const hls = new Hls({ lowLatencyMode: true, ...${JSON.stringify(options)} });
    globalThis.hls = hls;
    const errors = [];
    let stalls = 0, parts = 0;
    // Where the buffer began: a microsecond behind its time at times, as hls.js and Chromium round what is no whole one.
    let beganS = Infinity;
    hls.on(Hls.Events.BUFFER_APPENDED, (_, { timeRanges }) => {
      for (const ranges of Object.values(timeRanges)) {
        if (ranges.length > 0) beganS = Math.min(beganS, ranges.start(0));
      }
    });
    // On a slow machine hls.js takes that for a hole, and a start that is late for standing still.
    const isRounding = ({ details, error }) =>
      details === "bufferSeekOverHole" && error.message.includes("seeking from 0 to") &&
      beganS <= 0.000001;
    hls.on(Hls.Events.ERROR, (_, event) => {
      const { details, fatal, error } = event;
      if (details === "bufferStalledError" || isRounding(event)) stalls++;
      else errors.push(\`\${details} \${fatal ? "fatal" : ""} \${error?.message ?? ""}\`);
    });
    hls.on(Hls.Events.FRAG_LOADED, (_, { part }) => { if (part) parts++; });
    hls.loadSource(${JSON.stringify(url)});
    hls.attachMedia(video);
    const isFatal = () => errors.some((error) => error.includes("fatal")) ||
      performance.now() > ${LIMIT_MS};
    let isParsed = false;
    hls.once(Hls.Events.MANIFEST_PARSED, () => isParsed = true);
    while (!isParsed && !isFatal()) await new Promise((resolve) => setTimeout(resolve, 50));
    // It rejects where nothing can be played.
    void video.play().catch((error) => errors.push(String(error)));
    const startS = video.currentTime;
    while (video.currentTime - startS < ${seconds} && !isFatal()) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const quality = video.getVideoPlaybackQuality();
    const { details } = hls.levels[hls.currentLevel] ?? hls.levels[0] ?? {};
    return {
      playedS: video.currentTime - startS,
      width: video.videoWidth,
      framesDecoded: quality.totalVideoFrames,
      framesDropped: quality.droppedVideoFrames,
      soundBytes: video.webkitAudioDecodedByteCount,
      latencyS: hls.latency,
      behindS: (Date.now() - hls.playingDate?.getTime()) / 1000,
      isLowLatency: details?.canBlockReload === true && details.partTarget > 0,
      stalls,
      errors,
      codecs: hls.levels[0]?.attrs?.CODECS ?? "",
      parts,
    };
  })()`);
}
