// The page of a stream: its player, its addresses, its measures, and who is here.
import { cameraButton } from "./camera.js";
import {
  bytesText,
  duration,
  factsOf,
  past,
  playersOf,
  rememberAll,
  showChips,
} from "./measures.js";
import {
  api,
  ask,
  base,
  copyButton,
  encoded,
  EVERY_MS,
  main,
  make,
  NoToken,
  showStale,
  tokenForm,
  wait,
} from "./page.js";
import { plot } from "./plot.js";
import { steadyPlayer } from "./steady_player.js";

const WAYS = [["webrtc", "WebRTC"], ["flv", "HTTP-FLV"], ["hls", "LL-HLS"]];

/** Shows it; `?embed=1` is the player alone. */
export function showStream(name) {
  const query = new URLSearchParams(location.search);
  const video = make("video", { controls: true, autoplay: true, playsinline: true });
  video.muted = true;
  const hint = make("span", { class: "hint", role: "status" });
  const waiting = make("span", { class: "wait" }, "Waiting for the stream");
  const latency = make("span", { role: "status" });
  const note = make("p", { class: "note", role: "status" });
  const player = steadyPlayer(video, {
    name,
    query: location.search,
    onTell: (text) => {
      hint.textContent = text;
    },
    onNote: (text) => {
      note.textContent = text;
    },
  });
  const buttons = new Map(WAYS.map(([way, title]) => [
    way,
    make("button", { type: "button", "aria-pressed": "false", click: () => choose(way) }, title),
  ]));
  /** What each way's player has last waited, beside its button. */
  const measured = new Map(WAYS.map(([way]) => [way, make("small", { class: "faint" })]));
  let chosen;
  function choose(way) {
    chosen = way;
    note.textContent = "";
    latency.textContent = "";
    waiting.hidden = false;
    for (const [other, button] of buttons) {
      button.setAttribute("aria-pressed", String(other === way));
    }
    player.choose(way);
  }
  setInterval(async () => {
    const ms = await player.latencyMs();
    // What has run dry waits for nothing, by clocks that differ a little.
    const waitMs = Math.max(0, Math.round(ms));
    if (!Number.isFinite(ms)) return latency.textContent = "";
    latency.textContent = `${waitMs} ms wait in this player`;
    const place = measured.get(chosen);
    if (place !== undefined) place.textContent = `${waitMs} ms`;
  }, 1000);
  const picture = make("div", { class: "picture" }, video, hint, waiting);
  video.addEventListener("playing", () => waiting.hidden = true);
  video.addEventListener("emptied", () => waiting.hidden = false);
  const isEmbedded = query.get("embed") === "1";
  if (isEmbedded) {
    document.body.classList.add("embed");
    main.replaceChildren(picture);
    return choose(query.get("way") ?? "flv");
  }
  document.title = `${name} – weir`;
  const facts = make("p", { class: "chips" });
  const advice = make("div");
  const urls = make("div");
  const side = make(
    "div",
    { class: "side" },
    advice,
    urls,
    make("h2", {}, "From this browser"),
    cameraButton(name),
    ...phoneCode(),
  );
  const below = make("div", { class: "below" });
  const title = make("h1", { class: "live" }, name);
  video.addEventListener("playing", () => title.classList.add("on"));
  for (const event of ["waiting", "emptied"]) {
    video.addEventListener(event, () => title.classList.remove("on"));
  }
  urls.replaceChildren(...urlsOf(name, []));
  const ways = WAYS.map(([way]) =>
    make("span", { class: "way" }, buttons.get(way), measured.get(way))
  );
  main.replaceChildren(
    make("div", { class: "title" }, title, facts),
    make(
      "div",
      { class: "stage" },
      make(
        "div",
        { class: "player" },
        picture,
        make("div", { class: "row" }, ...ways, latency),
        note,
      ),
      side,
      below,
    ),
  );
  choose(query.get("way") ?? "flv");
  addEventListener("keydown", (event) => onKey(event, { video, choose }));
  addressesOf(name).then(
    (addresses) => urls.replaceChildren(...urlsOf(name, addresses)),
    () => {},
  );
  watchStream(name, { facts, advice, below });
}

/** Keys: 1 to 3 choose the way to watch, F fills the screen, M is for the sound. */
function onKey({ key, target, ctrlKey, metaKey, altKey }, { video, choose }) {
  if (ctrlKey || metaKey || altKey || target.closest?.("input, textarea, select")) return;
  const way = WAYS[Number(key) - 1];
  if (way !== undefined) choose(way[0]);
  else if (key === "m") video.muted = !video.muted;
  else if (key === "f") {
    if (document.fullscreenElement === null) video.requestFullscreen?.().catch(() => {});
    else document.exitFullscreen();
  }
}

/** The doors that there are, with their ports: for who may play the stream, or has the API's token. */
async function addressesOf(name) {
  const headers = { accept: "application/json" };
  const answer = await ask(`${encoded(name)}${location.search}`, { headers });
  const { addresses } = answer.ok ? await answer.json() : await api("");
  return addresses;
}

/** Protocols that have ports of their own, and the port that a URL need not say. */
const DOORS = [["rtmp", 1935], ["rtmps", 443], ["rtsp", 554], ["rtsps", 322]];

/** Tables with the addresses of a stream, to copy: for who publishes, and for who plays. */
function urlsOf(name, addresses) {
  const doors = DOORS.flatMap(([protocol, usual]) => {
    const port = addresses.find((address) => address.protocol === protocol)?.port;
    if (port === undefined) return [];
    const host = `${location.hostname}${port === usual ? "" : `:${port}`}`;
    return [[protocol.toUpperCase(), `${protocol}://${host}`]];
  });
  const path = encoded(name);
  const at = name.lastIndexOf("/");
  const rtmp = doors.find(([protocol]) => protocol.startsWith("RTMP"))?.[1];
  const own = `${location.origin}${base}/${path}`;
  const all = doors.map(([protocol, door]) => [protocol, `${door}/${path}`]);
  return [
    make("h2", {}, "Play it elsewhere"),
    tableOf([
      ...all,
      ["HLS", `${own}/index.m3u8`],
      ["HTTP-FLV", `${own}.flv`],
      ["WHEP", `${own}/whep`],
      ["On a page", `<iframe src="${own}?embed=1" allow="autoplay; fullscreen"></iframe>`],
    ]),
    make("h2", {}, "Publish it"),
    tableOf([
      ...rtmp === undefined ? [] : [
        ["OBS server", `${rtmp}/${name.slice(0, at)}`],
        ["OBS key", name.slice(at + 1)],
        ["FFmpeg", `ffmpeg -re -i in.mp4 -c copy -f flv "${rtmp}/${path}"`],
      ],
      ["WHIP", `${own}/whip`],
    ]),
  ];
}

function tableOf(rows) {
  const shown = rows.map(([title, text]) => {
    const code = make("code", { title: text }, text);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, title),
      make("td", {}, code),
      make("td", {}, copyButton(title, { text: () => text, code })),
    );
  });
  return make("table", { class: "urls" }, make("tbody", {}, ...shown));
}

/** The page's own address as a code. */
function phoneCode() {
  const page = `${location.origin}${location.pathname}`;
  return [make(
    "div",
    { class: "phone" },
    make("h2", {}, "On a phone"),
    make("img", {
      class: "code",
      alt: `QR code of ${page}`,
      loading: "lazy",
      src: `${base}/console/qr.svg?text=${encodeURIComponent(page)}`,
    }),
  )];
}

const megabits = (value) => `${value.toFixed(1)} Mb/s`;
const frames = (value) => `${value.toFixed(0)} fps`;
const milliseconds = (value) => `${value.toFixed(0)} ms`;
const PLOTS = [
  ["bitrate", "Bit rate", megabits],
  ["fps", "Frames", frames],
  ["av", "Sound ahead of picture", milliseconds],
  ["lag", "Slowest player behind", milliseconds],
  ["skips", "Skips of players", (value) => `${value.toFixed(0)}`],
];

/** A figure of one measure of the last ten minutes: by pointing at it, what it was. */
function figureOf(name, [key, title, shown]) {
  const canvas = make("canvas", {
    role: "img",
    pointermove: ({ offsetX }) => draw(offsetX),
    pointerleave: () => draw(),
  });
  const now = make("strong", {});
  const draw = (pointed) => {
    const series = past(name, key);
    const value = series?.at(-1);
    now.textContent = Number.isFinite(value) ? shown(value) : "";
    canvas.setAttribute("aria-label", `${title}: ${now.textContent || "not known"}`);
    plot(canvas, series, { axis: true, everyMs: EVERY_MS, pointed });
  };
  return {
    figure: make(
      "figure",
      { class: "plot" },
      make("figcaption", {}, make("span", {}, title), now),
      canvas,
    ),
    draw,
  };
}

async function watchStream(name, { facts, advice, below }) {
  const figures = PLOTS.map((row) => figureOf(name, row));
  const about = make("p", { class: "faint" });
  const players = make("tbody");
  const lost = make("p", { class: "error", role: "status" });
  const rows = new Map();
  below.replaceChildren(lost);
  for (;;) {
    try {
      const stream = await api(`streams/${encoded(name)}`);
      lost.textContent = "";
      showStale(false);
      rememberAll(stream);
      if (about.parentNode === null) {
        below.append(
          make("div", { class: "plots" }, ...figures.map(({ figure }) => figure)),
          make("h2", {}, "Who is here"),
          about,
          make("div", { class: "here" }, make("table", {}, players)),
        );
      }
      showChips(facts, factsOf(stream));
      about.textContent = playersOf(stream);
      advice.replaceChildren(
        ...(stream.health?.advice ?? []).map(({ message }) =>
          make("p", { class: "advice" }, message)
        ),
      );
      for (const { draw } of figures) draw();
      const here = [stream.publisher, ...stream.tickets].filter(Boolean);
      showRows(players, { rows, tickets: here });
    } catch (error) {
      if (error instanceof NoToken) {
        below.replaceChildren(
          make("h2", {}, "Measures and players"),
          tokenForm(() => watchStream(name, { facts, advice, below })),
        );
        return;
      }
      lost.textContent = error.message;
      showStale(about.parentNode !== null);
    }
    await wait(EVERY_MS);
  }
}

/** Shows who is here; rows stay as they are while their clients do, and so does the keyboard's focus. */
function showRows(body, { rows, tickets }) {
  const keys = tickets.map(({ action, id }) => `${action} ${id}`);
  for (const [key, { row }] of rows) {
    if (keys.includes(key)) continue;
    row.remove();
    rows.delete(key);
  }
  for (const [at, key] of keys.entries()) {
    const known = rows.get(key) ?? rowOf(tickets[at]);
    known.update(tickets[at]);
    if (rows.has(key)) continue;
    rows.set(key, known);
    body.insertBefore(known.row, body.children[at] ?? null);
  }
}

function rowOf(ticket) {
  const kind = ticket.action === "publish" ? "publishers" : "players";
  const path = kind === "players"
    ? `players/${ticket.id}`
    : `streams/${encoded(ticket.name ?? ticket.stream)}`;
  const who = ticket.user ?? ticket.remoteAddress ?? "";
  const since = make("td", { class: "number" });
  const bytes = make("td", { class: "number" });
  const row = make(
    "tr",
    {},
    make("td", {}, ticket.action === "publish" ? "publishes" : "plays"),
    make("td", {}, ticket.protocol),
    make("td", {}, make("span", { title: ticket.userAgent }, who)),
    since,
    bytes,
    make(
      "td",
      {},
      make("button", {
        type: "button",
        class: "danger",
        "aria-label": `Kick ${ticket.protocol} ${who}`,
        click: async (event) => {
          event.target.disabled = true;
          await api(`${path}?reason=${encodeURIComponent("An operator has ended this")}`, "DELETE")
            .catch((error) => {
              event.target.textContent = error.message;
              event.target.disabled = false;
            });
        },
      }, "Kick"),
    ),
  );
  return {
    row,
    update(ticket) {
      since.textContent = duration(ticket.ageMs);
      bytes.textContent = ticket.bytes === undefined ? "" : bytesText(ticket.bytes);
    },
  };
}
