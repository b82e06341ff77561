// Draws series as lines, with what they were at when somebody points there.

/** The least that is shown of the past, in values: a line that has just begun is no line yet. Without an axis less. */
const LEAST_VALUES = 60;
const LEAST_BARE_VALUES = 12;
const AXIS_PX = 46;
const FOOT_PX = 16;

/**
 * Draws a series: the newest value at the right, gaps where nothing was known. `pointed` is where the pointer is over
 * the canvas, in pixels; what the series was there is written beside. Without `axis` it is the line alone.
 */
export function plot(canvas, series = [], { axis, everyMs = 0, pointed, shown = short }) {
  const { width, height } = canvas.getBoundingClientRect();
  if (width === 0) return;
  const scale = globalThis.devicePixelRatio ?? 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const draw = canvas.getContext("2d");
  draw.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  draw.font = "11px system-ui, sans-serif";
  const known = series.filter(Number.isFinite);
  if (known.length === 0) {
    if (!axis) return;
    draw.fillStyle = colour("--faint");
    draw.fillText("Nothing is known of it yet", 0, height / 2);
    return;
  }
  const { low, high } = boundsOf(known);
  const left = axis ? AXIS_PX : 0;
  const bottom = height - (axis ? FOOT_PX : 2);
  const values = Math.max(axis ? LEAST_VALUES : LEAST_BARE_VALUES, series.length);
  const x = (at) => left + (width - left - 3) * (at + values - series.length) / (values - 1);
  const y = (value) => bottom - (bottom - 6) * (value - low) / (high - low);

  if (axis) drawAxis();
  for (const run of runsOf(series)) drawRun(run);
  if (axis && pointed !== undefined) drawPointed();

  function drawAxis() {
    draw.textBaseline = "middle";
    for (const value of [low, (low + high) / 2, high]) {
      const at = Math.round(y(value)) + 0.5;
      draw.strokeStyle = colour("--line");
      draw.beginPath();
      draw.moveTo(left, at);
      draw.lineTo(width, at);
      draw.stroke();
      draw.fillStyle = colour("--faint");
      draw.fillText(shown(value), 0, at);
    }
    draw.textBaseline = "alphabetic";
    draw.fillText(`${spanOf(values * everyMs)} ago`, left, height - 2);
    draw.textAlign = "right";
    draw.fillText("now", width, height - 2);
    draw.textAlign = "left";
  }

  function drawRun(run) {
    const line = new Path2D();
    for (const at of run) line.lineTo(x(at), y(series[at]));
    const area = new Path2D(line);
    area.lineTo(x(run.at(-1)), y(low));
    area.lineTo(x(run[0]), y(low));
    const fade = draw.createLinearGradient(0, 0, 0, bottom);
    fade.addColorStop(0, colour("--accent"));
    fade.addColorStop(1, "transparent");
    draw.globalAlpha = 0.28;
    draw.fillStyle = fade;
    draw.fill(area);
    draw.globalAlpha = 1;
    draw.strokeStyle = colour("--accent");
    draw.lineWidth = 1.75;
    draw.lineJoin = "round";
    draw.stroke(line);
    // A value that stands alone is no line.
    if (run.length > 1 && run.at(-1) !== series.length - 1) return;
    draw.fillStyle = colour("--accent");
    draw.beginPath();
    draw.arc(x(run.at(-1)), y(series[run.at(-1)]), 2.5, 0, 7);
    draw.fill();
  }

  function drawPointed() {
    const at = Math.round((pointed - left) / (width - left - 3) * (values - 1)) -
      (values - series.length);
    const value = series[at];
    if (!Number.isFinite(value)) return;
    draw.strokeStyle = colour("--faint");
    draw.beginPath();
    draw.moveTo(x(at), 0);
    draw.lineTo(x(at), bottom);
    draw.stroke();
    draw.fillStyle = colour("--text");
    draw.beginPath();
    draw.arc(x(at), y(value), 3.5, 0, 7);
    draw.fill();
    const text = `${shown(value)}, ${spanOf((series.length - 1 - at) * everyMs)} ago`;
    draw.textAlign = x(at) > width - 110 ? "right" : "left";
    draw.fillText(text, x(at) + (draw.textAlign === "right" ? -7 : 7), 12);
    draw.textAlign = "left";
  }
}

/** From nothing to a round number above the highest; the lowest below nothing. */
function boundsOf(known) {
  const high = rounded(Math.max(...known));
  const low = -rounded(-Math.min(0, ...known));
  return { low: low === 0 ? 0 : low, high: Math.max(high, low === 0 ? 1 : 0) };
}

/** The next of 1, 1.5, 2, 3, 4, 5, 6, 8 and 10 times a power of ten, with some room. */
function rounded(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * 1.05);
  return (step ?? 15) * power;
}

/** The places of values that follow each other without a gap. */
function runsOf(series) {
  const runs = [];
  for (const [at, value] of series.entries()) {
    if (!Number.isFinite(value)) continue;
    if (at > 0 && Number.isFinite(series[at - 1])) runs.at(-1).push(at);
    else runs.push([at]);
  }
  return runs;
}

function spanOf(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function short(value) {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}
