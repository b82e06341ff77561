// The console: a wall of the live streams, and a page for each. It reads the API that programs have; playing needs
// nothing but what any player needs.
import { startPlayer } from "./player.js";
import { plot } from "./plot.js";

const base = document.body.dataset.base;
const main = document.getElementById("main");
const summary = document.getElementById("summary");
const query = new URLSearchParams(location.search);
const TOKEN = "weir token";
const EVERY_MS = 2000;
const KEPT = 10 * 60 * 1000 / EVERY_MS;

// The token comes in the fragment, which no server and no page of another origin sees, and goes from the address.
const given = /^#token=(.+)$/.exec(location.hash);
if (given !== null) {
  sessionStorage.setItem(TOKEN, decodeURIComponent(given[1]));
  history.replaceState(null, "", location.pathname + location.search);
}

/** Makes an element; text is never read as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

class NoToken extends Error {}

async function api(path, method = "GET") {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`${base}/v1${path === "" ? "" : `/${path}`}`, { method, headers });
  if (answer.status === 401 || answer.status === 403) throw new NoToken();
  if (!answer.ok) {
    throw new Error((await answer.json().catch(() => ({}))).reason ?? answer.statusText);
  }
  return answer.status === 204 ? undefined : await answer.json();
}

const encoded = (name) => name.split("/").map(encodeURIComponent).join("/");

function bitrate(bits) {
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mb/s` : `${Math.round(bits / 1000)} kb/s`;
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

function factsOf({ tracks, health, keyIntervalMs }) {
  const video = tracks.find(({ kind }) => kind === "video");
  const audio = tracks.find(({ kind }) => kind === "audio");
  const measured = health?.tracks.find(({ kind }) => kind === "video");
  return [
    [
      video && `${video.codec ?? "video"}${video.width ? ` ${video.width}×${video.height}` : ""}`,
      measured?.frameRate && `${measured.frameRate.toFixed(0)} fps`,
      audio && (audio.codec ?? "audio"),
    ].filter(Boolean).join(", "),
    [
      health && bitrate(health.bitrate),
      keyIntervalMs && `key frame each ${(keyIntervalMs / 1000).toFixed(1)} s`,
    ].filter(Boolean).join(", "),
  ];
}

function playersOf({ players, playersByProtocol }) {
  const parts = Object.entries(playersByProtocol).map(([protocol, count]) =>
    `${count} ${protocol}`
  );
  return `${players} ${players === 1 ? "player" : "players"}${
    parts.length ? `: ${parts.join(", ")}` : ""
  }`;
}

function tokenForm(onGiven) {
  const input = make("input", { type: "password", id: "token", autocomplete: "off", size: 32 });
  return make(
    "form",
    {
      class: "row",
      submit: (event) => {
        event.preventDefault();
        sessionStorage.setItem(TOKEN, input.value);
        onGiven();
      },
    },
    make("label", { for: "token" }, "Token of the API"),
    input,
    make("button", { type: "submit" }, "Open"),
    make("p", {}, "weir prints it as it starts, or an operator has set it."),
  );
}

const history_ = new Map();

/** Remembers a measure, for the plots. */
function remember(name, key, value) {
  const series = history_.get(`${name} ${key}`) ?? [];
  history_.set(`${name} ${key}`, series);
  series.push(value ?? NaN);
  if (series.length > KEPT) series.shift();
  return series;
}

function rememberAll(stream) {
  const { name, health } = stream;
  const video = health?.tracks.find(({ kind }) => kind === "video");
  remember(name, "bitrate", health?.bitrate / 1e6);
  remember(name, "fps", video?.frameRate);
  remember(name, "av", health?.avOffsetMs);
}

// The wall.

async function showWall() {
  const wall = make("ul", { class: "wall" });
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
  main.replaceChildren(empty, wall);
  const cards = new Map();
  for (;;) {
    const [{ items }, server] = await Promise.all([api("streams?limit=1000"), api("")]);
    const live = items.filter(({ isLive }) => isLive);
    summary.textContent = `${server.streams} live, ${server.players} players, up ${
      duration(server.uptimeMs)
    }, weir ${server.version}`;
    empty.hidden = live.length > 0;
    for (const stream of live) {
      rememberAll(stream);
      const card = cards.get(stream.name) ?? makeCard(stream.name);
      cards.set(stream.name, card);
      card.update(stream);
      if (card.element.parentNode === null) wall.append(card.element);
    }
    for (const [name, card] of cards) {
      if (live.some((stream) => stream.name === name)) continue;
      card.stop();
      card.element.remove();
      cards.delete(name);
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

function makeCard(name) {
  const video = make("video", { muted: true, playsinline: true });
  video.muted = true;
  const hint = make("span", { class: "hint" }, "preview");
  const title = make("strong", { class: "live on" }, name);
  const lines = [make("p"), make("p"), make("p")];
  const spark = make("canvas", { class: "spark", "aria-hidden": true });
  let player;
  const stop = () => {
    player?.stop();
    player = undefined;
    hint.hidden = false;
  };
  const start = () => {
    if (player !== undefined) return;
    hint.hidden = true;
    player = startPlayer(video, { base, name, way: "flv", query: "", onFail: stop });
  };
  const element = make(
    "li",
    { class: "card" },
    make(
      "a",
      {
        href: `${base}/${encoded(name)}`,
        mouseenter: start,
        mouseleave: stop,
        focus: start,
        blur: stop,
      },
      make("div", { class: "picture" }, video, hint),
      make("div", { class: "facts" }, title, ...lines, spark),
    ),
  );
  return {
    element,
    stop,
    update(stream) {
      const [tracks, rates] = factsOf(stream);
      const texts = [tracks, rates, playersOf(stream)];
      for (const [at, line] of lines.entries()) line.textContent = texts[at];
      plot(spark, history_.get(`${name} bitrate`), { axis: false });
    },
  };
}

// The page of a stream.

const WAYS = [["webrtc", "WebRTC"], ["flv", "HTTP-FLV"], ["hls", "LL-HLS"]];

function showStream(name) {
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
      base,
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
  // Who has the token sees the ports that there are, others the usual ones.
  api("").then(
    ({ addresses }) => side.replaceChildren(...urlsOf(name, addresses), details),
    () => {},
  );
  watchStream(name, { details, below });
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

function cameraButton(name) {
  const status = make("span", { role: "status" });
  let connection;
  const button = make("button", {
    type: "button",
    click: async () => {
      if (connection !== undefined) {
        connection.close();
        connection = undefined;
        button.textContent = "Publish this camera";
        status.textContent = "";
        return;
      }
      try {
        const media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
        connection = new RTCPeerConnection();
        for (const track of media.getTracks()) {
          connection.addTransceiver(track, { direction: "sendonly", streams: [media] });
        }
        await connection.setLocalDescription();
        const token = sessionStorage.getItem(TOKEN);
        const answer = await fetch(`${base}/${encoded(name)}/whip${location.search}`, {
          method: "POST",
          headers: {
            "content-type": "application/sdp",
            ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          },
          body: connection.localDescription.sdp,
        });
        if (!answer.ok) {
          throw new Error((await answer.json().catch(() => ({}))).reason ?? answer.statusText);
        }
        await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
        button.textContent = "Stop";
        status.textContent = "publishing";
      } catch (error) {
        connection?.close();
        connection = undefined;
        status.textContent = error.message;
      }
    },
  }, "Publish this camera");
  return make("div", { class: "row" }, button, status);
}

const PLOTS = [["bitrate", "Bit rate, Mb/s"], ["fps", "Frames a second"], [
  "av",
  "Sound ahead of picture, ms",
]];

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
    ...canvases.map(({ figure }) => figure),
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
        plot(canvas, history_.get(`${name} ${key}`), { axis: true });
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
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
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

async function show() {
  const name = location.pathname.slice(base.length).replace(/^\/|\/$/g, "")
    .split("/").map(decodeURIComponent).join("/");
  if (name !== "") return showStream(name);
  try {
    await showWall();
  } catch (error) {
    if (error instanceof NoToken) {
      main.replaceChildren(make("h1", {}, "weir"), tokenForm(show));
      return;
    }
    summary.textContent = `The server does not answer: ${error.message}`;
    setTimeout(show, EVERY_MS);
  }
}

show();
