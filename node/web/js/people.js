// Devices of yours, and what you share with whom: pairing by six digits that both screens show, and the ledger of shares.

import { loadPeers, tellFailure } from "./acts.js";
import { open } from "./address.js";
import { ask, offers, post, remove } from "./api.js";
import { command, copyButton } from "./command.js";
import { why } from "./devices.js";
import { h, Part, shown } from "./dom.js";
import { light } from "./marks.js";
import { change, say, state } from "./state.js";
import { ago, has, t, until } from "./words.js";

const LOOK = 500; // ms between looks at a pairing that is under way
const UNDER_WAY = new Set(["looking", "compare"]);
const DURATIONS = ["", "30m", "12h", "7d", "30d"];

/** Do it, say so, look again; a failure is told in the node's words. */
async function act(work, done, after) {
  try {
    await work();
    if (done) say(done);
    await after();
  } catch (error) {
    tellFailure(error);
  }
}

class Pairing extends Part {
  static watches = ["peers", "routes", "minute"];

  connectedCallback() {
    this.now = { state: "idle" };
    super.connectedCallback();
    this.look();
    loadPeers().catch(tellFailure);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  async look() {
    if (!offers("pairing")) return;
    const before = this.now.state;
    try {
      this.now = await ask("pairing");
    } catch (error) {
      tellFailure(error);
    }
    if (this.now.state !== "compare") this.agreed = false;
    if (this.now.state === "paired" && UNDER_WAY.has(before)) loadPeers().catch(tellFailure);
    clearTimeout(this.timer);
    if (UNDER_WAY.has(this.now.state) && this.isConnected) this.timer = setTimeout(() => this.look(), LOOK);
    this.ask();
  }

  start(name) {
    return act(() => post("pairing", { name }), "", () => this.look());
  }

  answer(yes) {
    this.agreed = yes;
    return act(() => post("pairing/confirm", { yes }), "", () => this.look());
  }

  view() {
    if (!offers("pairing")) return [];
    const rows = state.peers ?? [];
    const busy = UNDER_WAY.has(this.now.state);
    return h(
      "section",
      { class: "panel", "aria-label": t("pairing") },
      h("div", { class: "panel-head" }, h("h2", {}, t("pairing")), copyButton(command("peers", "pair"))),
      h("p", { class: "muted" }, t("pairing.text")),
      h("div", { class: "pairing", role: "status" }, this.standing()),
      busy ? null : h("p", {}, h("button", { type: "button", class: "primary", onclick: () => this.start("") }, t("pairing.start"))),
      h("ul", { class: "rows" }, rows.map((row) => this.peer(row, busy))),
    );
  }

  standing() {
    const { state: how, peer, code, error } = this.now;
    const name = h("bdi", {}, shown(peer?.name, 60));
    if (how === "looking") return h("p", {}, t("pairing.looking"));
    if (how === "paired") return h("p", {}, t("pairing.paired"), " ", name);
    if (how === "failed") return h("p", { class: "warning" }, shown([error?.message, error?.next_step].filter(Boolean).join(" — "), 400));
    if (how !== "compare") return null;
    return [
      h("p", {}, t("pairing.compare"), " ", name, " ", h("code", {}, shown(peer?.addresses?.[0], 60))),
      h("output", { class: "digits" }, shown(code, 6)),
      this.agreed
        ? h("p", { class: "muted" }, t("pairing.waiting"))
        : h("p", { class: "acts" }, h("button", { type: "button", class: "primary", onclick: () => this.answer(true) }, t("pairing.same")), h("button", { type: "button", onclick: () => this.answer(false) }, t("pairing.other"))),
    ];
  }

  peer(row, busy) {
    const name = shown(row.name, 60);
    const key = row.key || row.agent_id;
    return h(
      "li",
      { key },
      light(row.light),
      h("bdi", {}, name),
      row.key ? h("code", {}, shown(row.key.slice(0, 7), 7)) : null,
      row.paired ? h("span", { class: "badge fresh-mark" }, t("pairing.yours")) : null,
      h("span", { class: "muted" }, row.seen_at ? ago(row.seen_at) : t("never")),
      why(row),
      row.paired
        ? h("button", { type: "button", "aria-label": t("pairing.forget_name", { name }), onclick: () => act(() => remove("peers/" + encodeURIComponent(key)), t("pairing.forgotten", { name }), loadPeers) }, t("pairing.forget"))
        : row.key && row.light === "online"
          ? h("button", { type: "button", disabled: busy, "aria-label": t("pairing.with_name", { name }), onclick: () => this.start(key) }, t("pairing.with"))
          : null,
    );
  }
}

export async function loadShares() {
  if (offers("shares")) change({ shares: (await ask("shares")).shares });
}

class Shares extends Part {
  static watches = ["shares", "sky", "routes", "minute"];

  connectedCallback() {
    super.connectedCallback();
    loadShares().catch(tellFailure);
  }

  view() {
    if (!offers("shares")) return [];
    const rows = state.shares ?? [];
    return h(
      "section",
      { class: "panel", "aria-label": t("shares") },
      h("div", { class: "panel-head" }, h("h2", {}, t("shares")), copyButton(command("share", "list"))),
      h("p", { class: "muted" }, t("shares.text")),
      rows.length ? h("ul", { class: "rows" }, rows.map(shareRow)) : h("p", {}, t("shares.none")),
      h(
        "form",
        { class: "share", onsubmit: (event) => (event.preventDefault(), this.add(event.target)) },
        h("label", {}, t("shares.ref"), h("input", { name: "ref", type: "text", list: "share-refs", required: true, maxlength: "200", placeholder: "scene:daily-report", spellcheck: "false", autocomplete: "off" })),
        h("datalist", { id: "share-refs" }, state.sky.filter((row) => row.sources.includes("local_fs")).slice(0, 300).map((row) => h("option", { key: row.ref, value: row.ref }))),
        h("label", {}, t("shares.with"), h("select", { name: "audience", onchange: (event) => ((this.group = event.target.value === "group"), this.ask()) }, ["everyone", "paired", "group"].map((one) => h("option", { key: one, value: one }, t("audience." + one))))),
        this.group ? h("label", { key: "group" }, t("shares.group"), h("input", { name: "group", type: "text", required: true, pattern: "[A-Za-z0-9_.\\-]{1,64}", maxlength: "64", autocomplete: "off" })) : null,
        h("label", {}, t("shares.may"), h("select", { name: "may" }, ["install", "see"].map((one) => h("option", { key: one, value: one }, t("may." + one))))),
        h("label", {}, t("shares.for"), h("select", { name: "duration" }, DURATIONS.map((one) => h("option", { key: one || "none", value: one }, t("duration." + (one || "none")))))),
        h("button", { type: "submit", class: "primary" }, t("shares.add")),
      ),
    );
  }

  add(form) {
    const { ref, audience, group, may, duration } = Object.fromEntries(new FormData(form));
    const wish = { ref: ref.trim(), audience: audience === "group" ? "group:" + group : audience, may, duration };
    return act(() => post("shares", wish), t("shares.added", { ref: wish.ref }), () => {
      form.reset();
      this.group = false;
      return loadShares();
    });
  }
}

const audience = (name) => (has("audience." + name) ? t("audience." + name) : t("audience.named", { name: shown(name.replace("group:", ""), 80) }));

const shareRow = (one) =>
  h(
    "li",
    { key: one.ref + one.with },
    h("button", { type: "button", class: "plain", onclick: () => open(one.ref) }, h("bdi", {}, shown(one.ref, 160))),
    h("span", {}, audience(one.with)),
    h("span", { class: "muted" }, t("may." + one.may), " · ", one.until ? until(one.until) : t("duration.none")),
    h("button", { type: "button", "aria-label": t("shares.stop_ref", { ref: shown(one.ref, 160) }), onclick: () => act(() => remove("shares/" + encodeURIComponent(one.ref)), t("shares.stopped", { ref: one.ref }), loadShares) }, t("shares.stop")),
    copyButton(command("share", "stop", one.ref)),
  );

customElements.define("oo-pairing", Pairing);
customElements.define("oo-shares", Shares);
