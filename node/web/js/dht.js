// The DHT as a ring: where this node is, whom it knows, and the way a question takes, step by step. The list below says the same.

import { tellFailure } from "./acts.js";
import { open } from "./address.js";
import { ask, offers, post } from "./api.js";
import { command, copyButton } from "./command.js";
import { h, Part, shown } from "./dom.js";
import { age, trust } from "./marks.js";
import { change, state } from "./state.js";
import { bytes, number, quick, t } from "./words.js";

const STEP = 180; // ms between two steps of a way
const EVERY = 5000; // ms between looks at the ring
const RADIUS = 90;

/** Where an id (40 hex digits) is on the ring. */
export function spot(id, radius = RADIUS) {
  const angle = (parseInt(id.slice(0, 8), 16) / 2 ** 32) * 2 * Math.PI;
  return [Math.sin(angle) * radius, -Math.cos(angle) * radius];
}

export async function loadDht() {
  if (offers("dht")) change({ dht: await ask("dht") });
}

class Dht extends Part {
  static watches = ["dht", "sky"];

  connectedCallback() {
    super.connectedCallback();
    this.told = 0;
    const look = () => loadDht().catch(() => null); // the banner tells of a lost node
    look();
    this.timer = setInterval(look, EVERY);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  view() {
    const found = state.dht;
    if (!found?.enabled) return [];
    const way = this.way;
    return h(
      "section",
      { class: "panel dht", "aria-label": t("dht") },
      h("div", { class: "panel-head" }, h("h2", {}, t("dht")), h("small", {}, found.running ? t("dht.standing", { n: found.contacts.length, nodes: number(found.nodes_estimated) }) : t("dht.alone")), copyButton("ooder dht status")),
      h("div", { class: "dht-parts" }, found.running || way ? this.ring(found, way) : null, h("div", {}, this.form(), way ? this.steps(way) : null, results())),
    );
  }

  form() {
    return h(
      "form",
      { class: "place", onsubmit: (event) => (event.preventDefault(), this.trace(event.target.elements.ref.value.trim())) },
      h("label", { for: "dht-ref", class: "hidden" }, t("dht.ref")),
      h("input", { id: "dht-ref", name: "ref", type: "text", required: true, maxlength: "200", placeholder: "scene:daily-report", spellcheck: "false", autocomplete: "off" }),
      h("button", { type: "submit", disabled: this.asking }, t(this.asking ? "dht.tracing" : "dht.trace")),
    );
  }

  ring(found, way) {
    const steps = way ? way.steps.filter((one) => one.event === "answered").slice(0, this.told) : [];
    const own = spot(way?.own || found.own);
    const target = way ? spot(way.target) : null;
    return h(
      "svg",
      { class: "ring-picture", viewBox: "-106 -106 212 212", role: "img", "aria-label": t("dht.picture", { n: found.contacts.length }) },
      h("circle", { class: "orbit", r: RADIUS }),
      found.contacts.slice(0, 400).map((one) => h("circle", { key: one.id, class: "contact", cx: spot(one.id)[0], cy: spot(one.id)[1], r: 2.2 })),
      steps.map((one, at) => {
        const [x, y] = spot(one.id);
        return [h("path", { key: "way " + at, class: one.ok ? "way" : "way silent", d: `M${own[0]} ${own[1]}Q0 0 ${x} ${y}` }), h("circle", { key: "asked " + at, class: one.ok ? "asked" : "asked silent", cx: x, cy: y, r: 3.4 })];
      }),
      target ? h("path", { key: "target", class: "target", d: `M${target[0] - 5} ${target[1]}H${target[0] + 5}M${target[0]} ${target[1] - 5}V${target[1] + 5}` }) : null,
      h("path", { key: "own", class: "own", d: `M${own[0]} ${own[1] - 6}L${own[0] + 6} ${own[1]}L${own[0]} ${own[1] + 6}L${own[0] - 6} ${own[1]}Z` }),
    );
  }

  steps(way) {
    const rows = way.steps.filter((one) => one.event === "answered");
    const ended = way.steps.filter((one) => one.event === "ended");
    const sum = (name) => ended.reduce((all, one) => all + one[name], 0);
    return [
      h("p", { role: "status" }, t("dht.ended", { asked: number(sum("asked")), answered: number(sum("answered")), took: quick(sum("ms") / 1000) }), " ", copyButton(command("dht", "trace", way.ref))),
      h(
        "ol",
        { class: "rows tail", tabindex: "0", "aria-label": t("dht.steps") },
        rows.slice(0, this.told).map((one, at) =>
          h("li", { key: at, class: one.ok ? "" : "warning" }, h("span", {}, one.ok ? "✓" : "✗"), h("code", {}, `${one.path}.${one.hops}`), h("code", {}, shown(one.id.slice(0, 12), 12)), h("span", { class: "muted" }, one.ok ? t("dht.step", { contacts: number(one.contacts), records: number(one.records), took: quick(one.ms / 1000) }) : t("dht.silent"))),
        ),
      ),
    ];
  }

  async trace(ref) {
    this.asking = true;
    this.ask();
    try {
      const way = await post("dht/trace", { ref });
      const steps = way.steps.filter((one) => one.event === "answered").length;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      Object.assign(this, { way, told: still ? steps : 0 });
      while (this.told < steps && this.isConnected && this.way === way) {
        this.told += 1;
        this.ask();
        await new Promise((done) => setTimeout(done, STEP));
      }
    } catch (error) {
      tellFailure(error);
    }
    this.asking = false;
    this.ask();
  }
}

/** What the DHT knows: from whom, how fresh, how large. */
function results() {
  const rows = state.sky.filter((row) => row.sources.includes("dht_kademlia")).slice(0, 30);
  if (!rows.length) return null;
  return h(
    "ul",
    { class: "rows" },
    rows.map((row) =>
      h(
        "li",
        { key: row.ref + row.principal },
        h("button", { type: "button", class: "plain", onclick: () => open(row.ref) }, h("bdi", {}, shown(row.name || row.id, 100))),
        h("code", {}, shown(row.principal, 30)),
        trust(row.trust),
        age(row.seen_at, row.freshness),
        row.size ? h("span", { class: "muted" }, bytes(row.size)) : null,
      ),
    ),
  );
}

customElements.define("oo-dht", Dht);
