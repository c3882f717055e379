// Devices and services of the local network: who is here, how it is, what it offers. From the node's peers where it has the
// route, otherwise from the agents that sources found.

import { loadPeers, tellFailure } from "./acts.js";
import { open } from "./address.js";
import { ask } from "./api.js";
import { h, Part, shown } from "./dom.js";
import { ago, has, t } from "./words.js";
import { change, inScope, state } from "./state.js";
import { walk } from "./radar.js";

const MOST = 60;
const STATUSES = ["online", "busy", "offline", "sleeping", "faulty", "unavailable"];
const LAMPS = { online: "online", busy: "slow", offline: "offline", sleeping: "connecting", faulty: "disabled", unavailable: "disabled", fresh: "online", suspect: "slow", gone: "offline" };

class Devices extends Part {
  static watches = ["minute", "sky", "routes", "peers", "services", "devices"];

  connectedCallback() {
    super.connectedCallback();
    loadPeers().catch(tellFailure);
  }

  view() {
    this.learn();
    const described = state.devices ?? new Map();
    const rows = state.peers?.length ? state.peers.map((peer) => ({ ...described.get(refOf(peer)), ...peer })) : [...described.values()];
    const mdns = state.services;
    return [
      h(
        "section",
        { class: "panel devices", "aria-label": t("devices"), key: "devices" },
        h("div", { class: "panel-head" }, h("h2", {}, t("devices")), h("small", {}, t("devices_n", { n: rows.length }))),
        rows.length ? h("ul", { onkeydown: walk }, rows.map(device)) : h("p", { class: "muted" }, t("devices.none")),
      ),
      mdns.length
        ? h("section", { class: "panel services", "aria-label": t("services"), key: "services" }, h("div", { class: "panel-head" }, h("h2", {}, t("services"))), h("ul", { onkeydown: walk }, mdns.map(service)))
        : null,
    ];
  }

  /** Agents are described by their details; each is asked for once per version of its row. */
  learn() {
    const agents = state.sky.filter((row) => row.kind === "agent" && inScope(row)).slice(0, MOST);
    const known = state.devices ?? new Map();
    const missing = agents.filter((row) => known.get(row.ref)?.mark !== row.digest + row.seen_at + row.freshness);
    const gone = [...known.keys()].filter((ref) => !agents.some((row) => row.ref === ref));
    if (!missing.length && !gone.length) return;
    for (const row of missing) known.set(row.ref, { ...fromRow(row), ...known.get(row.ref), mark: row.digest + row.seen_at + row.freshness });
    Promise.all(missing.map((row) => ask("items/" + encodeURIComponent(row.ref)).then((body) => [row, body])))
      .then((found) => {
        const next = new Map(known);
        for (const ref of gone) next.delete(ref);
        for (const [row, body] of found) next.set(row.ref, { ...next.get(row.ref), ...fromDetail(row, body) });
        change({ devices: next });
      })
      .catch(tellFailure);
    change({ devices: known });
  }
}

const fromRow = (row) => ({ ref: row.ref, name: row.name, state: row.freshness === "fresh" ? "online" : "offline", seen_at: row.seen_at, sources: row.sources, capabilities: [], scenes: [] });

const fromDetail = (row, body) => ({
  ...fromRow(row),
  state: row.freshness === "fresh" ? body.facts.status || "online" : "offline",
  reason: body.facts.reason,
  addresses: body.facts.addresses ?? [],
  port: body.facts.tcp_port,
  capabilities: body.provides,
  scenes: body.facts.scenes ?? [],
});

const size = (value) => (Array.isArray(value) ? value.length : Number(value) || 0);
const nameOf = (row) => shown(row.name || row.device_name || row.agent_id || row.id, 60);
const refOf = (row) => row.ref ?? "agent:" + (row.agent_id ?? row.id);
const statusOf = (row) => row.status_word ?? (row.state && !STATUSES.includes(row.state) && row.state !== "fresh" ? (row.state === "gone" ? "offline" : "busy") : row.status && STATUSES.includes(row.status) ? row.status : STATUSES.includes(row.state) ? row.state : "online");

function device(row) {
  const status = statusOf(row);
  return h(
    "li",
    { key: refOf(row) },
    h(
      "button",
      { type: "button", onclick: () => open(refOf(row)), title: [t("device." + status), shown(row.reason, 200)].filter(Boolean).join(" · ") },
      face(status),
      h("span", { class: "who" }, h("bdi", { class: "name" }, nameOf(row)), h("small", {}, t("device." + status), row.seen_at ? " · " + ago(row.seen_at) : ""), why(row)),
      h("span", { class: "offer" }, h("span", {}, t("capabilities_n", { n: size(row.capabilities) })), h("span", {}, t("scenes_n", { n: size(row.scenes) }))),
    ),
  );
}

/** Why somebody is not as it should be, in words; codes that have none stay codes. */
export const why = (row) => {
  const said = (row.why ?? []).map((code) => code.split(":")).map(([kind, ...rest]) => (has("why." + kind) ? t("why." + kind, { detail: shown(rest.join(":"), 60) }) : shown(kind, 60)));
  return said.length ? h("small", { class: "warning" }, said.join(t("list.and"))) : null;
};

/** A device with its lamp. */
const face = (status) =>
  h(
    "svg",
    { class: "face", viewBox: "-12 -12 24 24", width: 26, height: 26, "aria-hidden": "true" },
    h("path", { class: "ring", d: "M-9-7H9V4H-9ZM-5 8H5M0 4V8" }),
    h("circle", { class: "lamp " + (LAMPS[status] ?? "disabled"), cx: 7.5, cy: -7, r: 4 }),
  );

/** A service with its properties, all as claimed. */
function service(row) {
  const address = row.addresses[0] ?? "";
  const where = address ? `${address.includes(":") ? `[${address}]` : address}:${row.port}` : "";
  return h(
    "li",
    { key: row.name },
    h("div", { class: "service" }, h("span", { class: "who" }, row.ref ? h("button", { type: "button", class: "plain name", onclick: () => open(row.ref) }, h("bdi", {}, shown(row.name.replace(`.${row.type}`, ""), 80))) : h("bdi", { class: "name" }, shown(row.name, 80)), h("small", {}, `${t("one." + row.kind)} · ${shown(row.type, 60)}`), why(row.why?.length ? row : (state.peers?.find((peer) => refOf(peer) === row.ref) ?? row))), h("code", {}, shown(where, 80))),
    h("details", { class: "part" }, h("summary", {}, t("services.properties"), h("small", {}, Object.keys(row.properties).length)), h("dl", { class: "facts" }, Object.entries(row.properties).map(([name, value]) => h("div", { key: name }, h("dt", {}, shown(name, 60)), h("dd", {}, h("bdi", {}, shown(value, 200))))))),
  );
}

customElements.define("oo-devices", Devices);
