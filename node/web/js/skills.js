// The installed skills and capabilities as rows; a skill's settings go in here and never come out.

import { tellFailure } from "./acts.js";
import { open } from "./address.js";
import { ask } from "./api.js";
import { h, Part, shown } from "./dom.js";
import { kindMark, trust } from "./marks.js";
import { say, state } from "./state.js";
import { bytes, t } from "./words.js";

const rest = () => (state.installed?.items ?? []).filter((item) => item.kind !== "scene");

class Skills extends Part {
  static watches = ["installed"];

  view() {
    return h("ul", { class: "rows" }, rest().map((item) => this.row(item)));
  }

  row(item) {
    const ref = (item.kind === "capability" ? "cap" : item.kind) + ":" + item.id;
    return h(
      "li",
      { key: item.kind + item.id + item.version },
      kindMark(item.kind, 14),
      h("button", { type: "button", class: "plain", onclick: () => open(ref) }, h("bdi", {}, shown(item.id, 100))),
      h("code", {}, shown(item.version, 30)),
      trust(item.trust),
      h("span", { class: "muted" }, bytes(item.size)),
      item.kind === "skill" && item.digest ? h("button", { type: "button", "aria-label": t("settings.of", { name: shown(item.id, 100) }), onclick: () => this.settings(ref) }, t("act.settings")) : null,
      this.wants?.ref === ref ? this.form() : null,
    );
  }

  async settings(ref) {
    const open_ = this.wants?.ref === ref;
    const found = open_ ? null : await ask(`installed/${encodeURIComponent(ref)}/settings`).catch(tellFailure);
    this.wants = found ? { ref, ...found } : null;
    this.ask();
  }

  /** Settings go in and never come out: a field shows whether something is there, not what. */
  form() {
    const { ref, settings } = this.wants;
    if (!settings.length) return h("p", { class: "muted" }, t("settings.none"));
    return h(
      "form",
      { class: "settings", onsubmit: (event) => (event.preventDefault(), this.give(ref, event.target)) },
      settings.map((one) =>
        h(
          "label",
          { key: one.name },
          h("span", {}, h("code", {}, shown(one.name, 80)), one.required ? " *" : "", one.given ? ` ✓ ${t("settings.given")}` : ""),
          h("input", { type: one.secret ? "password" : "text", name: one.name, autocomplete: "off", maxlength: "4000" }),
          one.description ? h("small", {}, h("bdi", {}, shown(one.description, 300))) : null,
        ),
      ),
      h("button", { type: "submit", class: "primary" }, t("settings.save")),
    );
  }

  async give(ref, form) {
    const values = [...new FormData(form)].filter(([, value]) => value);
    if (!values.length) return;
    try {
      const found = await ask(`installed/${encodeURIComponent(ref)}/settings`, { method: "PATCH", body: { settings: Object.fromEntries(values) } });
      this.wants = { ref, ...found };
      form.reset();
      say(t("settings.saved"));
    } catch (error) {
      tellFailure(error);
    }
    this.ask();
  }
}

customElements.define("oo-skills", Skills);
