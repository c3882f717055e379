// What is installed: scenes with their routes and agents, skills, the generations, and the ways back.

import { tellFailure } from "./acts.js";
import { open } from "./address.js";
import { ask, offers, post, query, remove } from "./api.js";
import { comparison } from "./compare.js";
import { command, copyButton } from "./command.js";
import { h, Part, shown } from "./dom.js";
import { kindMark, sign, trust } from "./marks.js";
import { change, say, state } from "./state.js";
import { ago, bytes, has, t } from "./words.js";
import "./install.js";
import "./skills.js";

/** Bring the installed view up to date. */
export async function loadInstalled() {
  if (!offers("installed")) return;
  const [installed, history, queue] = await Promise.all([ask("installed"), ask("installed/generations"), ask("waiting")]);
  change({ installed: { ...installed, history, waiting: queue.waiting } });
}

/** Do something to what is installed and say how it went. */
async function act(doing, done) {
  try {
    const answer = await doing();
    if (done) say(done);
    await loadInstalled();
    return answer;
  } catch (error) {
    tellFailure(error);
    return null;
  }
}

class Installed extends Part {
  static watches = ["installed", "routes", "events"];

  connectedCallback() {
    super.connectedCallback();
    loadInstalled().catch(tellFailure);
  }

  view() {
    if (!offers("installed")) return h("section", { class: "room" }, h("h1", {}, t("view.installed")), h("p", { class: "muted" }, t("installed.later")), h("p", {}, h("code", {}, "ooder installed"), copyButton("ooder installed")));
    const found = state.installed;
    if (!found && !this.loading) {
      this.loading = true;
      loadInstalled().catch(tellFailure);
    }
    if (!found) return h("section", { class: "room", "aria-busy": "true" }, h("h1", {}, t("view.installed")));
    const scenes = found.items.filter((item) => item.kind === "scene");
    const rest = found.items.filter((item) => item.kind !== "scene");
    return h(
      "section",
      { class: "room" },
      h("div", { class: "panel-head" }, h("h1", {}, t("view.installed")), copyButton("ooder installed"), found.generation ? h("small", {}, t("installed.generation", { n: found.generation })) : null, found.items.length ? [button("verify", () => this.verify()), button("updates", () => this.updates())] : null),
      this.checked ? h("p", { role: "status", class: this.checked.ok ? "" : "warning" }, verdict(this.checked)) : null,
      (this.newer ?? []).map((one) => this.update(one)),
      waiting(found.waiting),
      found.items.length ? null : h("p", { class: "empty" }, t("installed.none")),
      scenes.length ? h("h2", { class: "hidden" }, t("kind.scene")) : null,
      h("ul", { class: "cards" }, scenes.map((item) => this.scene(item))),
      rest.length ? h("h2", {}, t("installed.needs")) : null,
      rest.length ? h("oo-skills", { key: "skills" }) : null,
      this.history(found.history),
    );
  }

  scene(item) {
    const ref = "scene:" + item.id;
    const at = "installed/" + encodeURIComponent(ref);
    const agent = item.agent ?? {};
    const status = agent.state;
    return h(
      "li",
      { key: ref, class: "card scene" },
      h("div", { class: "card-top" }, h("span", { class: "kind" }, kindMark("scene"), t("one.scene")), status ? h("span", { class: "badge agent " + status.toLowerCase() }, has("agent." + status) ? t("agent." + status) : shown(status, 40)) : null, trust(item.trust)),
      h("h3", {}, h("button", { type: "button", class: "plain", onclick: () => open(ref) }, h("bdi", {}, shown(item.name || item.id, 120)))),
      h("p", { class: "ref" }, shown(ref, 160), h("span", { class: "version" }, shown(item.version, 40))),
      agent.reason ? h("p", { class: "warning" }, sign("warn", 14), shown(agent.reason.message, 300)) : null,
      h("ul", { class: "routes" }, (item.routes ?? []).map((route) => this.route(item, route))),
      h(
        "div",
        { class: "card-acts" },
        offers("installed/{ref}/start") ? [button("start", () => act(() => post(at + "/start"), t("agent.started"))), button("stop", () => act(() => post(at + "/stop"), t("agent.stopped")))] : null,
        offers("installed/{ref}/logs") ? button("logs", () => this.logs(item, at)) : null,
        button("uninstall", () => this.uninstall(ref, at)),
        copyButton(command("uninstall", ref)),
      ),
      this.shownLogs?.id === item.id ? h("pre", { class: "logs", tabindex: "0" }, shown(this.shownLogs.text, 20000)) : null,
    );
  }

  route(item, route) {
    const cap = "cap:" + route.capability;
    const open_ = this.replacing === item.id + cap;
    return h(
      "li",
      { key: cap },
      h("code", {}, shown(cap, 80)),
      h("span", { class: "to" }, "→ ", (route.skills ?? []).map((skill) => shown(skill.split(" ")[0], 80)).join(", ")),
      offers("installed/{ref}/call") ? button("call", () => this.call(item, cap)) : null,
      offers("installed/{ref}/replace") ? button("replace", () => this.compare(item, cap)) : null,
      this.calling === item.id + cap ? this.callForm(item, cap) : null,
      open_ && this.choices ? this.others(item, cap) : null,
      this.swap?.key === item.id + cap ? h("oo-install", { key: "swap " + this.swap.skill, ".ref": "scene:" + item.id, ".making": this.swap.making, ".line": this.swap.line, ".leave": () => this.swapped() }) : null,
    );
  }

  /** Other skills for a capability, side by side; the chosen one must answer a request before it stays. */
  others(item, cap) {
    const id = "probe-" + item.id + cap;
    return h(
      "div",
      { class: "others" },
      h("label", { for: id }, t("replace.probe")),
      h("textarea", { id, rows: "2", spellcheck: "false", placeholder: "{}" }),
      comparison(this.choices, shown(cap, 80), (row) => button("choose", () => this.replace(item, cap, row.ref, document.getElementById(id).value))),
    );
  }

  async compare(item, cap) {
    this.replacing = this.replacing === item.id + cap ? "" : item.id + cap;
    this.choices = this.replacing ? (await ask("items/" + encodeURIComponent(cap)).catch(tellFailure))?.providers : null;
    this.ask();
  }

  replace(item, cap, skill, text) {
    let request = null;
    try {
      if (text.trim()) request = JSON.parse(text);
    } catch (error) {
      say(t("call.bad_json", { reason: error.message }), "failed");
      return;
    }
    const ref = "scene:" + item.id;
    this.swap = {
      key: item.id + cap,
      skill,
      line: command("replace", ref, cap, "--with", skill, ...(request === null ? [] : ["-d", JSON.stringify(request)])),
      making: () => post(`installed/${encodeURIComponent(ref)}/replace`, { capability: cap, skill, request }),
    };
    this.replacing = "";
    this.ask();
  }

  swapped() {
    this.swap = null;
    loadInstalled().catch(tellFailure);
    this.ask();
  }

  call(item, cap) {
    this.calling = this.calling === item.id + cap ? "" : item.id + cap;
    this.answer = null;
    this.ask();
  }

  callForm(item, cap) {
    const id = "call-" + item.id + cap;
    return h(
      "form",
      { class: "call", onsubmit: (event) => (event.preventDefault(), this.send(item, cap, event.target)) },
      h("label", { for: id }, t("call.request")),
      h("textarea", { id, name: "json", rows: "4", spellcheck: "false" }, "{}"),
      h("button", { type: "submit", class: "primary" }, t("call.send")),
      this.answer ? h("pre", { tabindex: "0" }, shown(JSON.stringify(this.answer, null, 2), 20000)) : null,
    );
  }

  async send(item, cap, form) {
    let body;
    try {
      body = JSON.parse(form.elements.json.value);
    } catch (error) {
      say(t("call.bad_json", { reason: error.message }), "failed");
      return;
    }
    this.answer = await act(() => post(`installed/${encodeURIComponent("scene:" + item.id)}/call`, { capability: cap, request: body }));
    this.ask();
  }

  async logs(item, at) {
    const found = await ask(at + "/logs").catch(tellFailure);
    if (found) this.shownLogs = { id: item.id, text: found.lines.map((line) => `${line.skill}  ${line.text}`).join("\n") };
    this.ask();
  }

  uninstall(ref, at) {
    if (this.sure !== ref) {
      this.sure = ref;
      say(t("uninstall.sure", { ref }));
      return;
    }
    this.sure = "";
    act(() => remove(at), t("uninstalled", { ref }));
  }

  async verify() {
    this.checked = await act(() => post("installed/verify"));
    this.ask();
  }

  async updates() {
    const found = await act(() => ask("installed/outdated"));
    this.newer = found?.outdated ?? [];
    if (found && !this.newer.length) say(t("updates.none"));
    this.ask();
  }

  update(one) {
    const leave = () => {
      this.newer = this.newer.filter((other) => other !== one);
      loadInstalled().catch(tellFailure);
      this.ask();
    };
    if (one.error) return h("p", { key: "update " + one.ref, class: "warning" }, sign("warn", 14), shown(one.ref, 120), " ", shown(one.error.message, 300));
    return h("oo-install", { key: "update " + one.ref, ".ref": one.ref, ".making": async () => one.plan, ".line": command("update", one.ref), ".leave": leave });
  }

  history(history) {
    if (!history?.generations?.length) return null;
    return h(
      "section",
      { class: "panel" },
      h("div", { class: "panel-head" }, h("h2", {}, t("history")), copyButton("ooder history")),
      h(
        "ol",
        { class: "rows" },
        history.generations.toReversed().map((one) =>
          h(
            "li",
            { key: one.number },
            h("strong", {}, t("installed.generation", { n: one.number })),
            h("span", {}, shown(one.reason, 160)),
            h("span", { class: "muted" }, ago(one.at)),
            one.number === history.current ? h("span", { class: "badge" }, t("current")) : offers("installed/rollback") ? button("rollback", () => act(() => post("installed/rollback", { to: one.number }), t("rolled_back", { n: one.number }))) : null,
          ),
        ),
      ),
    );
  }
}

const button = (name, onclick) => h("button", { type: "button", onclick }, t("act." + name));

const verdict = (found) => (found.ok ? t("verify.ok", { n: found.trees, size: bytes(found.bytes) }) : t("verify.bad", { what: shown([...found.drifted.flatMap((one) => one.releases), ...found.projection].join(", "), 300) }));

/** Installs that wait for a source. */
function waiting(rows) {
  if (!rows?.length) return null;
  return h(
    "section",
    { class: "panel", key: "waiting" },
    h("div", { class: "panel-head" }, h("h2", {}, t("waiting")), copyButton("ooder queue list")),
    h(
      "ul",
      { class: "rows" },
      rows.map((one) =>
        h("li", { key: one.target }, h("bdi", {}, shown(one.target, 120)), h("span", { class: "muted" }, ago(one.at), " · ", shown(one.reason, 200)), button("drop", () => act(() => remove("waiting" + query({ target: one.target }))))),
      ),
    ),
  );
}

customElements.define("oo-installed", Installed);
