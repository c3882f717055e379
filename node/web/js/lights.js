// The strip of lights: each source, how it is, how many items; while a scan runs, one line per source and how far it is.

import { seek } from "./acts.js";
import { noteSearch } from "./address.js";
import { h, Part, shown } from "./dom.js";
import { light, shape, sourceName } from "./marks.js";
import { isRunning, state } from "./state.js";
import { ago, number, quick, t, until } from "./words.js";

class Lights extends Part {
  static watches = ["minute", "sources", "source", "scan", "status"];

  view() {
    return [
      h(
        "ul",
        { class: "strip", "aria-label": t("lights") },
        state.status?.newest ? h("li", { key: " newest", class: "newest" }, t("confirmed", { age: ago(state.status.newest) })) : null,
        state.sources.filter((one) => one.in_scope).map((one) => h("li", { key: one.name }, lamp(one))),
      ),
      state.scan ? progress(state.scan) : null,
    ];
  }
}

/** What a light means, in one sentence. */
export function meaning(one) {
  if (one.light === "offline") return t("light.about.offline", { reason: shown(one.reason || one.code, 300) });
  if (one.light === "connecting" && !one.last_attempt) return t("light.about.unknown");
  if (one.last_success) return t("light.about.asked", { light: lightName(one), age: ago(one.last_success), took: quick(one.seconds) });
  return lightName(one);
}

export const lightName = (one) => t("light." + (one.light === "connecting" && !one.last_attempt ? "unknown" : one.light));

function lamp(one) {
  const retry = one.next_retry ? t("light.retry", { when: until(one.next_retry) }) : "";
  return h(
    "button",
    {
      type: "button",
      "aria-pressed": String(state.source === one.name),
      title: [meaning(one), retry].filter(Boolean).join(" · "),
      onclick: () => {
        seek({ source: state.source === one.name ? "" : one.name });
        noteSearch();
      },
    },
    light(one.light),
    shape(one.name, 12),
    h("span", { class: "name" }, sourceName(one.name)),
    h("span", { class: "state" }, lightName(one)),
    h("span", { class: "count" }, has(one) ? t("items_n", { n: one.items }) : ""),
  );
}

const has = (one) => one.items !== undefined && one.light !== "disabled";

const ENDED = new Set(["done", "failed"]);

function progress(scan) {
  const lines = scan.sources ?? [];
  const running = isRunning(scan);
  const part = running ? lines.filter((line) => ENDED.has(line.stage)).length / Math.max(1, lines.length) : 1;
  return h(
    "section",
    { class: "scan", "aria-label": t("scan.title") },
    h(
      "div",
      { class: "scan-head" },
      h("strong", { role: "status" }, words(scan)),
      h("progress", { max: "1", value: String(Math.max(0.04, part)), "aria-label": t("scan.title") }),
      h("span", {}, number(Math.round(100 * part)) + " %"),
    ),
    h("ul", {}, lines.map(scanLine)),
  );
}

function words(scan) {
  if (isRunning(scan)) return t("scan.running");
  if (scan.state === "failed") return t("scan.line.failed", { reason: shown(scan.error?.message, 300) });
  return t(scan.state === "cancelled" ? "scan.cancelled" : "scan.finished", { n: scan.changes ?? 0 });
}

function scanLine(line) {
  const lamp = ENDED.has(line.stage) ? (line.state?.light ?? "online") : "connecting";
  return h("li", { key: line.name }, light(lamp), shape(line.name, 12), h("span", {}, sourceName(line.name)), h("span", { class: "muted" }, lineWords(line)));
}

function lineWords(line) {
  if (line.stage === "failed") return t("scan.line.failed", { reason: shown(line.state?.reason, 200) });
  if (line.stage === "done") return t("scan.line.done", { n: line.found, took: quick(line.state?.seconds ?? 0) });
  return line.stage === "waiting" ? t("scan.line.waiting") : t("scan.line.asking", { n: line.found });
}

customElements.define("oo-lights", Lights);
