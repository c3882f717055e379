// The sources, one panel each: how it is, what it looks at, what can be changed. And the cache.

import { changeSource, scan, tellFailure } from "./acts.js";
import { ask, offers, post, query, remove } from "./api.js";
import { command, copyButton } from "./command.js";
import { h, Part, shown } from "./dom.js";
import { lightName, meaning } from "./lights.js";
import { light, shape, sourceName } from "./marks.js";
import { change, isRunning, state } from "./state.js";
import { ago, bytes, number, t, until } from "./words.js";
import { placeForm } from "./welcome.js";
import "./dht.js";
import "./people.js";
import "./repositories.js";

const PLACED = new Set(["local_fs", "git_repository"]);

class Panels extends Part {
  static watches = ["sources", "problems", "cache", "routes", "scan", "status"];

  connectedCallback() {
    super.connectedCallback();
    loadCache().catch(tellFailure);
  }

  draw() {
    if (this.seen !== state.sources) loadProblems().catch(tellFailure);
    this.seen = state.sources;
    super.draw();
  }

  view() {
    return h(
      "section",
      { class: "room" },
      h("div", { class: "panel-head" }, h("h1", {}, t("view.sources")), copyButton("ooder sources")),
      h("p", { class: "muted" }, t("sources.text")),
      placeForm("sources-place"),
      h("div", { class: "panels" }, state.sources.map(panel), cache()),
      h("oo-pairing", { key: "pairing" }),
      h("oo-shares", { key: "shares" }),
      h("oo-repositories", { key: "repositories" }),
      offers("dht") ? h("oo-dht", { key: "dht" }) : null,
    );
  }
}

async function loadCache() {
  if (offers("cache")) change({ cache: await ask("cache") });
}

async function loadProblems() {
  if (offers("problems") && state.sources.some((one) => Object.values(one.problems ?? {}).some(Boolean))) change({ problems: (await ask("problems")).problems });
}

const times = (one) =>
  h(
    "dl",
    { class: "facts" },
    pair("last", one.last_success ? ago(one.last_success) : t("never")),
    one.next_retry ? pair("next", until(one.next_retry)) : null,
    pair("items", number(one.items ?? 0)),
    one.last_attempt ? pair("took", number(Math.round(one.seconds * 1000)) + " ms") : null,
  );

const pair = (name, value) => h("div", { key: name }, h("dt", {}, t("source.fact." + name)), h("dd", {}, value));

function panel(one) {
  const off = one.light === "disabled";
  const busy = isRunning(state.scan);
  return h(
    "section",
    { key: one.name, class: "panel source", "aria-label": sourceName(one.name) },
    h("div", { class: "panel-head" }, shape(one.name, 18), h("h2", {}, sourceName(one.name)), h("span", { class: "state" }, light(one.light), lightName(one))),
    h("p", { class: "muted" }, t("badge." + one.name)),
    one.reason && !off ? h("div", { class: "conflict" }, h("p", {}, shown(one.light === "offline" ? meaning(one) : one.reason, 400)), one.next_step ? h("p", { class: "muted" }, shown(one.next_step, 300)) : null) : null,
    times(one),
    one.places?.length ? h("ul", { class: "places" }, one.places.map((place) => placeRow(one, place))) : null,
    h(
      "div",
      { class: "card-acts" },
      copyButton(command("sources", off ? "enable" : "test", one.name)),
      off || !offers("scans") ? null : h("button", { type: "button", disabled: busy, onclick: () => scan([one.name]) }, t("source.ask")),
      offers("sources/{name}/enable") ? h("button", { type: "button", onclick: () => toggle(one, off) }, t(off ? "source.enable" : "source.disable")) : null,
    ),
  );
}

const toggle = (one, off) => changeSource(() => post(`sources/${encodeURIComponent(one.name)}/${off ? "enable" : "disable"}`), t(off ? "source.enabled" : "source.disabled", { source: sourceName(one.name) }));

function placeRow(one, place) {
  const text = typeof place === "string" ? place : (place.text ?? place.origin ?? "");
  const path = text.replace(/^file:\/\//, "");
  const own = PLACED.has(one.name) && offers("places") && path !== state.status?.home;
  return h(
    "li",
    { key: text },
    h("bdi", {}, shown(path, 300)),
    h("small", {}, one.looked_at?.[text] ? ago(one.looked_at[text]) : ""),
    own ? h("button", { type: "button", class: "quiet", "aria-label": t("place.remove", { place: shown(path, 120) }), onclick: () => changeSource(() => remove("places" + query({ place: one.name === "local_fs" ? path : text })), t("place.removed", { place: path })) }, t("remove")) : null,
    one.problems?.[text] ? troubles(one, text) : null,
  );
}

/** What could not be read at a place, and what to do. */
function troubles(one, origin) {
  const rows = (state.problems ?? []).filter((row) => row.source === one.name && row.origin === origin);
  return h(
    "details",
    { class: "part" },
    h("summary", {}, t("place.problems", { n: one.problems[origin] })),
    h("ul", { class: "rows" }, rows.slice(0, 20).map((row, at) => h("li", { key: at }, row.place ? h("code", {}, shown(row.place, 200)) : null, h("span", {}, shown(row.message, 300)), h("span", { class: "muted" }, shown(row.next_step, 300))))),
  );
}

function cache() {
  const parts = state.cache?.parts;
  return h(
    "section",
    { key: "cache", class: "panel source", "aria-label": t("cache") },
    h("div", { class: "panel-head" }, h("h2", {}, t("cache")), parts ? h("strong", {}, bytes(parts.reduce((sum, part) => sum + part.bytes, 0))) : null),
    h("p", { class: "muted" }, t("cache.text")),
    h("dl", { class: "facts" }, pair("sync", ago(state.status?.newest)), (parts ?? []).map((part) => h("div", { key: part.name }, h("dt", {}, shown(part.name, 60)), h("dd", {}, t("files_n", { n: part.files, size: bytes(part.bytes) }))))),
    h(
      "div",
      { class: "card-acts" },
      copyButton(command("cache", "clear", "--yes")),
      offers("cache/clear") ? h("button", { type: "button", onclick: () => clear() }, t("cache.clear")) : null,
    ),
  );
}

async function clear() {
  await changeSource(() => post("cache/clear"), t("cache.cleared"));
  await loadCache().catch(tellFailure);
}

customElements.define("oo-panels", Panels);
