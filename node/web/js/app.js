// The frame: brand, views, scopes, search, lights, what is shown below, and what is said once.

import { go, VIEWS } from "./address.js";
import { h, Part, shown } from "./dom.js";
import { sign } from "./marks.js";
import { keep, state, unsay } from "./state.js";
import { ago, LANGUAGES, speak, t } from "./words.js";
import "./activity.js";
import "./devices.js";
import "./filters.js";
import "./lights.js";
import "./radar.js";
import "./results.js";

class App extends Part {
  static watches = ["view", "session", "status", "link"];

  view() {
    if (!state.language) return [];
    return [
      h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
      h("oo-head", { key: "head" }),
      h("oo-notice", { key: "notice" }),
      state.session === "closed" ? locked() : h("main", { id: "main", tabindex: "-1", key: "main" }, this.room()),
      h("footer", { key: "foot" }, foot()),
      h("oo-detail", { key: "detail" }),
      h("oo-toasts", { key: "toasts" }),
    ];
  }

  room() {
    if (state.view === "installed") return h("oo-installed", { key: "installed" });
    if (state.view === "sources") return h("oo-panels", { key: "sources" });
    const title = h("h1", { class: "hidden", key: "title" }, t("view." + state.view));
    if (state.view === "activity") return [title, h("oo-activity", { key: "activity", class: "wide" })];
    return [
      title,
      h("oo-filters", { key: "filters" }),
      h("oo-lights", { key: "lights" }),
      h(
        "div",
        { class: "columns", key: "columns" },
        h("oo-results", { key: "results" }),
        h("aside", { key: "aside", "aria-label": t("aside") }, h("oo-radar"), h("oo-devices"), h("oo-activity", { ".short": true })),
      ),
    ];
  }
}

function skip(event) {
  event.preventDefault();
  document.querySelector("#main")?.focus();
}

const foot = () => [
  h("span", {}, state.status ? t("foot.version", { version: shown(state.status.version ?? "", 40) }) : ""),
  h("span", { class: "keys" }, h("kbd", {}, "/"), t("foot.search"), h("kbd", {}, "Esc"), t("foot.close")),
];

const locked = () =>
  h(
    "main",
    { id: "main", class: "locked", tabindex: "-1", key: "locked" },
    h("h1", {}, t("locked.title")),
    h("p", {}, t("locked.text")),
    h("pre", {}, "ooder"),
    h("p", { class: "muted" }, t("locked.why")),
  );

class Head extends Part {
  static watches = ["view", "theme", "link"];

  view() {
    return h(
      "header",
      {},
      h("a", { class: "brand", href: "#/discover", onclick: (event) => pick(event, "discover") }, sign("radar", 22), h("span", {}, "Ooder"), h("small", {}, t("brand"))),
      h(
        "nav",
        { "aria-label": t("views") },
        VIEWS.map((view) =>
          h("a", { key: view, href: "#/" + view, "aria-current": state.view === view ? "page" : null, onclick: (event) => pick(event, view) }, t("view." + view)),
        ),
      ),
      h("div", { class: "tools" }, link(), languages(), theme()),
    );
  }
}

function pick(event, view) {
  if (event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  go(view);
}

const link = () =>
  h("span", { class: "link " + state.link, role: "status", title: t("link.about." + state.link) }, h("i", { "aria-hidden": "true" }), h("span", { class: "word" }, t("link." + state.link)));

const languages = () =>
  h(
    "div",
    { class: "languages", role: "group", "aria-label": t("language") },
    Object.entries(LANGUAGES).map(([code, name]) =>
      h("button", { key: code, type: "button", lang: code, "aria-pressed": String(state.language === code), onclick: () => choose(code) }, name),
    ),
  );

async function choose(code) {
  await speak(code);
  keep("language", code);
}

function theme() {
  const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const next = dark ? "light" : "dark";
  return h("button", { type: "button", class: "icon", "aria-label": t("theme." + next), title: t("theme." + next), onclick: () => keep("theme", next) }, sign(dark ? "sun" : "moon", 18));
}

/** The one line above everything: no network, or no node. */
class Notice extends Part {
  static watches = ["status", "link", "offlineOnly", "gap"];

  view() {
    if (state.link === "lost") return banner("alert", t("link.lost"));
    if (!state.status?.offline) return [];
    const age = state.status.newest ? t("offline.age", { age: ago(state.status.newest) }) : t("offline.empty");
    return banner("status", t("offline.title"), age);
  }
}

const banner = (role, title, text) => h("div", { class: "banner " + role, role }, sign("warn"), h("strong", {}, title), text ? h("span", {}, text) : null);

class Toasts extends Part {
  static watches = ["toasts"];

  view() {
    return h(
      "div",
      { class: "toasts", "aria-live": "polite" },
      state.toasts.map((one) =>
        h(
          "div",
          { key: one.id, class: "toast " + one.kind, role: one.kind === "failed" ? "alert" : "status" },
          h(one.kind === "command" ? "code" : "span", {}, shown(one.text, 1000)),
          h("button", { type: "button", class: "icon", "aria-label": t("close"), onclick: () => unsay(one.id) }, sign("close", 14)),
        ),
      ),
    );
  }
}

customElements.define("oo-head", Head);
customElements.define("oo-notice", Notice);
customElements.define("oo-toasts", Toasts);
customElements.define("oo-app", App);
