// Where each item stands on the radar. Pure: rows in, points out, the same for the same rows.

export const SINGLE = 150; // more than this and items are shown as groups
export const CANVAS = 1000; // from here on single points are painted, not elements
const RINGS = { official: 0, community: 1, personal: 2, unverified: 3 };
const AGES = [3600, 86400, 604800]; // seconds: an hour, a day, a week
const DELAYS = [0.05, 0.5, 5]; // seconds a source took to answer
const INNER = 4;
const OUTER = 92;

/** FNV-1a with a final mix, as a number from 0 to 1: similar names land far apart. */
export function spread(text) {
  let x = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) x = Math.imul(x ^ text.charCodeAt(i), 0x01000193);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 4294967296;
}

/** Ring 0 (middle) to 3 (rim) of a row, by what the user picked. `delays` is source -> seconds. */
export function ringOf(row, by, delays, now) {
  if (by === "trust") return RINGS[row.trust] ?? 3;
  const value = by === "age" ? now - row.seen_at : Math.min(...row.sources.map((name) => delays[name] ?? Infinity));
  const limits = by === "age" ? AGES : DELAYS;
  const ring = limits.findIndex((limit) => value <= limit);
  return ring < 0 ? 3 : ring;
}

/** Radii of the four rings' outer edges, in a circle of radius 100. */
export const edges = [0, 1, 2, 3].map((ring) => INNER + ((OUTER - INNER) * (ring + 1)) / 4);

/** Sector of each source: [from, to] in turns, clockwise from the top. */
export function sectors(sources) {
  const width = 1 / Math.max(1, sources.length);
  return new Map(sources.map((name, at) => [name, [at * width, (at + 1) * width]]));
}

/** Polar to the plane: turns and radius. */
export function at(turn, radius) {
  const angle = turn * 2 * Math.PI - Math.PI / 2;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** One point per row: {row, source, x, y, ring}. Points of a sector that would touch are pushed apart. */
export function points(rows, sources, by, delays, now) {
  const fields = sectors(sources);
  const placed = [];
  for (const row of rows) {
    const source = row.sources.find((name) => fields.has(name));
    if (!source) continue;
    const [from, to] = fields.get(source);
    const ring = ringOf(row, by, delays, now);
    const low = ring ? edges[ring - 1] + 4 : 9;
    const turn = from + (to - from) * (0.06 + 0.88 * spread(row.ref));
    const radius = low + (edges[ring] - 4 - low) * spread(row.ref + "/r");
    const [x, y] = at(turn, radius);
    placed.push({ row, source, ring, turn, radius, low, high: edges[ring] - 3, from, to, x, y });
  }
  if (placed.length <= SINGLE) for (let round = 0; round < 12; round += 1) nudge(placed);
  return placed;
}

const NEAR = 7.5;

function nudge(placed) {
  for (let i = 0; i < placed.length; i += 1) {
    for (let j = i + 1; j < placed.length; j += 1) {
      const [a, b] = [placed[i], placed[j]];
      const distance = Math.hypot(a.x - b.x, a.y - b.y);
      if (distance >= NEAR) continue;
      const push = (NEAR - distance) / 2;
      const side = a.turn < b.turn || (a.turn === b.turn && a.row.ref < b.row.ref) ? 1 : -1;
      move(a, -side * push, -push / 3);
      move(b, side * push, push / 3);
    }
  }
}

function move(point, along, out) {
  const gap = 0.02 * (point.to - point.from);
  point.radius = Math.min(point.high, Math.max(point.low, point.radius + out));
  const turn = point.turn + along / (2 * Math.PI * Math.max(point.radius, 6));
  point.turn = Math.min(point.to - gap, Math.max(point.from + gap, turn));
  [point.x, point.y] = at(point.turn, point.radius);
}

/** Points of one sector, ring and kind as one: {source, ring, count, x, y, rows}. */
export function groups(placed, sources) {
  const fields = sectors(sources);
  const found = new Map();
  for (const point of placed) {
    const key = point.source + " " + point.ring;
    if (!found.has(key)) found.set(key, { key, source: point.source, ring: point.ring, rows: [] });
    found.get(key).rows.push(point.row);
  }
  for (const group of found.values()) {
    const [from, to] = fields.get(group.source);
    const low = group.ring ? edges[group.ring - 1] : 6;
    [group.x, group.y] = at((from + to) / 2, (low + edges[group.ring]) / 2);
    group.count = group.rows.length;
  }
  return [...found.values()];
}
