// Numbers of streams as people read them, and those of the last ten minutes.
import { EVERY_MS } from "./page.js";

const KEPT = 10 * 60 * 1000 / EVERY_MS;

/** Bits a second. */
export function bitrate(bits) {
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mb/s` : `${Math.round(bits / 1000)} kb/s`;
}

/** So many of something. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Hours, minutes, seconds. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** Two lines about a stream: its tracks, its rates. */
export function factsOf({ tracks, health, keyIntervalMs }) {
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

/** Who plays it, by protocol. */
export function playersOf({ players, playersByProtocol }) {
  const parts = Object.entries(playersByProtocol).map(([protocol, count]) =>
    `${count} ${protocol}`
  );
  return `${counted(players, "player")}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}

const history_ = new Map();
/** Skips of all readers, as they were last. */
const skipped = new Map();

/** The values of a measure, the newest last. */
export function past(name, key) {
  return history_.get(`${name} ${key}`);
}

/** Remembers a measure, for the plots. */
function remember(name, key, value) {
  const series = history_.get(`${name} ${key}`) ?? [];
  history_.set(`${name} ${key}`, series);
  series.push(value ?? NaN);
  if (series.length > KEPT) series.shift();
  return series;
}

/** Remembers what is plotted of a stream. */
export function rememberAll(stream) {
  const { name, health, readers } = stream;
  const video = health?.tracks.find(({ kind }) => kind === "video");
  remember(name, "bitrate", health?.bitrate / 1e6);
  remember(name, "fps", video?.frameRate);
  remember(name, "av", health?.avOffsetMs);
  if (readers === undefined) return;
  remember(name, "lag", Math.max(0, ...readers.map(({ lagMs }) => lagMs)));
  const all = readers.reduce((sum, { skips }) => sum + skips, 0);
  remember(name, "skips", Math.max(0, all - (skipped.get(name) ?? all)));
  skipped.set(name, all);
}
