// Thousands of points on a canvas: painted once per change, not once per frame, so a full sky costs nothing while it is still.

const HUES = new Map();

/** Paint the points ({source, row, x, y} in a circle of radius 106) on a square canvas. */
export function paint(canvas, placed) {
  const pen = canvas.getContext("2d");
  const scale = canvas.width / 212;
  const style = getComputedStyle(canvas);
  HUES.clear();
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (const point of placed) {
    pen.fillStyle = hue(style, point.source);
    pen.globalAlpha = point.row.freshness === "fresh" ? 0.8 : 0.35;
    pen.fillRect((point.x + 106) * scale - 1.5, (point.y + 106) * scale - 1.5, 3, 3);
  }
  pen.globalAlpha = 1;
}

function hue(style, source) {
  if (!HUES.has(source)) HUES.set(source, style.getPropertyValue("--hue-" + source.replaceAll("_", "-")).trim() || style.color);
  return HUES.get(source);
}
