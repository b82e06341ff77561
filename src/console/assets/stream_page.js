// The page of a stream: its player, its addresses, its measures, and who is here.
import { cameraButton } from "./camera.js";
import { factsOf, past, playersOf, rememberAll } from "./measures.js";
import { api, base, encoded, EVERY_MS, main, make, NoToken, tokenForm, wait } from "./page.js";
import { startPlayer } from "./player.js";
import { plot } from "./plot.js";

const WAYS = [["webrtc", "WebRTC"], ["flv", "HTTP-FLV"], ["hls", "LL-HLS"]];

/** Shows it; `?embed=1` is the player alone. */
export function showStream(name) {
  const query = new URLSearchParams(location.search);
  const video = make("video", { controls: true, autoplay: true, playsinline: true });
  video.muted = true;
  const hint = make("span", { class: "hint", role: "status" });
  const latency = make("span", { role: "status" });
  const note = make("p", { class: "note", role: "status" });
  let player;
  const buttons = new Map(WAYS.map(([way, title]) => [
    way,
    make("button", { type: "button", "aria-pressed": "false", click: () => choose(way) }, title),
  ]));
  function choose(way) {
    player?.stop();
    hint.textContent = "";
    note.textContent = "";
    latency.textContent = "";
    for (const [other, button] of buttons) {
      button.setAttribute("aria-pressed", String(other === way));
    }
    player = startPlayer(video, {
      name,
      way,
      query: location.search,
      onFail: (reason) => {
        hint.textContent = reason;
      },
      onNote: (text) => {
        note.textContent = text;
      },
    });
  }
  setInterval(async () => {
    const ms = await player?.latencyMs();
    latency.textContent = Number.isFinite(ms) ? `${Math.round(ms)} ms wait in this player` : "";
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
  const side = make("div", {}, ...urlsOf(name), details);
  const below = make("div");
  main.replaceChildren(
    make("h1", { class: "live on" }, name),
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
  // Who has the token sees the ports that there are, others the usual ones.
  api("").then(
    ({ addresses }) => side.replaceChildren(...urlsOf(name, addresses), details),
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

const USUAL = [{ protocol: "rtmp", port: 1935 }, { protocol: "rtsp", port: 8554 }];

function urlsOf(name, addresses = USUAL) {
  const addressOf = (protocol, usual) => {
    const port = addresses.find((address) => address.protocol === protocol)?.port;
    return port === undefined
      ? undefined
      : `${location.hostname}${port === usual ? "" : `:${port}`}`;
  };
  const [rtmp, rtsp] = [addressOf("rtmp", 1935), addressOf("rtsp", 554)];
  const path = encoded(name);
  const at = name.lastIndexOf("/");
  const urls = [
    ...rtmp === undefined ? [] : [
      ["OBS server", `rtmp://${rtmp}/${name.slice(0, at)}`],
      ["OBS key", name.slice(at + 1)],
      ["RTMP", `rtmp://${rtmp}/${path}`],
    ],
    ...rtsp === undefined ? [] : [["RTSP", `rtsp://${rtsp}/${path}`]],
    ["HTTP-FLV", `${location.origin}${base}/${path}.flv`],
    ["HLS", `${location.origin}${base}/${path}/index.m3u8`],
    ["WHIP", `${location.origin}${base}/${path}/whip`],
  ];
  const rows = urls.map(([title, url]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, title),
      make("td", {}, make("code", {}, url)),
      make(
        "td",
        {},
        make("button", {
          type: "button",
          "aria-label": `Copy ${title}`,
          click: (event) => {
            navigator.clipboard?.writeText(url);
            event.target.textContent = "Copied";
          },
        }, "Copy"),
      ),
    )
  );
  const page = `${location.origin}${location.pathname}`;
  return [
    make("table", {}, make("tbody", {}, ...rows)),
    make("h2", {}, "On a phone"),
    make("img", {
      class: "code",
      alt: `QR code of ${page}`,
      src: `${base}/console/qr.svg?text=${encodeURIComponent(page)}`,
    }),
    cameraButton(name),
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
  details.replaceChildren(make("h2", {}, "Stream"), facts, advice);
  below.replaceChildren(
    lost,
    make("div", { class: "plots" }, ...canvases.map(({ figure }) => figure)),
    make("h2", {}, "Who is here"),
    make("table", {}, players),
  );
  for (;;) {
    try {
      const stream = await api(`streams/${encoded(name)}`);
      lost.textContent = "";
      rememberAll(stream);
      facts.textContent = [...factsOf(stream), playersOf(stream)].filter(Boolean).join("; ");
      advice.replaceChildren(
        ...(stream.health?.advice ?? []).map(({ message }) =>
          make("p", { class: "advice" }, message)
        ),
      );
      for (const { key, canvas } of canvases) {
        plot(canvas, past(name, key), { axis: true });
      }
      players.replaceChildren(...[stream.publisher, ...stream.tickets].filter(Boolean).map(rowOf));
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
            });
        },
      }, "Kick"),
    ),
  );
}
