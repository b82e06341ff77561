// The wall of the live streams.
import { counted, duration, factsOf, past, playersOf, rememberAll } from "./measures.js";
import { api, base, encoded, EVERY_MS, main, make, summary, wait } from "./page.js";
import { startPlayer } from "./player.js";
import { plot } from "./plot.js";

/** Shows it for as long as the page is there. */
export async function showWall() {
  const wall = make("ul", { class: "wall" });
  const all = make("button", {
    type: "button",
    "aria-pressed": "false",
    click: () => {
      playsAll = !playsAll;
      all.setAttribute("aria-pressed", String(playsAll));
      for (const card of cards.values()) card.rest();
    },
  }, "Play all");
  const head = make("div", { class: "row" }, all);
  const empty = make(
    "div",
    { class: "empty", hidden: true },
    make("h1", {}, "Nothing is live"),
    make("p", {}, "Publish something, and it is here within two seconds:"),
    make(
      "pre",
      {},
      `ffmpeg -re -f lavfi -i testsrc=size=640x360:rate=30 -f lavfi -i sine -c:v libx264 \\\n  -tune zerolatency -g 60 -pix_fmt yuv420p -c:a aac -f flv rtmp://${location.hostname}/live/cam`,
    ),
  );
  main.replaceChildren(empty, head, wall);
  for (;;) {
    const [{ items }, server] = await Promise.all([api("streams?limit=1000"), api("")]);
    const live = items.filter(({ isLive }) => isLive);
    summary.textContent = `${server.streams} live, ${counted(server.players, "player")}, up ${
      duration(server.uptimeMs)
    }, weir ${server.version}`;
    empty.hidden = live.length > 0;
    head.hidden = live.length === 0;
    for (const stream of live) {
      rememberAll(stream);
      const card = cards.get(stream.name) ?? makeCard(stream.name);
      cards.set(stream.name, card);
      card.update(stream);
      if (card.element.parentNode !== wall) {
        wall.append(card.element);
        card.rest();
      }
    }
    for (const [name, card] of cards) {
      if (live.some((stream) => stream.name === name)) continue;
      card.stop();
      card.element.remove();
      cards.delete(name);
    }
    await wait(EVERY_MS);
  }
}

/** The cards of the streams that are live. */
const cards = new Map();
let playsAll = false;

function makeCard(name) {
  const video = make("video", { muted: true, playsinline: true });
  video.muted = true;
  const hint = make("span", { class: "hint" }, "preview");
  const title = make("strong", { class: "live on" }, name);
  const lines = [make("p"), make("p"), make("p")];
  const spark = make("canvas", { class: "spark", "aria-hidden": true });
  let player;
  // A browser has six connections to a server, and more of WebSocket.
  const stop = () => {
    player?.stop();
    player = undefined;
    hint.hidden = false;
  };
  const start = () => {
    if (player !== undefined) return;
    hint.hidden = true;
    player = startPlayer(video, { name, way: "ws-flv", query: "", onFail: stop });
  };
  /** What it does while nobody looks at it. */
  const rest = () => playsAll ? start() : stop();
  const element = make(
    "li",
    { class: "card" },
    make(
      "a",
      {
        href: `${base}/${encoded(name)}`,
        mouseenter: start,
        mouseleave: rest,
        focus: start,
        blur: rest,
      },
      make("div", { class: "picture" }, video, hint),
      make("div", { class: "facts" }, title, ...lines, spark),
    ),
  );
  return {
    element,
    stop,
    rest,
    update(stream) {
      const [tracks, rates] = factsOf(stream);
      const texts = [tracks, rates, playersOf(stream)];
      for (const [at, line] of lines.entries()) line.textContent = texts[at];
      plot(spark, past(name, "bitrate"), { axis: false });
    },
  };
}
