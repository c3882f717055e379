// What others say about an item, as rows that people can read: the repository it comes from, and any fact of a manifest.

import { h, shown } from "./dom.js";
import { ago, number, t } from "./words.js";

/** The repository it comes from, as its forge shows it. */
export function forgeRows(about) {
  const counts = ["stars", "forks"].filter((name) => typeof about[name] === "number").map((name) => `${t("signal." + name)} ${number(about[name])}`);
  return [
    h("p", {}, h("bdi", {}, shown(about.name, 160)), " ", h("code", {}, shown(about.page, 300))),
    h("p", { class: "muted" }, [...counts, typeof about.updated === "number" ? ago(about.updated) : "", shown(about.owner, 80), shown(about.license, 60), shown(about.branch, 60), about.archived ? t("repositories.archived") : ""].filter(Boolean).join(" · ")),
    Array.isArray(about.topics) && about.topics.length ? h("p", { class: "muted" }, h("bdi", {}, shown(about.topics.join(" · "), 400))) : null,
    about.description ? h("p", {}, h("bdi", {}, shown(about.description, 1000))) : null,
    Array.isArray(about.files) && about.files.length ? h("details", {}, h("summary", {}, t("forge.files"), h("small", {}, about.files.length)), h("pre", { tabindex: "0" }, shown(about.files.join("\n"), 20000))) : null,
    about.readme ? h("details", {}, h("summary", {}, "README"), h("pre", { tabindex: "0" }, shown(about.readme, 20000))) : null,
  ];
}

const plain = (value) => value === null || typeof value !== "object";

/** What a manifest says beyond what is known here: any value as rows of names and what they are. */
export function factRows(value, depth = 0) {
  if (plain(value)) return h("bdi", {}, shown(String(value ?? "—"), 1000));
  if (depth > 4) return h("code", {}, shown(JSON.stringify(value), 1000));
  if (Array.isArray(value) && value.every(plain)) return h("bdi", {}, shown(value.join(" · ") || "—", 2000));
  return h("dl", { class: "fact-rows" }, Object.entries(value).slice(0, 100).map(([name, one]) => h("div", { key: name }, h("dt", {}, shown(Array.isArray(value) ? Number(name) + 1 : name, 80)), h("dd", {}, factRows(one, depth + 1)))));
}
