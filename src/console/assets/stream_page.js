// The page of a stream: its player, its addresses, its measures, and who is here.
import { cameraButton } from "./camera.js";
import { factsOf, past, playersOf, rememberAll } from "./measures.js";
import { api, ask, base, encoded, EVERY_MS, main, make, NoToken, tokenForm, wait } from "./page.js";
import { plot } from "./plot.js";
import { steadyPlayer } from "./steady_player.js";

const WAYS = [["webrtc", "WebRTC"], ["flv", "HTTP-FLV"], ["hls", "LL-HLS"]];

/** Shows it; `?embed=1` is the player alone. */
export function showStream(name) {
  const query = new URLSearchParams(location.search);
  const video = make("video", { controls: true, autoplay: true, playsinline: true });
  video.muted = true;
  const hint = make("span", { class: "hint", role: "status" });
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
  function choose(way) {
    note.textContent = "";
    latency.textContent = "";
    for (const [other, button] of buttons) {
      button.setAttribute("aria-pressed", String(other === way));
    }
    player.choose(way);
  }
  setInterval(async () => {
    const ms = await player.latencyMs();
    // What has run dry waits for nothing, by clocks that differ a little.
    const waitMs = Math.max(0, Math.round(ms));
    latency.textContent = Number.isFinite(ms) ? `${waitMs} ms wait in this player` : "";
  }, 1000);
  const picture = make("div", { class: "picture" }, video, hint);
  const isEmbedded = query.get("embed") === "1";
  if (isEmbedded) {
    document.body.classList.add("embed");
    main.replaceChildren(picture);
    return choose(query.get("way") ?? "flv");
  }
  document.title = `${name} – weir`;
  const details = make("div");
  const urls = make("tbody");
  const side = make(
    "div",
    {},
    make("table", {}, urls),
    ...phoneCode(),
    cameraButton(name),
    details,
  );
  const below = make("div");
  const title = make("h1", { class: "live" }, name);
  video.addEventListener("playing", () => title.classList.add("on"));
  for (const event of ["waiting", "emptied"]) {
    video.addEventListener(event, () => title.classList.remove("on"));
  }
  urls.replaceChildren(...urlsOf(name, []));
  main.replaceChildren(
    title,
    make(
      "div",
      { class: "stage" },
      make(
        "div",
        {},
        picture,
        make("div", { class: "row" }, ...buttons.values(), latency),
        note,
        below,
      ),
      side,
    ),
  );
  choose(query.get("way") ?? "flv");
  addEventListener("keydown", (event) => onKey(event, { video, choose }));
  addressesOf(name).then(
    (addresses) => urls.replaceChildren(...urlsOf(name, addresses)),
    () => {},
  );
  watchStream(name, { details, below });
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

/** Rows with the addresses of a stream, to copy. */
function urlsOf(name, addresses) {
  const doors = DOORS.flatMap(([protocol, usual]) => {
    const port = addresses.find((address) => address.protocol === protocol)?.port;
    if (port === undefined) return [];
    const host = `${location.hostname}${port === usual ? "" : `:${port}`}`;
    return [[protocol.toUpperCase(), `${protocol}://${host}`]];
  });
  const path = encoded(name);
  const at = name.lastIndexOf("/");
  const obs = doors.find(([protocol]) => protocol.startsWith("RTMP"))?.[1];
  const urls = [
    ...obs === undefined ? [] : [
      ["OBS server", `${obs}/${name.slice(0, at)}`],
      ["OBS key", name.slice(at + 1)],
    ],
    ...doors.map(([protocol, door]) => [protocol, `${door}/${path}`]),
    ["HTTP-FLV", `${location.origin}${base}/${path}.flv`],
    ["HLS", `${location.origin}${base}/${path}/index.m3u8`],
    ["WHIP", `${location.origin}${base}/${path}/whip`],
  ];
  return urls.map(([title, url]) => {
    const code = make("code", {}, url);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, title),
      make("td", {}, code),
      make(
        "td",
        {},
        make("button", {
          type: "button",
          "aria-label": `Copy ${title}`,
          click: (event) => copy(code, event.target),
        }, "Copy"),
      ),
    );
  });
}

/** Copies a text; browsers let pages of HTTPS and of this machine do that alone, so elsewhere it is selected. */
async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
}

/** The page's own address as a code. */
function phoneCode() {
  const page = `${location.origin}${location.pathname}`;
  return [
    make("h2", {}, "On a phone"),
    make("img", {
      class: "code",
      alt: `QR code of ${page}`,
      src: `${base}/console/qr.svg?text=${encodeURIComponent(page)}`,
    }),
  ];
}

const PLOTS = [
  ["bitrate", "Bit rate, Mb/s"],
  ["fps", "Frames a second"],
  [
    "av",
    "Sound ahead of picture, ms",
  ],
  ["lag", "The slowest player behind the publisher, ms"],
  ["skips", "Skips of players in two seconds"],
];

async function watchStream(name, { details, below }) {
  const canvases = PLOTS.map(([key, title]) => {
    const canvas = make("canvas", { role: "img", "aria-label": title });
    return {
      key,
      canvas,
      figure: make("figure", { class: "plot" }, canvas, make("figcaption", {}, title)),
    };
  });
  const facts = make("p");
  const advice = make("div");
  const players = make("tbody");
  const lost = make("p", { class: "error", role: "status" });
  const rows = new Map();
  below.replaceChildren(lost);
  for (;;) {
    try {
      const stream = await api(`streams/${encoded(name)}`);
      lost.textContent = "";
      rememberAll(stream);
      if (facts.parentNode === null) {
        details.replaceChildren(make("h2", {}, "Stream"), facts, advice);
        below.append(
          make("div", { class: "plots" }, ...canvases.map(({ figure }) => figure)),
          make("h2", {}, "Who is here"),
          make("table", {}, players),
        );
      }
      facts.textContent = [...factsOf(stream), playersOf(stream)].filter(Boolean).join("; ");
      advice.replaceChildren(
        ...(stream.health?.advice ?? []).map(({ message }) =>
          make("p", { class: "advice" }, message)
        ),
      );
      for (const { key, canvas } of canvases) {
        plot(canvas, past(name, key), { axis: true });
      }
      const here = [stream.publisher, ...stream.tickets].filter(Boolean);
      showRows(players, { rows, tickets: here });
    } catch (error) {
      if (error instanceof NoToken) {
        below.replaceChildren(
          make("h2", {}, "Measures and players"),
          tokenForm(() => watchStream(name, { details, below })),
        );
        return;
      }
      lost.textContent = error.message;
    }
    await wait(EVERY_MS);
  }
}

/** Shows who is here; rows stay as they are while their clients do, and so does the keyboard's focus. */
function showRows(body, { rows, tickets }) {
  const keys = tickets.map(({ action, id }) => `${action} ${id}`);
  for (const [key, row] of rows) {
    if (keys.includes(key)) continue;
    row.remove();
    rows.delete(key);
  }
  for (const [at, key] of keys.entries()) {
    if (rows.has(key)) continue;
    const row = rowOf(tickets[at]);
    rows.set(key, row);
    body.insertBefore(row, body.children[at] ?? null);
  }
}

function rowOf(ticket) {
  const kind = ticket.action === "publish" ? "publishers" : "players";
  const path = kind === "players"
    ? `players/${ticket.id}`
    : `streams/${encoded(ticket.name ?? ticket.stream)}`;
  return make(
    "tr",
    {},
    make("td", {}, ticket.action === "publish" ? "publishes" : "plays"),
    make("td", {}, ticket.protocol),
    make("td", {}, ticket.user ?? ticket.remoteAddress ?? ""),
    make(
      "td",
      {},
      make("button", {
        type: "button",
        class: "danger",
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
}
