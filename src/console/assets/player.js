// Plays a stream in a video element, by one of several ways; each is loaded when it is chosen.
import { ask, base, encoded, isLasting, LastingError, statusText, throwUnlessOk } from "./page.js";
import { aheadOf, keepAtLiveEdge } from "./live_edge.js";

/** Loads a script once, and resolves with the global that it makes. */
const loaded = new Map();
function load(url, name) {
  if (!loaded.has(url)) {
    loaded.set(
      url,
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = () => resolve(globalThis[name]);
        script.onerror = () => {
          loaded.delete(url);
          script.remove();
          reject(new Error("The player cannot be loaded here"));
        };
        document.head.append(script);
      }),
    );
  }
  return loaded.get(url);
}

/** A player's script of this server: its global. */
export function loadScript(file, name) {
  return load(`${base}/console/${file}`, name);
}

/** The ways to play, as `?way=` names them. */
const WAYS = {
  "webrtc": playWebRtc,
  "flv": playFlv,
  "ws-flv": (video, parts) => playFlv(video, { ...parts, isSocket: true }),
  "hls": playHls,
  "plain-hls": (video, parts) => playHls(video, { ...parts, isPlain: true }),
  "mp4": playMp4,
};

/**
 * Starts to play; `stop` ends it, `latencyMs` tells how far the picture is behind what has arrived or was sent. `onFail`
 * is told in words why it does not play, and by `isLasting` whether it would not in the same way again; a stream that
 * ends ends in the element.
 */
export function startPlayer(video, { name, way, query, onFail, onNote = () => {} }) {
  const path = `${base}/${encoded(name)}`;
  const state = { isStopped: false, end: () => {}, latencyMs: () => undefined };
  const fail = (reason, isLasting = false) => {
    if (!state.isStopped) onFail(reason, { isLasting });
  };
  const run = Object.hasOwn(WAYS, way) ? WAYS[way] : playFlv;
  run(video, { name, path, query, state, fail, onNote }).catch((error) =>
    fail(error.message, error instanceof LastingError)
  );
  return {
    stop() {
      state.isStopped = true;
      state.end();
      video.removeAttribute("src");
      video.srcObject = null;
      video.load();
    },
    latencyMs: () => state.latencyMs(),
  };
}

async function playFlv(video, { path, query, state, fail, isSocket = false }) {
  const mpegts = await loadScript("mpegts.js", "mpegts");
  if (state.isStopped) return;
  if (!mpegts.isSupported()) {
    throw new LastingError("This browser cannot play HTTP-FLV: choose LL-HLS");
  }
  const url = new URL(`${path}.flv${query}`, location.href);
  if (isSocket) url.protocol = url.protocol.replace("http", "ws");
  const player = mpegts.createPlayer({ type: "flv", isLive: true, url: url.href }, {
    enableStashBuffer: false,
    autoCleanupSourceBuffer: true,
  });
  player.on(mpegts.Events.ERROR, (kind, detail, { code }) => {
    if (kind !== mpegts.ErrorTypes.NETWORK_ERROR) return fail(`${kind}: ${detail}`);
    const status = code > 0 ? code : 0;
    fail(statusText(status), isLasting(status));
  });
  player.attachMediaElement(video);
  player.load();
  player.play()?.catch?.(() => {});
  const leave = keepAtLiveEdge(video);
  state.end = () => {
    leave();
    player.destroy();
  };
  state.latencyMs = () => aheadOf(video) * 1000;
}

async function playHls(video, { path, query, state, fail, onNote, isPlain = false }) {
  const url = `${path}/index.m3u8${query}`;
  const Hls = await loadScript("hls.js", "Hls");
  if (state.isStopped) return;
  if (!Hls.isSupported()) {
    video.onerror = () => fail(video.error?.message || statusText(0));
    video.src = url;
    state.end = () => {
      video.onerror = null;
    };
    return;
  }
  const { fragLoadPolicy } = Hls.DefaultConfig;
  const hls = new Hls({
    lowLatencyMode: !isPlain,
    enableWorker: false,
    // Whoever has failed so often is started anew: by itself it would go on for half a minute.
    fragLoadPolicy: {
      default: {
        ...fragLoadPolicy.default,
        errorRetry: { maxNumRetry: 2, retryDelayMs: 1000, maxRetryDelayMs: 2000 },
      },
    },
  });
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details, response }) => {
    if (!fatal) return;
    if (type !== Hls.ErrorTypes.NETWORK_ERROR) return fail(details);
    const status = response?.code ?? 0;
    fail(statusText(status), isLasting(status));
  });
  hls.on(Hls.Events.MANIFEST_LOADED, (_, { levels }) => {
    const codecs = levels.flatMap(({ attrs }) => (attrs.CODECS ?? "").split(","));
    const unknown = [...new Set(codecs)].filter((codec) => !knows(codec));
    if (unknown.length > 0) onNote(`This browser cannot play ${unknown.join(", ")} in MP4`);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  video.play().catch(() => {});
  state.end = () => hls.destroy();
  state.latencyMs = () => hls.latency * 1000;
}

/** Whether a browser has a codec in MP4, sound or picture. */
function knows(codec) {
  const media = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
  return codec === "" ||
    ["video", "audio"].some((kind) => media.isTypeSupported(`${kind}/mp4; codecs="${codec}"`));
}

/** What needs no script: the browser reads it as a file that does not end. */
async function playMp4(video, { path, query, state, fail }) {
  video.onerror = () => fail(video.error?.message || "This browser cannot play the stream as MP4");
  video.src = `${path}.mp4${query}`;
  // It is left as far behind as it begins: to seek, the browser would ask for the stream anew.
  state.end = () => {
    video.onerror = null;
  };
  state.latencyMs = () => aheadOf(video) * 1000;
  await video.play();
}

async function playWebRtc(video, { name, query, state, fail, onNote }) {
  const connection = new RTCPeerConnection();
  state.end = () => connection.close();
  const media = new MediaStream();
  connection.addTransceiver("video", { direction: "recvonly" });
  connection.addTransceiver("audio", { direction: "recvonly" });
  connection.ontrack = ({ track }) => {
    media.addTrack(track);
    video.srcObject = media;
    video.play().catch(() => {});
  };
  connection.onconnectionstatechange = () => {
    if (connection.connectionState === "failed") fail("The way by UDP is closed");
  };
  await connection.setLocalDescription();
  const answer = await ask(`${encoded(name)}/whep${query}`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  await throwUnlessOk(answer);
  const session = answer.headers.get("location");
  const notes = [answer.headers.get("weir-left-out"), answer.headers.get("weir-note")];
  onNote(notes.filter((note) => note !== null).join(". "));
  await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  state.end = () => {
    connection.close();
    if (session !== null) fetch(session, { method: "DELETE" }).catch(() => {});
  };
  if (state.isStopped) return state.end();
  whenEnded(connection, () => fail("The stream has ended"));
  state.latencyMs = async () => {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "inbound-rtp" || report.kind !== "video") continue;
      return report.jitterBufferDelay / report.jitterBufferEmittedCount * 1000;
    }
  };
}

/** Calls when the server has ended a connection of WebRTC, which the connection's own state tells only much later. */
export function whenEnded(connection, call) {
  const transport = connection.getTransceivers()[0]?.sender.transport;
  transport?.addEventListener("statechange", () => {
    // What this page has closed, it knows.
    if (transport.state === "closed" && connection.signalingState !== "closed") call();
  });
}
