// The tail of the event log.

import { open } from "./address.js";
import { command, copyButton } from "./command.js";
import { h, Part, shown } from "./dom.js";
import { sourceName } from "./marks.js";
import { state } from "./state.js";
import { has, t, time } from "./words.js";

class Activity extends Part {
  static watches = ["events", "gap"];

  view() {
    const rows = this.short ? state.events.slice(0, 12) : state.events;
    return h(
      "section",
      { class: "panel activity", "aria-label": t("activity") },
      h("div", { class: "panel-head" }, h("h2", {}, t("activity")), copyButton(command("status", "--events", "0"))),
      state.gap ? h("p", { class: "warning" }, t("activity.gap")) : null,
      rows.length ? h("div", { class: "tail", role: "log", "aria-live": "off", tabindex: "0", "aria-label": t("activity") }, h("ol", {}, rows.map(line))) : h("p", { class: "muted" }, t("activity.none")),
    );
  }
}

function line(event) {
  return h(
    "li",
    { key: event.n },
    h("time", {}, event.at ? time(event.at) : ""),
    h("span", { class: "what" }, has("event." + event.type) ? t("event." + event.type) : shown(event.type, 60)),
    event.ref ? h("button", { type: "button", class: "plain", onclick: () => open(event.ref) }, h("bdi", {}, shown(event.ref, 80))) : h("span", { class: "muted" }, about(event.data)),
  );
}

function about(data) {
  if (!data?.source) return "";
  return data.light ? t("activity.light", { source: sourceName(data.source), light: t("light." + data.light) }) : sourceName(data.source);
}

customElements.define("oo-activity", Activity);
