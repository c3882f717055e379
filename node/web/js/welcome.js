// An empty home: what this is, and the three ways to the first result.

import { changeSource, scan } from "./acts.js";
import { offers, post } from "./api.js";
import { command, copyButton } from "./command.js";
import { h, Part } from "./dom.js";
import { sign } from "./marks.js";
import { isRunning, state } from "./state.js";
import { t } from "./words.js";

class Welcome extends Part {
  static watches = ["routes", "status"];

  view() {
    return h(
      "section",
      { class: "welcome" },
      sign("radar", 56),
      h("h2", {}, t("welcome.title")),
      h("p", {}, t("welcome.text")),
      h("ol", {}, this.step("scan", this.scan()), this.step("place", placeForm("welcome-place")), this.step("command", h("p", {}, h("code", {}, command("scan", "~/skills").replaceAll("'", "")), copyButton("ooder scan ~/skills")))),
    );
  }

  step(name, act) {
    return h("li", { key: name }, h("h3", {}, t(`welcome.${name}.title`)), h("p", { class: "muted" }, t(`welcome.${name}.text`)), act);
  }

  scan() {
    const running = isRunning(state.scan);
    return offers("scans") ? h("button", { type: "button", class: "primary", disabled: running, onclick: () => scan() }, sign("radar", 18), t(running ? "scan.running" : "scan.start")) : null;
  }
}

/** A form that adds a folder or a repository to the sources and looks there at once. */
export function placeForm(id) {
  if (!offers("places")) return null;
  return h(
    "form",
    { class: "place", onsubmit: (event) => (event.preventDefault(), add(event.target)) },
    h("label", { for: id, class: "hidden" }, t("place.label")),
    h("input", { id, name: "place", type: "text", required: true, maxlength: "2000", placeholder: t("place.hint"), spellcheck: "false", autocomplete: "off" }),
    h("button", { type: "submit" }, t("place.add")),
  );
}

async function add(form) {
  const place = form.elements.place.value.trim();
  if (!place) return;
  const done = await changeSource(() => post("places", { place }), t("place.added", { place }));
  if (!done) return;
  form.reset();
  await scan();
}

customElements.define("oo-welcome", Welcome);
