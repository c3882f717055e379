// Skills side by side (guide 2.1 stage 3): the same facts in the same columns, the best of each column marked.

import { open } from "./address.js";
import { h, shown } from "./dom.js";
import { age, sign, trust } from "./marks.js";
import { bytes, has, number, t } from "./words.js";

const TRUST_RANK = { official: 3, community: 2, personal: 1, unverified: 0 };
const FIRST = ["rating", "downloads", "installs", "stars"];

/** A table of providers: one row per skill; on a narrow page each row becomes a small card. `label` says what for, `extra(row)` adds a last cell. */
export function comparison(rows, label, extra) {
  if (!rows.length) return h("p", { class: "warning" }, sign("warn", 14), t("compare.nobody"));
  const signals = [...new Set(rows.flatMap((row) => Object.keys(row.signals ?? {})))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, 4);
  const best = Object.fromEntries(signals.map((name) => [name, Math.max(...rows.map((row) => row.signals?.[name] ?? -Infinity))]));
  return h(
    "div",
    { class: "compare", role: "region", tabindex: "0", "aria-label": t("compare.of", { name: label }) },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ["skill", "version", "trust", "seen", "offline", "connector", "size"].map((name) => h("th", { key: name, scope: "col" }, t("compare." + name))), signals.map((name) => h("th", { key: name, scope: "col" }, signalName(name))), extra ? h("th", { scope: "col" }, t("compare.act")) : null)),
      h("tbody", {}, rows.map((row) => line(row, signals, best, extra))),
    ),
  );
}

const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
const signalName = (name) => (has("signal." + name) ? t("signal." + name) : shown(name, 30));

function line(row, signals, best, extra) {
  return h(
    "tr",
    { key: row.ref + " " + row.principal },
    h("th", { scope: "row" }, h("button", { type: "button", class: "plain", onclick: () => open(row.ref) }, h("bdi", {}, shown(row.name || row.id, 80))), h("small", {}, h("bdi", {}, shown(row.id, 80)))),
    cell("version", shown(row.version, 24) || "—"),
    cell("trust", trust(row.trust)),
    cell("seen", age(row.seen_at, row.freshness)),
    cell("offline", h("span", { class: row.offline ? "yes" : "no" }, t(row.offline ? "yes" : "no"))),
    cell("connector", row.connector ? (has("connector." + row.connector) ? t("connector." + row.connector) : shown(row.connector, 30)) : "—"),
    cell("size", bytes(row.size), row.conflicts ? h("span", { class: "warning", title: t("conflicts_n", { n: row.conflicts }) }, sign("warn", 12)) : null),
    signals.map((name) => {
      const value = row.signals?.[name];
      return h("td", { key: name, "data-label": signalName(name), class: value !== undefined && value === best[name] && TRUST_RANK[row.trust] ? "best" : null }, value === undefined ? "—" : number(value));
    }),
    extra ? h("td", { "data-label": t("compare.act") }, extra(row)) : null,
  );
}

const cell = (name, ...inside) => h("td", { key: name, "data-label": t("compare." + name) }, inside);
