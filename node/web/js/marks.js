// Small signs: each source has a shape and a colour of its own, each light a shape, each trust a mark. Never colour alone.

import { h, shown } from "./dom.js";
import { ago, has, t } from "./words.js";

/** Source -> shape, drawn in a box from -10 to 10. */
const SHAPES = {
  local_fs: "M-6-9H6A3 3 0 0 1 9-6V6A3 3 0 0 1 6 9H-6A3 3 0 0 1-9 6V-6A3 3 0 0 1-6-9Z",
  udp_broadcast: "M0-9L9 7H-9Z",
  mdns_dns_sd: "M0-10L9 0L0 10L-9 0Z",
  dht_kademlia: "M-5-9H5L10 0L5 9H-5L-10 0Z",
  skill_center: "M0-10L2.6-3.4L9.5-3.1L4.2 1.3L6 8L0 4.2L-6 8L-4.2 1.3L-9.5-3.1L-2.6-3.4Z",
  github: "M-9-9H9L2 0L9 9H-9L-2 0Z",
  gitee: "M0-9.5L9-2.9L5.6 7.7H-5.6L-9-2.9Z",
  git_repository: "M-3-9H3V-3H9V3H3V9H-3V3H-9V-3H-3Z",
  llm_ipc: "M0-9A9 9 0 1 1 0 9A9 9 0 1 1 0-9ZM0-4A4 4 0 1 0 0 4A4 4 0 1 0 0-4Z",
};
const OTHER = "M-6-9H6L9-6V6L6 9H-6L-9 6V-6Z";
const KNOWN = Object.keys(SHAPES);

/** The shape of a source as path data. */
export const shapeOf = (source) => SHAPES[source] ?? OTHER;

/** The class that colours a source. */
export const hueOf = (source) => "hue-" + (KNOWN.includes(source) ? source : "other");

export const sourceName = (source) => (has("source." + source) ? t("source." + source) : shown(source, 40));

export const shape = (source, size = 12) =>
  h(
    "svg",
    { class: "shape " + hueOf(source), viewBox: "-11 -11 22 22", width: size, height: size, "aria-hidden": "true" },
    h("path", { d: shapeOf(source), "fill-rule": "evenodd" }),
  );

/** A source as a small badge; the full story in its title. */
export const sourceBadge = (source) =>
  h("span", { class: "badge source", title: t("badge." + (has("badge." + source) ? source : "other")) }, shape(source), sourceName(source));

const LIGHTS = {
  online: h("circle", { r: 6 }),
  slow: [h("circle", { r: 5, class: "ring" }), h("path", { d: "M0-5A5 5 0 0 1 0 5Z" })],
  offline: h("path", { d: "M-5-5L5 5M5-5L-5 5", class: "ring" }),
  connecting: h("circle", { r: 5, class: "ring dashed" }),
  disabled: h("path", { d: "M-5 0H5", class: "ring" }),
};

/** A light: shape and colour say the same. */
export const light = (name) =>
  h("svg", { class: "light " + name, viewBox: "-8 -8 16 16", width: 12, height: 12, "aria-hidden": "true" }, LIGHTS[name] ?? LIGHTS.disabled);

const TRUSTS = {
  official: "M-5 0L-1.5 4L5-4",
  community: "M-5-2A2.5 2.5 0 1 1 0-2A2.5 2.5 0 1 1 5-2M-6 5Q-2.5 0 0 5Q2.5 0 6 5",
  personal: "M-3-3A3 3 0 1 1 3-3A3 3 0 1 1-3-3M-5 6Q0-1 5 6",
  unverified: "M-3-3Q-3-6 0-6Q3-6 3-3Q3-1 0 0V2M0 5V5.6",
};

export const trust = (level) =>
  h(
    "span",
    { class: "badge trust " + level, title: t("trust.about." + level) },
    h("svg", { viewBox: "-8 -8 16 16", width: 12, height: 12, "aria-hidden": "true" }, h("path", { d: TRUSTS[level] ?? TRUSTS.unverified, class: "ring" })),
    t("trust." + level),
  );

/** How old the last confirmation is, and what that means. */
export const age = (seenAt, freshness) =>
  h(
    "span",
    { class: "age " + freshness, title: t("freshness.about." + freshness) },
    freshness === "fresh" ? ago(seenAt) : t("freshness.with_age", { state: t("freshness." + freshness), age: ago(seenAt) }),
  );

const KINDS = {
  scene: "M-7-5H7V6H-7ZM-7-1H7M-2-1V6",
  capability: "M-1-7L-5 1H0L-1 7L6-2H1L3-7Z",
  skill: "M-6-6H3L6-3V6H-6ZM-3-1H3M-3 2H3",
  agent: "M-6-3H6V6H-6ZM0-3V-7M-2.5 1V2M2.5 1V2",
};

export const kindMark = (kind, size = 16) =>
  h(
    "svg",
    { class: "kind-mark", viewBox: "-8 -8 16 16", width: size, height: size, "aria-hidden": "true" },
    h("path", { d: KINDS[kind] ?? KINDS.skill, class: "ring" }),
  );

/** A sign on a button. */
const SIGNS = {
  search: "M-1.5-6A4.5 4.5 0 1 1-1.5 3A4.5 4.5 0 1 1-1.5-6M2 2L6.5 6.5",
  close: "M-5-5L5 5M5-5L-5 5",
  copy: "M-6-6H2V2H-6ZM-2 2V6H6V-2H2",
  radar: "M0-7A7 7 0 1 1 0 7A7 7 0 1 1 0-7M0-3A3 3 0 1 1 0 3A3 3 0 1 1 0-3M0 0L5-5",
  sun: "M0-3A3 3 0 1 1 0 3A3 3 0 1 1 0-3M0-7V-5.5M0 5.5V7M-7 0H-5.5M5.5 0H7M-5-5L-4-4M4 4L5 5M-5 5L-4 4M4-4L5-5",
  moon: "M2-6.5A6.5 6.5 0 1 0 6.5 2A5 5 0 0 1 2-6.5Z",
  warn: "M0-6.5L7 6H-7ZM0-2V2M0 4V4.4",
  install: "M0-7V3M-4-1L0 3L4-1M-6 6.5H6",
  go: "M-3-5L3 0L-3 5",
  stop: "M-5-5H5V5H-5Z",
};

export const sign = (name, size = 16) =>
  h("svg", { class: "sign", viewBox: "-8 -8 16 16", width: size, height: size, "aria-hidden": "true" }, h("path", { d: SIGNS[name], class: "ring" }));
