// Repositories of forges: a search of their own, by platform, by stars or change; what the forge says is shown, never trusted.

import { tellFailure } from "./acts.js";
import { open } from "./address.js";
import { ask, offers, query } from "./api.js";
import { h, Part, shown } from "./dom.js";
import { shape, sourceName } from "./marks.js";
import { state } from "./state.js";
import { ago, number, t } from "./words.js";

const PLATFORMS = ["", "github", "gitee"];
const SORTS = ["stars", "updated", "relevance"];
const PAUSE = 200; // ms of no typing before the node is asked

/** Whether a forge is among the sources that are asked. */
const lit = () => offers("repositories") && state.sources.some((one) => PLATFORMS.includes(one.name) && one.light !== "disabled");

class Repositories extends Part {
  static watches = ["sources", "sky"];

  connectedCallback() {
    Object.assign(this, { platform: "", sort: "stars", text: "" });
    super.connectedCallback();
  }

  draw() {
    if (lit() && this.seen !== state.sky) this.load();
    super.draw();
  }

  async load() {
    this.seen = state.sky;
    try {
      this.rows = (await ask("repositories" + query({ platform: this.platform, sort: this.sort, q: this.text }))).repositories;
    } catch (error) {
      tellFailure(error);
    }
    this.ask();
  }

  choose(fields) {
    Object.assign(this, fields);
    this.load();
  }

  view() {
    if (!lit()) return [];
    return h(
      "section",
      { class: "panel", "aria-label": t("repositories") },
      h("div", { class: "panel-head" }, h("h2", {}, t("repositories")), this.rows ? h("small", {}, number(this.rows.length)) : null),
      h(
        "div",
        { class: "repository-tools" },
        h("input", { type: "search", "aria-label": t("repositories.search"), placeholder: t("repositories.search"), maxlength: "200", autocomplete: "off", oninput: (event) => this.later(event.target) }),
        h("div", { class: "kinds", role: "group", "aria-label": t("repositories.platform") }, PLATFORMS.map((name) => h("button", { key: name || "all", type: "button", "aria-pressed": String(this.platform === name), onclick: () => this.choose({ platform: name }) }, name ? [shape(name), sourceName(name)] : t("kind.all")))),
        h("label", { class: "switch" }, t("sort"), h("select", { onchange: (event) => this.choose({ sort: event.target.value }) }, SORTS.map((name) => h("option", { key: name, value: name, selected: name === this.sort }, t("sort." + name))))),
      ),
      this.rows?.length ? h("ul", { class: "cards" }, this.rows.map(repository)) : h("p", { class: "muted" }, t("repositories.none")),
    );
  }

  later(input) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.choose({ text: input.value.normalize("NFKC").trim() }), PAUSE);
  }
}

function repository(one) {
  return h(
    "li",
    { key: one.page, class: "card" },
    h("div", { class: "card-top" }, h("span", { class: "badge source" }, shape(one.source), sourceName(one.source)), one.archived ? h("span", { class: "badge" }, t("repositories.archived")) : null),
    h("h3", {}, h("bdi", {}, shown(one.name, 120))),
    h("p", { class: "about" }, h("bdi", {}, shown(one.description, 300) || t("no_description"))),
    h("p", { class: "badges muted" }, [`★ ${number(one.stars)}`, `${t("signal.forks")} ${number(one.forks)}`, one.updated ? ago(one.updated) : "", shown(one.owner, 60)].filter(Boolean).join(" · ")),
    h("p", { class: "badges" }, one.items.slice(0, 8).map((ref) => h("button", { key: ref, type: "button", class: "plain", onclick: () => open(ref) }, h("bdi", {}, shown(ref, 80))))),
  );
}

customElements.define("oo-repositories", Repositories);
