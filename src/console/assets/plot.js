/** Draws a series as a line: the newest value at the right, gaps where nothing was known. */
export function plot(canvas, series = [], { axis }) {
  const { width, height } = canvas.getBoundingClientRect();
  if (width === 0) return;
  const scale = globalThis.devicePixelRatio ?? 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const draw = canvas.getContext("2d");
  draw.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const known = series.filter(Number.isFinite);
  if (known.length === 0) return;
  const low = Math.min(0, ...known);
  const high = Math.max(...known, low + 1e-9);
  const left = axis ? 48 : 0;
  const x = (at) => left + (width - left) * (series.length < 2 ? 1 : at / (series.length - 1));
  const y = (value) => height - 4 - (height - 8) * (value - low) / (high - low);
  draw.strokeStyle = style.getPropertyValue("--accent");
  draw.lineWidth = 1.5;
  draw.beginPath();
  let isDown = false;
  for (const [at, value] of series.entries()) {
    if (!Number.isFinite(value)) isDown = false;
    else if (isDown) draw.lineTo(x(at), y(value));
    else {
      draw.moveTo(x(at), y(value));
      isDown = true;
    }
  }
  draw.stroke();
  if (!axis) return;
  draw.fillStyle = style.getPropertyValue("--faint");
  draw.font = "11px system-ui, sans-serif";
  draw.fillText(shown(high), 0, 12);
  draw.fillText(shown(low), 0, height - 4);
}

function shown(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}
