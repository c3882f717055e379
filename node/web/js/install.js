// Install: the plan first, then what is agreed to, then six steps with bytes. Nothing happens before the button at the end.

import { refresh, tellFailure } from "./acts.js";
import { ask, offers, post, remove } from "./api.js";
import { command, copyButton } from "./command.js";
import { h, Part, shown } from "./dom.js";
import { kindMark, sign, sourceBadge, trust } from "./marks.js";
import { change, say } from "./state.js";
import { bytes, number, t } from "./words.js";
import { loadInstalled } from "./installed.js";

const STEPS = ["download", "verify", "dependencies", "initialise", "activate", "cache"];
const LATER = new Set(["plan.unknown_target", "install.no_location", "install.place_gone"]);
const MARKS = { added: "+", kept: "=", upgraded: "↑", downgraded: "↓", replaced: "⇄", rerouted: "↷", requested: "*", removed: "−" };

/** Shows a plan and carries it out. `ref` is what is installed; `making(providers)` makes the plan where another call does,
 *  `leave()` ends it where it is not the drawer of an item. */
class Install extends Part {
  connectedCallback() {
    this.agreed = new Set();
    this.providers = {};
    super.connectedCallback();
    this.plan();
  }

  async plan() {
    this.made = null;
    this.failure = null;
    this.ask();
    try {
      this.made = await (this.making ? this.making(this.providers) : post("plans", { target: this.ref, providers: this.providers }));
      this.agreed = new Set();
    } catch (error) {
      this.failure = error;
    }
    this.ask();
  }

  view() {
    if (this.failure) return h("section", { class: "install" }, heading(), h("p", { class: "warning", role: "alert" }, sign("warn"), shown(this.failure.message, 1000)), causes(this.failure), this.waiting(), this.cancel());
    if (!this.made) return h("section", { class: "install", "aria-busy": "true" }, heading(), h("p", {}, t("plan.making")));
    return h("section", { class: "install" }, heading(), this.job ? this.progress() : this.proposal());
  }

  proposal() {
    const plan = this.made;
    const changes = plan.items.filter((item) => item.step !== "kept");
    if (!changes.length && !plan.removed?.length) return [h("p", {}, t("plan.nothing")), this.cancel()];
    return [
      h("p", {}, t("plan.summary", { n: changes.length, size: bytes(plan.size) })),
      h("ul", { class: "plan" }, plan.items.map(planned), (plan.removed ?? []).map((one) => h("li", { key: one }, h("span", { class: "step" }, MARKS.removed), shown(one, 160)))),
      this.matches(plan),
      plan.left?.length ? h("p", { class: "muted" }, t("plan.left", { n: plan.left.length }), " ", plan.left.map((one) => shown(one.needs, 80)).join(", ")) : null,
      this.questions(plan),
      h(
        "p",
        { class: "acts" },
        h("button", { type: "button", class: "primary", disabled: !this.ready(), onclick: () => this.go() }, sign("install"), t("plan.go")),
        this.cancel(),
        copyButton(this.line ?? command("install", this.ref, ...Object.entries(this.providers).flatMap(([cap, skill]) => ["--with", `${cap}=${skill}`])), t("copy")),
      ),
    ];
  }

  leaves() {
    if (this.leave) this.leave();
    else change({ wish: "" });
  }

  cancel() {
    return h("button", { type: "button", onclick: () => this.leaves() }, t("cancel"));
  }

  /** What cannot be had now may be had later: it is installed by itself then, or asks again. */
  waiting() {
    if (!LATER.has(this.failure.code) || this.making || !offers("waiting")) return null;
    return h("p", { class: "acts" }, h("button", { type: "button", class: "primary", onclick: () => this.wait() }, t("install.wait")));
  }

  async wait() {
    try {
      await post("waiting", { target: this.ref, providers: this.providers });
      say(t("install.state.queued"));
      this.leaves();
      await loadInstalled();
    } catch (error) {
      tellFailure(error);
    }
  }

  /** Who answers each capability; another choice makes another plan. */
  matches(plan) {
    const seen = new Set();
    const rows = (plan.matches ?? []).filter((match) => match.alternatives?.length && !seen.has(match.capability + match.release) && seen.add(match.capability + match.release));
    if (!rows.length) return null;
    return h(
      "fieldset",
      {},
      h("legend", {}, t("plan.matches")),
      rows.map((match) => {
        const own = skillOf(match.release);
        return h(
          "label",
          { key: match.capability + match.by, class: "pick" },
          h("code", {}, "cap:" + shown(match.capability, 80)),
          h(
            "select",
            { onchange: (event) => this.choose(match.capability, event.target.value) },
            [own, ...match.alternatives.map((one) => skillOf(one.release))].map((skill, at) => h("option", { key: skill, value: skill, selected: !at }, shown(skill, 80))),
          ),
        );
      }),
    );
  }

  choose(capability, skill) {
    this.providers = { ...this.providers, [capability]: skill };
    this.plan();
  }

  questions(plan) {
    const groups = grouped(plan);
    if (!groups.length) return null;
    return h(
      "fieldset",
      { class: "consent" },
      h("legend", {}, t("plan.asks")),
      groups.map((group) =>
        h(
          "label",
          { key: group.key },
          h("input", { type: "checkbox", checked: group.numbers.every((at) => this.agreed.has(at)), onchange: (event) => this.agree(group.numbers, event.target.checked) }),
          h("span", {}, h("bdi", {}, shown(group.text, 500)), group.names ? h("small", {}, h("bdi", {}, shown(group.names, 1000))) : null, group.digest ? h("code", {}, shown(group.digest, 80)) : null),
        ),
      ),
      groups.length > 1 ? h("button", { type: "button", class: "quiet", onclick: () => this.agree(plan.questions.keys(), true) }, t("plan.agree_all")) : null,
    );
  }

  agree(numbers, yes) {
    for (const at of numbers) {
      if (yes) this.agreed.add(at);
      else this.agreed.delete(at);
    }
    this.ask();
  }

  ready() {
    return this.agreed.size === (this.made.questions?.length ?? 0);
  }

  async go(queue = false) {
    try {
      this.job = await post("installs", { plan: this.made.id, agreed: [...this.agreed], queue });
      while (this.job.state === "running" && this.isConnected) {
        this.ask();
        await new Promise((done) => setTimeout(done, 150));
        this.job = await ask("installs/" + encodeURIComponent(this.job.id));
      }
      this.ask();
      await Promise.all([refresh(), loadInstalled()]);
      if (this.job.state === "completed") say(t("install.done", { ref: this.ref }));
    } catch (error) {
      this.failure = error;
      tellFailure(error);
      this.ask();
    }
  }

  progress() {
    const { job } = this;
    const steps = new Map((job.steps ?? []).map((step) => [step.step, step]));
    return [
      h("ol", { class: "steps" }, STEPS.map((name, at) => step(name, at, steps.get(name)))),
      h("p", { role: "status", class: job.state === "failed" ? "warning" : "" }, job.state === "failed" ? [sign("warn"), shown(job.error?.message, 500)] : t("install.state." + job.state)),
      job.state === "failed" ? h("p", {}, t(job.queued ? "install.state.queued" : "install.state.failed"), " ", shown(job.error?.next_step, 300)) : null,
      job.answer ? h("pre", { tabindex: "0", "aria-label": t("call.answer") }, shown(JSON.stringify(job.answer.body, null, 2), 4000)) : null,
      Object.entries(job.inactive ?? {}).map(([ref, error]) => h("p", { key: ref, class: "warning" }, sign("warn", 14), t("install.inactive", { ref, reason: shown(error.message, 300) }))),
      h(
        "p",
        { class: "acts" },
        job.state === "running"
          ? h("button", { type: "button", disabled: job.late, onclick: () => remove("installs/" + encodeURIComponent(job.id)).catch(tellFailure) }, t("install.stop"))
          : h("button", { type: "button", onclick: () => this.leaves() }, t("close")),
        job.state === "failed" && job.error?.fault === "wire" && !job.queued && !this.making ? h("button", { type: "button", class: "primary", onclick: () => this.go(true) }, t("install.wait")) : null,
      ),
    ];
  }
}

/** Questions that people answer together: all items of one trust level; every other question by itself. */
function grouped(plan) {
  const trusts = new Map(plan.items.map((item) => [`${item.ref} ${item.principal}`, item.trust]));
  const found = new Map();
  (plan.questions ?? []).forEach((one, at) => {
    const level = one.asked === "trust" ? trusts.get(one.release) : undefined;
    const key = level ?? `${one.asked} ${at}`;
    if (!found.has(key)) found.set(key, { key, level, numbers: [], texts: [], releases: [], digest: one.digest });
    const group = found.get(key);
    group.numbers.push(at);
    group.texts.push(one.message);
    group.releases.push(one.release);
  });
  return [...found.values()].map((group) => (group.numbers.length === 1 ? { ...group, text: group.texts[0] } : together(group)));
}

function together({ key, level, numbers, releases }) {
  const principals = [...new Set(releases.map((one) => one.slice(one.indexOf(" ") + 1)))].join(", ");
  return { key, numbers, text: t("plan.trust", { n: numbers.length, trust: t("trust." + level), principals }), names: releases.map((one) => one.split(" ")[0]).join(", ") };
}

const skillOf = (release) => release.split(" ")[0].replace(/^skill:/, "").replace(/@.*$/, "");
const heading = () => h("h3", {}, t("plan.title"));

function causes(failure) {
  const list = failure.body?.causes ?? failure.body?.params?.causes;
  return [failure.nextStep ? h("p", {}, shown(failure.nextStep, 400)) : null, Array.isArray(list) ? h("ul", {}, list.map((one, at) => h("li", { key: at }, shown(typeof one === "string" ? one : JSON.stringify(one), 400)))) : null];
}

function planned(item) {
  const may = [
    ["permissions", item.permissions],
    ["commands", item.commands],
    ["addresses", item.addresses],
    ["settings", (item.settings ?? []).filter((one) => one.required).map((one) => one.name)],
  ].filter(([, list]) => list?.length);
  return h(
    "li",
    { key: item.ref + item.principal, class: item.step },
    h("span", { class: "step", title: t("step." + item.step) }, MARKS[item.step] ?? "?"),
    kindMark(item.kind, 14),
    h("span", { class: "name" }, h("bdi", {}, shown(item.ref, 120))),
    trust(item.trust),
    h("span", { class: "muted" }, item.size ? bytes(item.size) : "—"),
    item.locations?.[0] ? sourceBadge(item.locations[0].source) : null,
    may.length ? h("ul", { class: "may" }, may.map(([name, list]) => h("li", { key: name }, t("may." + name), " ", h("bdi", {}, shown(list.join(", "), 300))))) : null,
  );
}

function step(name, at, event) {
  const status = event?.state ?? "waiting";
  const part = event?.total ? event.done / event.total : status === "completed" ? 1 : 0;
  return h(
    "li",
    { key: name, class: status },
    h("span", { class: "number", "aria-hidden": "true" }, status === "completed" ? "✓" : status === "failed" ? "✗" : number(at + 1)),
    h("span", { class: "name" }, t("install.step." + name)),
    h("span", { class: "muted" }, status === "waiting" ? "" : [event.total ? `${number(event.done)} / ${number(event.total)}` : "", event.size ? bytes(event.size) : "", shown(event.note, 120)].filter(Boolean).join(" · ")),
    h("progress", { max: "1", value: String(part), "aria-label": t("install.step." + name) }),
  );
}

customElements.define("oo-install", Install);
