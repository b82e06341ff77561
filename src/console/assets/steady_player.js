// Keeps a stream playing: starts its player again when the stream has ended or the connection was cut, until it is back.
import { startPlayer } from "./player.js";

/** What is waited for before a player is started again, seconds: each time twice as long, up to the longest. */
const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;
/** Once it has played for so long, it waits as at first, seconds. */
const CALM_S = 10;
/** A picture that stands still for so long does not go on by itself, seconds: a stream whose publisher comes back may. */
const STILL_S = 15;

/** How long is waited after so many players in a row that did not come to play, seconds: viewers do not come all at once. */
function waitAfter(failures) {
  const longestS = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** failures);
  return Math.ceil(longestS * (1 + Math.random()) / 2);
}

/**
 * Plays by the way that is chosen. `onTell` is told in words why nothing plays and what is done about that, and nothing
 * once it plays; `onNote` what else there is to say of it.
 */
export function steadyPlayer(video, { name, query, onTell, onNote }) {
  let way;
  let player;
  let failures = 0;
  /** The seconds that are left before the next start; `undefined` while it does not wait. */
  let leftS;
  let reason = "";
  /** Whether somebody has paused it: then it waits for that one. */
  let isHeld = false;
  let stillS = 0;
  let playedS = 0;
  let seenS = 0;

  function start() {
    player?.stop();
    leftS = undefined;
    stillS = playedS = seenS = 0;
    if (reason !== "") onTell(`${reason}. Trying again`);
    player = startPlayer(video, { name, way, query, onFail: end, onNote });
  }

  /** Leaves no last picture behind the words that say why nothing plays. */
  function end(why, { isLasting = false } = {}) {
    if (player === undefined) return;
    player.stop();
    player = undefined;
    reason = why;
    if (isLasting) return onTell(why);
    if (isHeld) return onTell(`${why}. Play it to go on`);
    leftS = waitAfter(failures++);
    tellWait();
  }

  function tellWait() {
    onTell(`${reason}. Trying again in ${leftS} s`);
  }

  /** What may have changed makes waiting pointless. */
  function hurry() {
    if (leftS !== undefined) start();
  }

  function tick() {
    if (leftS !== undefined) return --leftS > 0 ? tellWait() : start();
    if (player === undefined || video.paused) return;
    const { currentTime } = video;
    const isStill = currentTime === seenS;
    seenS = currentTime;
    stillS = isStill ? stillS + 1 : 0;
    playedS = isStill ? 0 : playedS + 1;
    if (playedS >= CALM_S) failures = 0;
    // A page that nobody sees may be stopped by its browser.
    if (stillS >= STILL_S && !document.hidden) end(`Nothing has come for ${STILL_S} s`);
  }

  video.addEventListener("ended", () => end("The stream has ended"));
  video.addEventListener("timeupdate", () => {
    if (player === undefined || reason === "" || video.currentTime === 0) return;
    reason = "";
    onTell("");
  });
  video.addEventListener("pause", () => isHeld = player !== undefined && !video.ended);
  video.addEventListener("play", () => {
    const wasHeld = isHeld;
    isHeld = false;
    if (wasHeld && player === undefined) start();
  });
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.hidden || hurry());
  setInterval(tick, 1000);
  return {
    choose(chosen) {
      way = chosen;
      failures = 0;
      reason = "";
      isHeld = false;
      onTell("");
      start();
    },
    latencyMs: () => player?.latencyMs(),
  };
}
