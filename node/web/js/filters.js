// What is looked for: the four scopes, the words, the kind. Typing Chinese does not search before the word is chosen.

import { chooseScope, scan, seek, stopScan } from "./acts.js";
import { noteSearch } from "./address.js";
import { offers } from "./api.js";
import { copyButton, searchCommand } from "./command.js";
import { h, Part } from "./dom.js";
import { kindMark, sign } from "./marks.js";
import { isRunning, state } from "./state.js";
import { number, t } from "./words.js";

export const SCOPES = ["personal", "department", "company", "community"];
const KINDS = ["", "scene", "capability", "skill", "agent"];
const PLURAL = { scene: "scenes", capability: "capabilities", skill: "skills", agent: "agents" };
const PAUSE = 150; // ms of no typing before the node is asked

class Filters extends Part {
  static watches = ["scope", "kind", "text", "status", "scan", "routes", "source"];

  view() {
    return [h("div", { class: "scopes", role: "tablist", "aria-label": t("scopes") }, SCOPES.map(scopeTab)), h("div", { class: "seek" }, this.box(), scanButton()), kinds()];
  }

  box() {
    return h(
      "form",
      { class: "box", role: "search", onsubmit: (event) => (event.preventDefault(), this.now(this.input)) },
      sign("search", 20),
      h("input", {
        id: "search",
        type: "search",
        autocomplete: "off",
        spellcheck: "false",
        enterkeyhint: "search",
        maxlength: "200",
        placeholder: t("search.hint"),
        "aria-label": t("search.label"),
        "aria-keyshortcuts": "/",
        made: (input) => this.own(input),
        oncompositionstart: () => (this.composing = true),
        oncompositionend: (event) => {
          this.composing = false;
          this.later(event.target);
        },
        oninput: (event) => this.later(event.target),
        onkeydown: clearOnEscape,
      }),
      h("kbd", { "aria-hidden": "true" }, "/"),
      copyButton(searchCommand(state)),
    );
  }

  /** The box shows the state's words unless somebody is typing in it. */
  own(input) {
    this.input = input;
    if (document.activeElement !== input && input.value !== state.text) input.value = state.text;
  }

  later(input) {
    clearTimeout(this.timer);
    if (!this.composing) this.timer = setTimeout(() => this.now(input), PAUSE);
  }

  now(input) {
    clearTimeout(this.timer);
    const text = input.value.normalize("NFKC").trim();
    if (text === state.text) return;
    seek({ text });
    noteSearch();
  }
}

function clearOnEscape(event) {
  if (event.key !== "Escape" || event.isComposing || !event.target.value) return;
  event.preventDefault();
  event.target.value = "";
  event.target.dispatchEvent(new Event("input"));
}

const scopeTab = (scope) =>
  h(
    "button",
    {
      key: scope,
      type: "button",
      role: "tab",
      id: "scope-" + scope,
      "aria-selected": String(state.scope === scope),
      "aria-controls": "results",
      tabindex: state.scope === scope ? "0" : "-1",
      onclick: () => chooseScope(scope),
      onkeydown: (event) => step(event, SCOPES.indexOf(scope)),
    },
    t("scope." + scope),
    h("small", {}, t("scope.about." + scope)),
  );

/** Arrow keys walk through tabs (WAI-ARIA tabs pattern). */
function step(event, at) {
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: SCOPES.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const scope = SCOPES[(to + SCOPES.length) % SCOPES.length];
  chooseScope(scope);
  document.querySelector("#scope-" + scope)?.focus();
}

const kinds = () =>
  h(
    "div",
    { class: "kinds", role: "group", "aria-label": t("kinds") },
    KINDS.map((kind) =>
      h(
        "button",
        { key: kind || "all", type: "button", "aria-pressed": String(state.kind === kind), onclick: () => (seek({ kind }), noteSearch()) },
        kind ? kindMark(kind, 14) : null,
        t("kind." + (kind || "all")),
        count(kind),
      ),
    ),
  );

function count(kind) {
  const counts = state.status?.counts;
  if (!counts) return null;
  const all = Object.values(PLURAL).reduce((sum, name) => sum + (counts[name] ?? 0), 0);
  return h("small", {}, number(kind ? (counts[PLURAL[kind]] ?? 0) : all));
}

function scanButton() {
  if (!offers("scans")) return null;
  const running = isRunning(state.scan);
  return h(
    "button",
    { type: "button", class: running ? "primary running" : "primary", onclick: () => (running ? stopScan() : scan()) },
    sign(running ? "stop" : "radar", 18),
    t(running ? "scan.stop" : "scan.start"),
  );
}

customElements.define("oo-filters", Filters);
