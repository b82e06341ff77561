// What was recorded: a time line of each stream, pictures of it that this browser decodes, and a player.
import { api, base, command, encoded, main, make } from "./page.js";
import { loadScript } from "./player.js";

const HOUR_MS = 3_600_000;
/** What the time line may show, the widest first. */
const SPANS = [
  [24 * HOUR_MS, "Day"],
  [6 * HOUR_MS, "6 hours"],
  [HOUR_MS, "Hour"],
  [HOUR_MS / 6, "10 minutes"],
  [HOUR_MS / 60, "Minute"],
];
const PICTURES = 8;
/** A picture that cannot be read by then is left out, milliseconds. */
const PICTURE_MS = 8000;
/** Files of one page of the list, and pages that are read at most. */
const LIMIT = 1000;
const MOST_PAGES = 20;

/** The files of all streams, or of one. */
async function listed(query) {
  const items = [];
  for (let page = 1; page <= MOST_PAGES; page++) {
    const part = await api(`recordings?limit=${LIMIT}&page=${page}${query}`);
    items.push(...part.items);
    if (part.items.length < LIMIT) break;
  }
  return items.map((item) => ({
    ...item,
    from: Date.parse(item.start),
    to: item.end === null ? Date.now() : Date.parse(item.end),
  }));
}

/** Shows the page. */
export async function showRecordings() {
  document.title = "Recordings – weir";
  const files = await listed("");
  const names = [...new Set(files.map(({ name }) => name))].sort();
  if (names.length === 0) {
    main.replaceChildren(
      make(
        "div",
        { class: "empty" },
        make("h1", {}, "Nothing is recorded"),
        make("p", {}, "Streams are recorded by a rule:"),
        command("command", "weir --record 'live/*=recordings'"),
      ),
    );
    return;
  }
  const asked = new URLSearchParams(location.search).get("name");
  const place = make("div");
  const choice = make(
    "select",
    { id: "stream", change: () => show(choice.value) },
    ...names.map((name) => make("option", { value: name }, name)),
  );
  const show = (name) => {
    choice.value = name;
    showTimeLine(place, { name, files: files.filter((file) => file.name === name) });
  };
  main.replaceChildren(
    make("h1", {}, "Recordings"),
    make("div", { class: "row" }, make("label", { for: "stream" }, "Stream"), choice),
    place,
  );
  show(names.includes(asked) ? asked : names[0]);
}

/** The time line of one stream, with its player and pictures. */
function showTimeLine(place, { name, files }) {
  const newest = Math.max(...files.map(({ to }) => to));
  // All of it, or the last day.
  const [span] = SPANS.findLast(([span]) => newest - files[0].from <= span) ?? SPANS[0];
  const state = { span, end: newest, at: Math.max(files[0].from, newest - span) };
  const path = `${base}/v1/recordings/${encoded(name)}`;
  const video = make("video", { controls: true, playsinline: true });
  const hint = make("span", { class: "hint", role: "status" });
  const canvas = make("canvas", {
    class: "timeline",
    tabindex: 0,
    role: "slider",
    "aria-label": "Time",
    click: ({ offsetX }) => go(timeAt(offsetX)),
    keydown: (event) => onKey(event),
  });
  const label = make("p", { role: "status" });
  const pictures = make("div", { class: "pictures" });
  const cut = make("a", { download: "" }, "Save a minute from here");
  const buttons = SPANS.map(([span, title]) =>
    make("button", { type: "button", "aria-pressed": "false", click: () => zoom(span) }, title)
  );
  const step = (direction) =>
    make("button", {
      type: "button",
      "aria-label": direction < 0 ? "Earlier" : "Later",
      click: () => move(direction * state.span / 2),
    }, direction < 0 ? "◀" : "▶");
  let hls;
  let drawing = 0;

  const timeAt = (x) => state.end - state.span + state.span * x / canvas.clientWidth;
  const fileAt = (time) => files.find(({ from, to }) => from <= time && time < to);

  function onKey(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
    if (event.key in steps) go(state.at + steps[event.key] * state.span / 60);
    else if (event.key === "Home") go(files[0].from);
    else if (event.key === "End") go(newest - 1000);
    else return;
    event.preventDefault();
  }

  function move(ms) {
    state.end = Math.min(newest, Math.max(files[0].from + state.span / 2, state.end + ms));
    draw();
  }

  function zoom(span) {
    // What plays stays in sight.
    state.end = Math.min(newest, state.at + span / 2);
    state.span = span;
    draw();
  }

  /** Plays from a time on, or from the next that was recorded. */
  function go(time) {
    const next = fileAt(time) ?? files.find(({ from }) => from > time) ?? files.at(-1);
    state.at = Math.min(next.to - 1, Math.max(next.from, time));
    if (state.at < state.end - state.span || state.at > state.end) {
      state.end = Math.min(newest, state.at + state.span / 2);
    }
    draw();
    void play(state.at);
  }

  async function play(from) {
    hint.textContent = "";
    const Hls = await loadScript("hls.js", "Hls");
    hls?.destroy();
    hls = undefined;
    const url = `${path}/index.m3u8?from=${Math.round(from)}`;
    if (Hls.isSupported()) {
      hls = new Hls({ enableWorker: false, startPosition: 0 });
      hls.on(Hls.Events.ERROR, (_, { fatal, details }) => {
        if (fatal) hint.textContent = details;
      });
      hls.loadSource(url);
      hls.attachMedia(video);
    } else video.src = url;
    video.play().catch(() => {});
  }

  function draw() {
    const from = state.end - state.span;
    for (const [at, button] of buttons.entries()) {
      button.setAttribute("aria-pressed", String(SPANS[at][0] === state.span));
    }
    label.textContent = `${shown(from)} – ${shown(state.end)}; from ${shown(state.at)}`;
    canvas.setAttribute("aria-valuetext", shown(state.at));
    cut.href = `${path}.mp4?from=${Math.round(state.at)}&duration=60`;
    drawTimeLine(canvas, { ...state, from, files });
    void drawPictures(++drawing);
  }

  /** Pictures along what is shown: each is the first of a cut, and decoded by this browser. */
  async function drawPictures(mine) {
    const from = state.end - state.span;
    const step = state.span / PICTURES;
    const places = Array.from({ length: PICTURES }, (_, at) => {
      const [start, end] = [from + at * step, from + (at + 1) * step];
      const file = files.find((one) => one.to > start && one.from < end);
      const time = Math.max(start, file?.from ?? start);
      const picture = make("canvas", { width: 160, height: 90 });
      return {
        file,
        time,
        picture,
        element: make(
          "button",
          { type: "button", disabled: file === undefined, click: () => go(time) },
          picture,
          make("span", {}, clock(time)),
        ),
      };
    });
    pictures.replaceChildren(...places.map(({ element }) => element));
    for (const { file, time, picture } of places) {
      if (drawing !== mine) return;
      if (file !== undefined) {
        await drawPicture(picture, `${path}.mp4?from=${Math.round(time)}&duration=0.1`);
      }
    }
  }

  place.replaceChildren(
    make("div", { class: "picture large" }, video, hint),
    make("div", { class: "row" }, step(-1), ...buttons, step(1), cut),
    canvas,
    label,
    pictures,
  );
  draw();
  addEventListener("resize", draw);
}

/** Draws the first picture of a video, which the browser decodes. */
function drawPicture(canvas, url) {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  return new Promise((resolve) => {
    const limit = setTimeout(done, PICTURE_MS);
    function done() {
      clearTimeout(limit);
      video.removeAttribute("src");
      video.load();
      resolve();
    }
    video.onerror = done;
    video.onloadeddata = () => {
      const { videoWidth: width, videoHeight: height } = video;
      const scale = Math.min(canvas.width / width, canvas.height / height);
      const [w, h] = [width * scale, height * scale];
      canvas.getContext("2d").drawImage(
        video,
        (canvas.width - w) / 2,
        (canvas.height - h) / 2,
        w,
        h,
      );
      done();
    };
    video.src = url;
  });
}

/** What is recorded as blocks, hours as lines, and where it plays. */
function drawTimeLine(canvas, { from, end, span, at, files }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = globalThis.devicePixelRatio ?? 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const draw = canvas.getContext("2d");
  draw.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const x = (time) => (time - from) / span * width;
  draw.fillStyle = style.getPropertyValue("--line");
  draw.fillRect(0, 0, width, height - 18);
  draw.fillStyle = style.getPropertyValue("--accent");
  for (const file of files) {
    if (file.to < from || file.from > end) continue;
    draw.fillRect(x(file.from), 4, Math.max(1, x(file.to) - x(file.from)), height - 26);
  }
  draw.fillStyle = style.getPropertyValue("--faint");
  draw.font = "11px system-ui, sans-serif";
  const step = [1 / 6, 1, 2, 5, 10, 30, 60, 120, 360].map((minutes) => minutes * 60_000)
    .find((ms) => span / ms <= Math.max(3, width / 90)) ?? 6 * HOUR_MS;
  for (let time = Math.ceil(from / step) * step; time < end; time += step) {
    draw.fillRect(x(time), height - 18, 1, 5);
    draw.fillText(clock(time), x(time) + 3, height - 3);
  }
  draw.fillStyle = style.getPropertyValue("--bad");
  draw.fillRect(x(at) - 1, 0, 3, height - 18);
}

function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour12: false });
}

function shown(time) {
  return new Date(time).toLocaleString([], { hour12: false });
}
