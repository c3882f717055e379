// Every action as the command that does the same, so that what was clicked once can be scripted.

import { h } from "./dom.js";
import { sign } from "./marks.js";
import { say } from "./state.js";
import { t } from "./words.js";

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** One argument as a POSIX shell reads it. */
export const quoted = (word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** `ooder` with these arguments; empty ones are left out. */
export const command = (...words) => ["ooder", ...words.filter((word) => word !== "" && word !== undefined)].map((word) => quoted(String(word))).join(" ");

/** The command of the search that is shown. */
export function searchCommand({ text, kind, source }) {
  const filters = [...(kind ? ["--kind", kind === "capability" ? "cap" : kind] : []), ...(source ? ["--source", source] : [])];
  return text ? command("search", ...filters, "--", ...text.split(/\s+/)) : command("list", ...filters);
}

/** A small button that copies `line`. */
export const copyButton = (line, label = "") =>
  h(
    "button",
    { type: "button", class: "quiet copy", title: t("copy.title", { line }), "aria-label": label ? null : t("copy.title", { line }), onclick: () => copy(line) },
    sign("copy", 14),
    label,
  );

async function copy(line) {
  try {
    await navigator.clipboard.writeText(line);
    say(t("copy.done", { line }));
  } catch {
    say(line, "command"); // no permission: show it, so that it can be taken by hand
  }
}
