// The radar: what is in reach, live. A sector per source, distance by what the user picks, opacity by freshness, shape and
// colour by source. It is one picture for the screen reader; the list beside it says the same and is worked by keyboard.

import { seek } from "./acts.js";
import { noteSearch, open } from "./address.js";
import { h, Part, shown } from "./dom.js";
import { age, hueOf, kindMark, shape, shapeOf, sourceName, trust } from "./marks.js";
import { CANVAS, edges, groups, points, sectors, SINGLE, at } from "./sky.js";
import { paint } from "./stars.js";
import { isRunning, keep, state } from "./state.js";
import { number, t } from "./words.js";

const DISTANCES = ["trust", "age", "latency"];
const SHADES = { fresh: 1, stale: 0.55, expired: 0.25 };
const LISTED = 60;

class Radar extends Part {
  static watches = ["sky", "sources", "radarBy", "scan", "fresh", "theme"];

  view() {
    const sources = state.sources.filter((one) => one.in_scope && one.light !== "disabled").map((one) => one.name);
    const delays = Object.fromEntries(state.sources.map((one) => [one.name, one.seconds]));
    const placed = points(state.sky, sources, state.radarBy, delays, Date.now() / 1000);
    const many = placed.length > SINGLE;
    const lumps = many ? groups(placed, sources) : [];
    return h(
      "section",
      { class: "panel radar", "aria-label": t("radar") },
      h("div", { class: "panel-head" }, h("h2", {}, t("radar")), distances()),
      h(
        "div",
        { class: "scope" },
        placed.length > CANVAS ? h("canvas", { width: 640, height: 640, "aria-hidden": "true", made: (canvas) => paint(canvas, placed) }) : null,
        sky(sources, many ? lumps.map(lump) : placed.map(dot), isRunning(state.scan), placed.length),
      ),
      h("details", { class: "listing" }, h("summary", {}, t("radar.list", { n: placed.length })), many ? lumpList(lumps) : list(placed)),
    );
  }
}

const distances = () =>
  h(
    "label",
    { class: "pick" },
    t("radar.by"),
    h(
      "select",
      { onchange: (event) => keep("radarBy", event.target.value) },
      DISTANCES.map((by) => h("option", { key: by, value: by, selected: state.radarBy === by }, t("radar.by." + by))),
    ),
  );

function sky(sources, marks, running, count) {
  return h(
    "svg",
    { viewBox: "-106 -106 212 212", role: "img", "aria-label": t("radar.alt", { n: count, sources: sources.map(sourceName).join(", ") }) },
    edges.map((radius, ring) => h("circle", { key: "ring" + ring, r: radius, class: "orbit" })),
    sources.length > 1 ? [...sectors(sources)].map(([name, [from]]) => ray(name, from)) : null,
    h("path", { key: "sweep", class: running ? "sweep on" : "sweep", d: wedge(0, 0.14, 92) }),
    edges.map((radius, ring) => h("text", { key: "label" + ring, class: "orbit-label", x: 0, y: -radius + 2.4 }, t(`radar.${state.radarBy}.${ring}`))),
    sources.length > 1 && [...sectors(sources)].map(([name, [from, to]]) => rim(name, (from + to) / 2)),
    h("circle", { key: "self", r: 3, class: "self" }),
    h("g", { key: "marks" }, marks),
  );
}

function ray(name, turn) {
  const [x, y] = at(turn, 92);
  return h("line", { key: "ray " + name, x1: 0, y1: 0, x2: x, y2: y, class: "orbit" });
}

function wedge(from, to, radius) {
  const [a, b] = at(from, radius);
  const [c, d] = at(to, radius);
  return `M0 0L${a} ${b}A${radius} ${radius} 0 0 1 ${c} ${d}Z`;
}

/** The source's shape at the rim, in the middle of its sector. */
function rim(name, turn) {
  const [x, y] = at(turn, 99);
  return h("g", { key: "rim " + name, class: hueOf(name), transform: `translate(${x} ${y}) scale(.55)` }, h("title", {}, sourceName(name)), h("path", { d: shapeOf(name), "fill-rule": "evenodd" }));
}

function dot(point) {
  const { row } = point;
  return h(
    "g",
    {
      key: row.ref + " " + row.principal,
      class: "dot " + hueOf(point.source) + (state.fresh.has(row.ref) ? " new" : ""),
      transform: `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)})`,
      opacity: SHADES[row.freshness] ?? 1,
      onclick: () => open(row.ref),
    },
    h("title", {}, shown(row.name || row.ref, 80)),
    h("circle", { class: "halo", r: 5 }),
    h("path", { d: shapeOf(point.source), transform: row.kind === "scene" ? "scale(.42)" : "scale(.3)", "fill-rule": "evenodd" }),
  );
}

function lump(group) {
  const radius = Math.min(11, 4.5 + Math.sqrt(group.count) * 0.45);
  return h(
    "g",
    { key: group.key, class: "lump " + hueOf(group.source), transform: `translate(${group.x.toFixed(1)} ${group.y.toFixed(1)})`, onclick: () => pickSource(group.source) },
    h("title", {}, lumpName(group)),
    h("circle", { r: radius }),
    h("text", { y: 2.4 }, number(group.count)),
  );
}

const lumpName = (group) => t("radar.lump", { source: sourceName(group.source), ring: t(`radar.${state.radarBy}.${group.ring}`), n: group.count });

function pickSource(source) {
  seek({ source });
  noteSearch();
}

const list = (placed) =>
  h(
    "ul",
    { onkeydown: walk },
    placed
      .toSorted((a, b) => a.ring - b.ring || a.row.ref.localeCompare(b.row.ref))
      .slice(0, LISTED)
      .map(({ row, source }) =>
        h(
          "li",
          { key: row.ref + " " + row.principal },
          h(
            "button",
            { type: "button", onclick: () => open(row.ref) },
            shape(source, 11),
            kindMark(row.kind, 13),
            h("bdi", { class: "name" }, shown(row.name || row.id, 60)),
            trust(row.trust),
            age(row.seen_at, row.freshness),
          ),
        ),
      ),
    placed.length > LISTED ? h("li", { class: "muted" }, t("radar.rest", { n: placed.length - LISTED })) : null,
  );

const lumpList = (lumps) =>
  h(
    "ul",
    { onkeydown: walk },
    lumps.map((group) => h("li", { key: group.key }, h("button", { type: "button", onclick: () => pickSource(group.source) }, shape(group.source, 11), h("span", { class: "name" }, lumpName(group))))),
  );

/** Up and down walk through a list of buttons. */
export function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const all = [...event.currentTarget.querySelectorAll("button")];
  const next = all[all.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

customElements.define("oo-radar", Radar);
