// Keeps a player that buffers near the newest of what has come, as near as the line allows: each time that it runs dry,
// it stays further behind.

/** How much is to be buffered at first, at most after the line was uneven, and how much more sets it going, seconds. */
const LEAST = 0.12;
const MOST = 2;
const MARGIN = 0.06;
/** What is further behind is skipped; what is less is caught up. */
const SKIPPED = 1;
/** What a player that ran dry waits for longer, and how slowly it forgets that it did, a second. */
const DRY_FACTOR = 1.6;
const FORGETTING = 0.998;
const EVERY_MS = 50;

/** The seconds that are buffered ahead of what is shown. */
export function aheadOf(video) {
  const { buffered, currentTime } = video;
  return buffered.length === 0 ? undefined : buffered.end(buffered.length - 1) - currentTime;
}

/** How fast a picture should be shown that has so much ahead of it, where `wanted` should be. */
export function rateFor(ahead, wanted, rate) {
  const excess = ahead - wanted;
  // Once it catches up it does so wholly, so that it does not begin again at once.
  if (excess <= (rate > 1 ? 0 : MARGIN)) return 1;
  return excess > 0.3 ? 1.25 : 1.1;
}

/** Begins; returns what ends it. */
export function keepAtLiveEdge(video) {
  let wanted = LEAST;
  let hasPlayed = false;
  const onPlaying = () => hasPlayed = true;
  const onWaiting = () => {
    // What is waited for after a seek, or before it plays at all, is no fault of the line.
    if (hasPlayed && !video.seeking) wanted = Math.min(MOST, wanted * DRY_FACTOR);
  };
  video.addEventListener("playing", onPlaying);
  video.addEventListener("waiting", onWaiting);
  const timer = setInterval(() => {
    const ahead = aheadOf(video);
    if (ahead === undefined || video.paused || video.seeking) return;
    wanted = Math.max(LEAST, wanted * FORGETTING ** (EVERY_MS / 1000));
    if (ahead > wanted + SKIPPED) video.currentTime += ahead - wanted;
    const rate = rateFor(ahead, wanted, video.playbackRate);
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    video.removeEventListener("playing", onPlaying);
    video.removeEventListener("waiting", onWaiting);
    video.playbackRate = 1;
  };
}
