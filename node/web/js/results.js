// The cards, and what to do when there are none.

import { more, scan, seek } from "./acts.js";
import { close, noteSearch, open } from "./address.js";
import { offers } from "./api.js";
import { command, copyButton } from "./command.js";
import { h, Part, shown } from "./dom.js";
import { age, kindMark, sign, sourceBadge, trust } from "./marks.js";
import { change, inScope, state } from "./state.js";
import { number, quick, t } from "./words.js";
import "./welcome.js";

const SORTS = ["", "stars", "downloads", "rating", "updated"];
const SIGNALS = ["rating", "downloads", "stars", "forks"];
const ON_DISK = new Set(["local_fs", "git_repository"]); // sources whose bytes are already here

class Results extends Part {
  static watches = ["sort", "category", "minute", "sources", "answer", "sky", "asking", "fresh", "text", "kind", "scope", "status", "offlineOnly", "routes", "source"];

  view() {
    const { answer } = state;
    if (!answer) return h("div", { class: "results", id: "results", role: "tabpanel", "aria-labelledby": "scope-" + state.scope, "aria-busy": "true" }, skeleton());
    const shownRows = browsing() ? state.sky.filter(inScope).toSorted(byKind).slice(0, state.wanted) : answer.items;
    const rows = state.offlineOnly ? shownRows.filter(worksHere) : shownRows;
    return h(
      "div",
      { class: "results", id: "results", role: "tabpanel", "aria-labelledby": "scope-" + state.scope, "aria-busy": String(state.asking) },
      answer.items.length ? [h("h2", { class: "hidden" }, t("results")), head(answer, rows)] : null,
      rows.length ? h("ul", { class: "cards" }, rows.map(card)) : answer.items.length ? h("p", { class: "empty" }, t("offline.nothing")) : nothing(),
      answer.total > shownRows.length && state.wanted < 1000
        ? h("button", { type: "button", class: "more", onclick: more }, t("more", { n: answer.total - shownRows.length }))
        : null,
    );
  }
}

/** Without a question the page shows scenes first: they are what people come for. */
const browsing = () => !state.text && !state.kind && !state.source && !state.sort && !state.category && state.sky.filter(inScope).length >= Math.min(state.answer.items.length, state.wanted);
const ORDER = { scene: 0, capability: 1, skill: 2, agent: 3 };
const byKind = (a, b) => ORDER[a.kind] - ORDER[b.kind];

const worksHere = (row) => row.sources.some((name) => ON_DISK.has(name));

const head = (answer, rows) =>
  h(
    "div",
    { class: "results-head" },
    h(
      "p",
      { role: "status", "aria-live": "polite" },
      t(answer.total_is_lower_bound ? "found.more" : "found", { n: answer.total, shown: rows.length }),
      h("span", { class: "muted took" }, " · " + quick(answer.took_ms / 1000)),
    ),
    categories(),
    h(
      "label",
      { class: "switch", key: "sort" },
      t("sort"),
      h("select", { onchange: (event) => (seek({ sort: event.target.value }), noteSearch()) }, SORTS.map((name) => h("option", { key: name || "best", value: name, selected: name === state.sort }, t("sort." + (name || "relevance"))))),
    ),
    h(
      "label",
      { class: "switch", key: "offline", title: t("offline.only.about") },
      h("input", { type: "checkbox", checked: state.offlineOnly, onchange: (event) => change({ offlineOnly: event.target.checked }) }),
      t("offline.only"),
    ),
  );

/** The categories there are; one of them narrows the list. */
function categories() {
  const all = [...new Set(state.sky.map((row) => row.category).filter(Boolean))].sort().slice(0, 60);
  if (!all.length) return null;
  return h(
    "label",
    { class: "switch", key: "category" },
    t("fact.category"),
    h("select", { onchange: (event) => (seek({ category: event.target.value }), noteSearch()) }, ["", ...all].map((name) => h("option", { key: name || "all", value: name, selected: name === state.category }, name ? shown(name, 60) : t("kind.all")))),
  );
}

/** What sources count: shown, never trusted. */
const signals = (row) => {
  const rows = SIGNALS.filter((name) => row.signals?.[name] !== undefined);
  return rows.length ? h("p", { class: "badges muted" }, rows.map((name) => h("span", { key: name }, `${t("signal." + name)} ${number(row.signals[name])}`))) : null;
};

export function card(row) {
  const name = shown(row.name || row.id, 120);
  return h(
    "li",
    { key: row.ref + " " + row.principal, class: "card " + row.kind + (state.fresh.has(row.ref) ? " new" : "") },
    h(
      "div",
      { class: "card-top" },
      h("span", { class: "kind" }, kindMark(row.kind), t("one." + row.kind)),
      state.fresh.has(row.ref) ? h("span", { class: "badge fresh-mark" }, t("new")) : null,
      trust(row.trust),
    ),
    h("h3", {}, h("a", { href: "#/" + row.ref, onclick: (event) => follow(event, row.ref) }, h("bdi", {}, name))),
    h("p", { class: "ref" }, h("bdi", {}, shown(row.ref, 160)), row.version ? h("span", { class: "version" }, shown(row.version, 24)) : null),
    h("p", { class: "about" }, h("bdi", {}, shown(row.description, 400) || t("no_description"))),
    signals(row),
    warnings(row),
    h("div", { class: "card-foot" }, h("span", { class: "badges" }, row.sources.map(sourceBadge)), age(row.seen_at, row.freshness)),
    h(
      "div",
      { class: "card-acts" },
      copyButton(command("show", row.ref)),
      h("button", { type: "button", "aria-label": t("details.of", { name }), onclick: () => open(row.ref) }, t("details")),
      row.kind !== "capability" && row.kind !== "agent" && offers("plans")
        ? h("button", { type: "button", class: "primary", disabled: !row.installable, "aria-label": t("install.of", { name }), onclick: () => wish(row.ref) }, sign("install", 14), t("install"))
        : null,
    ),
  );
}

function warnings(row) {
  const said = [];
  if (row.conflicts) said.push(t("conflicts_n", { n: row.conflicts }));
  if (row.status !== "active") said.push(t("status." + row.status));
  return said.length ? h("p", { class: "warning" }, sign("warn", 14), said.join(" · ")) : null;
}

function follow(event, ref) {
  if (event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  open(ref);
}

/** Open the item with its install plan. */
export function wish(ref) {
  if (state.detail) close();
  open(ref);
  change({ wish: ref });
}

const skeleton = () => h("ul", { class: "cards", "aria-hidden": "true" }, [1, 2, 3, 4, 5, 6].map((n) => h("li", { key: n, class: "card ghost" }, h("div", {}), h("div", {}), h("div", {}))));

function nothing() {
  if (state.text || state.kind || state.source || state.category)
    return h(
      "div",
      { class: "empty" },
      h("h2", {}, t("nothing.title", { text: shown(state.text, 80) })),
      h("p", { class: "muted" }, t("nothing.text")),
      offers("scans") ? h("button", { type: "button", onclick: () => scan() }, t("nothing.ask")) : null,
    );
  return h("oo-welcome");
}

customElements.define("oo-results", Results);
