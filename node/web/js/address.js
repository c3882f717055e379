// The address bar says where you are, so that a view can be kept, shared and gone back to: #/skill:x, #/installed, ?q=….

import { change, state } from "./state.js";

export const VIEWS = ["discover", "installed", "sources", "activity"];

/** What the address names: a view, or the ref of an item. */
function place() {
  const text = location.hash.replace(/^#\/?/, "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Show what the address says. */
export function readAddress() {
  const named = place();
  const search = new URLSearchParams(location.search);
  const view = VIEWS.includes(named) ? named : state.view;
  change({
    view: named && !VIEWS.includes(named) ? view : VIEWS.includes(named) ? named : "discover",
    detail: named.includes(":") ? named : "",
    text: search.get("q") ?? "",
    kind: search.get("kind") ?? "",
    source: search.get("source") ?? "",
    sort: search.get("sort") ?? "",
    category: search.get("category") ?? "",
  });
}

/** Open the page of one item. */
export function open(ref) {
  history.pushState({ inside: true }, "", location.pathname + location.search + "#/" + encodeURIComponent(ref).replace(/%3A/g, ":"));
  change({ detail: ref });
}

/** Close the item's page, back to where it was opened. */
export function close() {
  if (!state.detail) return;
  // Whoever went elsewhere meanwhile is not called back.
  if (place() === state.detail) history.pushState(null, "", location.pathname + location.search + (state.view === "discover" ? "" : "#/" + state.view));
  change({ detail: "" });
}

/** Go to one of the views. */
export function go(view) {
  history.pushState(null, "", location.pathname + location.search + "#/" + view);
  change({ view, detail: "" });
}

/** Keep the search in the address without a step in the history. */
export function noteSearch() {
  const parts = new URLSearchParams(location.search);
  for (const [name, value] of [
    ["q", state.text],
    ["kind", state.kind],
    ["source", state.source],
    ["sort", state.sort],
    ["category", state.category],
  ]) {
    if (value) parts.set(name, value);
    else parts.delete(name);
  }
  const text = parts.toString();
  history.replaceState(history.state, "", location.pathname + (text ? "?" + text : "") + location.hash);
}
