// One item in full, in a drawer: what it is, who provides what, compared, who said so, what contradicts, why it is trusted.

import { tellFailure } from "./acts.js";
import { close, open } from "./address.js";
import { ask, offers, put } from "./api.js";
import { command, copyButton } from "./command.js";
import { comparison } from "./compare.js";
import { h, Part, shown } from "./dom.js";
import { factRows, forgeRows } from "./facts.js";
import { age, kindMark, sign, sourceBadge, sourceName, trust } from "./marks.js";
import { change, say, state } from "./state.js";
import { ago, bytes, has, number, t } from "./words.js";
import "./install.js";

class Detail extends Part {
  static watches = ["detail", "wish", "answer", "routes"];

  draw() {
    if (state.detail !== this.ref) {
      this.ref = state.detail;
      this.body = null;
      this.failure = null;
    }
    if (this.ref && (this.seen !== state.answer || !this.body || this.spoken !== state.language)) this.load();
    super.draw();
    const dialog = this.firstElementChild;
    if (this.ref && !dialog.open) {
      this.before = document.activeElement;
      dialog.showModal();
    } else if (!this.ref && dialog.open) dialog.close();
    if (this.ref !== this.top) dialog.scrollTop = 0;
    this.top = this.ref;
  }

  async load() {
    const { ref } = this;
    this.seen = state.answer;
    this.spoken = state.language;
    try {
      const body = await ask("items/" + encodeURIComponent(ref));
      if (ref === this.ref) Object.assign(this, { body, failure: null });
    } catch (error) {
      if (ref === this.ref) this.failure = error;
      if (!error.status) tellFailure(error);
    }
    this.ask();
  }

  view() {
    return h(
      "dialog",
      { class: "drawer", "aria-label": this.body ? shown(this.body.name || this.body.id, 120) : t("details"), onclose: () => this.left(), onclick: outside },
      this.ref ? h("div", { class: "page" }, this.inside()) : null,
    );
  }

  left() {
    if (state.detail) close();
    change({ wish: "" });
    this.before?.isConnected && this.before.focus();
  }

  inside() {
    if (this.failure)
      return [
        bar(),
        h("p", { class: "warning", role: "alert" }, sign("warn"), shown(this.failure.message, 400)),
        this.failure.nextStep ? h("p", {}, shown(this.failure.nextStep, 400)) : null,
        h("p", { class: "ref" }, shown(this.ref, 200)),
      ];
    if (!this.body) return [bar(), h("p", { "aria-busy": "true" }, t("loading"))];
    const body = this.body;
    const { forge, ...facts } = body.facts ?? {};
    return [
      bar(body),
      head(body),
      state.wish === body.ref ? h("oo-install", { key: "install " + body.ref, ".ref": body.ref }) : acts(body),
      conflicts(body),
      capabilities(body),
      body.providers ? section("providers", body.providers.length, comparison(body.providers, shown(body.name || body.id, 80))) : null,
      provides(body),
      requires(body),
      neededBy(body),
      forge && typeof forge === "object" ? section("forge", 0, forgeRows(forge)) : null,
      Object.keys(facts).length ? folded("facts", 0, factRows(facts)) : null,
      why(body),
      sightings(body),
      others(body),
    ];
  }
}

/** A click on the dimmed page beside the drawer closes it. */
function outside(event) {
  if (event.target === event.currentTarget) close();
}

const bar = (body) =>
  h(
    "div",
    { class: "drawer-bar" },
    h("span", { class: "kind" }, body ? [kindMark(body.kind), t("one." + body.kind)] : null),
    body ? copyButton(command("show", body.ref, "--why"), t("copy")) : null,
    h("button", { type: "button", class: "icon", "aria-label": t("close"), onclick: close }, sign("close", 18)),
  );

const head = (body) => [
  h("h2", {}, h("bdi", {}, shown(body.name || body.id, 160))),
  h("p", { class: "ref" }, h("bdi", {}, shown(body.ref, 200)), body.version ? h("span", { class: "version" }, shown(body.version, 40)) : null),
  h("p", { class: "badges" }, trust(body.trust), body.sources.map(sourceBadge), age(body.seen_at, body.freshness)),
  body.description ? h("p", { class: "description" }, h("bdi", {}, shown(body.description))) : null,
  h(
    "dl",
    { class: "facts" },
    fact("principal", body.principal),
    fact("author", body.author),
    fact("license", body.license),
    fact("category", body.category),
    fact("dialect", body.dialect),
    fact("size", body.size ? t("files_n", { n: body.files, size: bytes(body.size) }) : ""),
    fact("digest", body.digest),
    fact("tags", (body.tags ?? []).join(" · ")),
    fact("repaired", (body.repaired ?? []).join(", ")),
  ),
];

const fact = (name, value) => (value ? h("div", { key: name }, h("dt", {}, t("fact." + name)), h("dd", {}, h("bdi", {}, shown(value, 400)))) : null);

function acts(body) {
  if (body.kind === "capability" || body.kind === "agent") return null;
  return h(
    "p",
    { class: "acts" },
    offers("plans") ? h("button", { type: "button", class: "primary", disabled: !body.installable, onclick: () => change({ wish: body.ref }) }, sign("install"), t("install")) : null,
    copyButton(command("install", body.ref), t("copy.install")),
    body.installable ? null : h("span", { class: "muted" }, t("install.refused")),
  );
}

/** A titled part of the drawer. */
const section = (name, count, ...inside) => h("section", { key: name }, h("h3", {}, t("part." + name), count ? h("small", {}, count) : null), inside);

const folded = (name, count, ...inside) => h("details", { key: name, class: "part" }, h("summary", {}, t("part." + name), count ? h("small", {}, count) : null), inside);

const refLink = (ref, name) => h("button", { type: "button", class: "plain", onclick: () => open(ref) }, h("bdi", {}, shown(name || ref, 120)));

function conflicts(body) {
  if (!body.conflicts?.length) return null;
  return section(
    "conflicts",
    body.conflicts.length,
    body.conflicts.map((one, at) =>
      h(
        "div",
        { key: at, class: "conflict" },
        h("p", {}, sign("warn", 14), h("bdi", {}, shown(one.message, 600))),
        one.next_step ? h("p", { class: "muted" }, shown(one.next_step, 300)) : null,
        pins(body, one),
      ),
    ),
  );
}

/** Whose the name is can be settled here: pin one of the principals. */
function pins(body, one) {
  if (!["ambiguous", "other_principal"].includes(one.kind)) return null;
  const principals = [...new Set([body.principal, one.principal])];
  return principals.map((principal) =>
    h(
      "p",
      { key: principal, class: "acts" },
      offers("trust/{ref}") ? h("button", { type: "button", onclick: () => pin(body.ref, principal) }, t("pin", { principal: shown(principal, 80) })) : null,
      copyButton(command("trust", "pin", body.ref, principal), offers("trust/{ref}") ? "" : t("pin", { principal: shown(principal, 80) })),
    ),
  );
}

async function pin(ref, principal) {
  try {
    await put("trust/" + encodeURIComponent(ref), { principal });
    say(t("pin.done", { principal: shown(principal, 80) }));
  } catch (error) {
    tellFailure(error);
  }
}

function capabilities(body) {
  if (!body.capabilities?.length) return null;
  return section(
    "capabilities",
    body.capabilities.length,
    body.capabilities.map((need) =>
      h(
        "div",
        { key: need.ref, class: "need" },
        h(
          "h4",
          {},
          kindMark("capability", 14),
          need.known ? refLink(need.ref, need.name || need.ref) : h("bdi", {}, shown(need.ref, 120)),
          h("small", {}, [shown(need.version, 24), need.required ? "" : t("optional"), need.known ? "" : t("unknown")].filter(Boolean).join(" · ")),
        ),
        comparison(need.providers, shown(need.name || need.ref, 80)),
      ),
    ),
  );
}

function provides(body) {
  if (!body.provides?.length) return null;
  return section(
    "provides",
    body.provides.length,
    h("ul", { class: "rows" }, body.provides.map((one) => h("li", { key: one.ref }, refLink(one.ref, one.name || one.ref), h("span", { class: "muted" }, shown(one.description, 200))))),
  );
}

function requires(body) {
  if (!body.requires?.length) return null;
  return section(
    "requires",
    body.requires.length,
    h(
      "ul",
      { class: "rows" },
      body.requires.map((one) =>
        h(
          "li",
          { key: one.ref },
          one.known ? refLink(one.ref) : h("bdi", {}, shown(one.ref, 120)),
          h("code", {}, shown(one.constraint, 60)),
          h("span", { class: one.satisfied ? "muted" : "warning" }, requirement(one)),
        ),
      ),
    ),
  );
}

function requirement(one) {
  const words = one.platform ? t("platform") : one.satisfied ? t("satisfied", { version: shown(one.version, 24) }) : one.known ? t("unsatisfied", { version: shown(one.version, 24) }) : t("unknown");
  return one.required ? words : `${words} · ${t("optional")}`;
}

const neededBy = (body) => (body.needed_by?.length ? section("needed_by", body.needed_by.length, h("p", { class: "badges" }, body.needed_by.map((ref) => refLink(ref)))) : null);

const why = (body) =>
  section(
    "why",
    0,
    h("p", {}, trust(body.trust), " ", t("trust.about." + body.trust)),
    h("ul", { class: "reasons" }, (body.reasons ?? []).map((one) => h("li", { key: one.code }, shown(one.text, 300), h("code", {}, shown(one.code, 80))))),
  );

const sightings = (body) => folded("sightings", body.sightings.length, seenList(body.sightings));

const seenList = (rows) =>
  h(
    "ul",
    { class: "sightings" },
    rows.map((one, at) =>
      h(
        "li",
        { key: at },
        h("p", { class: "badges" }, sourceBadge(one.source), trust(one.trust), age(one.seen_at, one.freshness), has("standing." + one.standing) ? h("span", { class: "muted" }, t("standing." + one.standing)) : null),
        h("p", { class: "place" }, h("bdi", {}, shown(one.location, 600))),
        h("p", { class: "muted small" }, h("bdi", {}, [shown(one.version, 40), shown(one.principal, 160), one.digest ? shown(one.digest.slice(0, 26), 40) + "…" : "", one.relayed_by ? t("relayed", { by: shown(one.relayed_by, 80) }) : "", sourceName(one.source)].filter(Boolean).join(" · "))),
      ),
    ),
  );

const others = (body) =>
  body.others?.length
    ? folded(
        "others",
        body.others.length,
        body.others.map((one, at) =>
          h("div", { key: at, class: "other" }, h("p", { class: "badges" }, h("strong", {}, shown(one.version, 40)), trust(one.trust), h("bdi", {}, shown(one.principal, 160)), one.frozen ? h("span", { class: "warning" }, t("frozen")) : null), seenList(one.sightings)),
        ),
      )
    : null;

customElements.define("oo-detail", Detail);
