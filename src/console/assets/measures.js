// Numbers of streams as people read them, and those of the last ten minutes.
import { EVERY_MS, make } from "./page.js";

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

/** A size in memory or on the wire. */
export function bytesText(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1000)} kB`;
}

/** What a stream is, a word or two each: its tracks, and its rates. */
export function factsOf({ tracks, health, keyIntervalMs }) {
  const measured = health?.tracks.find(({ kind }) => kind === "video");
  const words = tracks.map(({ kind, codec, width, height, sampleRate, channels }) =>
    [
      shownCodec(codec) ?? kind,
      width && `${width}×${height}`,
      sampleRate && `${sampleRate / 1000} kHz`,
      channels && (CHANNELS[channels] ?? `${channels} channels`),
    ].filter(Boolean).join(" ")
  );
  return [
    ...words,
    measured?.frameRate && `${measured.frameRate.toFixed(0)} fps`,
    health?.bitrate !== undefined && bitrate(health.bitrate),
    keyIntervalMs && `key frame each ${(keyIntervalMs / 1000).toFixed(1)} s`,
  ].filter(Boolean);
}

/** Shows facts, each on its own; those that stay the same stay where they are. */
export function showChips(element, facts) {
  while (element.children.length > facts.length) element.lastChild.remove();
  for (const [at, fact] of facts.entries()) {
    const chip = element.children[at] ?? element.appendChild(make("span", { class: "chip" }));
    if (chip.textContent !== fact) chip.textContent = fact;
  }
}

const CHANNELS = { 1: "mono", 2: "stereo", 6: "5.1", 8: "7.1" };

/** Codecs as people write them, where that is another way than the API's. */
const CODECS = {
  h264: "H.264",
  h265: "H.265",
  av1: "AV1",
  vp8: "VP8",
  vp9: "VP9",
  aac: "AAC",
  opus: "Opus",
  mp3: "MP3",
  flac: "FLAC",
  ac3: "AC-3",
  eac3: "E-AC-3",
  pcma: "G.711 A",
  pcmu: "G.711 µ",
};

function shownCodec(codec) {
  return codec && (CODECS[codec] ?? codec);
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
