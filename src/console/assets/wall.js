// The wall of the live streams.
import {
  bitrate,
  counted,
  duration,
  factsOf,
  past,
  playersOf,
  rememberAll,
  showChips,
} from "./measures.js";
import {
  api,
  base,
  command,
  encoded,
  EVERY_MS,
  main,
  make,
  showStale,
  summary,
  wait,
} from "./page.js";
import { startPlayer } from "./player.js";
import { plot } from "./plot.js";

/** So many streams are found by their names more easily than by looking. */
const MANY = 9;

/** Shows it for as long as the page is there. */
export async function showWall() {
  playsAll = remembersAll();
  const wall = make("ul", { class: "wall" });
  const all = make("button", {
    type: "button",
    "aria-pressed": String(playsAll),
    click: () => {
      playsAll = !playsAll;
      rememberPlaysAll();
      all.setAttribute("aria-pressed", String(playsAll));
      for (const card of cards.values()) card.rest();
    },
  }, "Play all");
  const search = make("input", {
    ...{ type: "search", placeholder: "Find by name", "aria-label": "Find by name" },
    input: () => filter(),
  });
  const found = make("span", { class: "faint", role: "status" });
  const head = make("div", { class: "row" }, all, search, found);
  const empty = emptyWall();
  /** Shows the streams whose names have what is looked for. */
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const [name, card] of cards) {
      const isFound = name.toLowerCase().includes(wanted);
      card.show(isFound);
      if (isFound) count++;
    }
    found.textContent = wanted === "" ? "" : `${count} of ${cards.size}`;
  };
  main.replaceChildren(empty, head, wall);
  for (;;) {
    const [{ items }, server] = await Promise.all([api("streams?limit=1000"), api("")]);
    const live = items.filter(({ isLive }) => isLive);
    showStale(false);
    summary.textContent = `${server.streams} live, ${counted(server.players, "player")}, up ${
      duration(server.uptimeMs)
    }, weir ${server.version}`;
    empty.hidden = live.length > 0;
    head.hidden = live.length === 0;
    search.hidden = live.length < MANY && search.value === "";
    for (const [name, card] of cards) {
      if (live.some((stream) => stream.name === name)) continue;
      card.stop();
      card.element.remove();
      cards.delete(name);
    }
    for (const [at, stream] of live.entries()) {
      rememberAll(stream);
      const card = cards.get(stream.name) ?? makeCard(stream.name);
      cards.set(stream.name, card);
      if (card.element.parentNode !== wall) {
        // In the order of the API, so that a card is where one looks for it.
        wall.insertBefore(card.element, wall.children[at] ?? null);
        card.rest();
      }
      card.update(stream);
    }
    filter();
    await wait(EVERY_MS);
  }
}

/** What is there while nothing is. */
function emptyWall() {
  const host = location.hostname;
  return make(
    "div",
    { class: "empty", hidden: true },
    make("h1", {}, "Nothing is live"),
    make(
      "p",
      {},
      "Publish something, and it is here within two seconds. A picture to try it with:",
    ),
    command(
      "command",
      "ffmpeg -re -f lavfi -i testsrc=size=640x360:rate=30 -f lavfi -i sine -c:v libx264 " +
        `-tune zerolatency -g 60 -pix_fmt yuv420p -c:a aac -f flv rtmp://${host}/live/cam`,
    ),
    make(
      "p",
      {},
      "Or the camera of this browser: ",
      make("a", { href: `${base}/live/cam` }, "live/cam"),
      " has a button for it, and the addresses for OBS.",
    ),
  );
}

/** The cards of the streams that are live. */
const cards = new Map();
const PLAYS_ALL = "weir plays all";
let playsAll = false;

/** Whether all were played when this browser was here last; where it keeps nothing for pages, they were not. */
function remembersAll() {
  try {
    return localStorage.getItem(PLAYS_ALL) !== null;
  } catch {
    return false;
  }
}

function rememberPlaysAll() {
  try {
    if (playsAll) localStorage.setItem(PLAYS_ALL, "yes");
    else localStorage.removeItem(PLAYS_ALL);
  } catch {
    // It is asked again the next time.
  }
}

/** `HTMLMediaElement.HAVE_CURRENT_DATA`. */
const HAS_PICTURE = 2;

function makeCard(name) {
  const video = make("video", { muted: true, playsinline: true, tabindex: -1 });
  video.muted = true;
  const still = make("canvas", { class: "still", "aria-hidden": true, hidden: true });
  const hint = make("span", { class: "hint play", "aria-hidden": true }, "▶");
  const rate = make("span", { class: "badge" });
  const title = make("strong", { class: "live on" }, name);
  const facts = make("p", { class: "chips" });
  const players = make("p");
  const spark = make("canvas", { class: "spark", "aria-hidden": true });
  let player;
  let isShown = true;
  // A browser has six connections to a server, and more of WebSocket.
  const stop = () => {
    // The last picture stays.
    if (video.readyState >= HAS_PICTURE && video.videoWidth > 0) {
      still.width = video.videoWidth;
      still.height = video.videoHeight;
      still.getContext("2d").drawImage(video, 0, 0);
      still.hidden = false;
    }
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
  const rest = () => playsAll && isShown ? start() : stop();
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
      make("div", { class: "picture" }, still, video, hint, rate),
      make("div", { class: "facts" }, title, facts, players, spark),
    ),
  );
  return {
    element,
    stop,
    rest,
    show(shown) {
      if (shown === isShown) return;
      isShown = shown;
      element.hidden = !shown;
      rest();
    },
    update(stream) {
      const { health, publisher } = stream;
      rate.textContent = health ? bitrate(health.bitrate) : "";
      showChips(facts, factsOf({ ...stream, health: health && { tracks: health.tracks } }));
      const since = publisher ? `, live for ${duration(publisher.ageMs)}` : "";
      players.textContent = playersOf(stream) + since;
      plot(spark, past(name, "bitrate"), { axis: false });
    },
  };
}
