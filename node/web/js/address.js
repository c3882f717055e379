// The address bar says where you are, so that a view can be kept, shared and gone back to: #/skill:x, #/installed, ?q=….

import { change, state } from "./state.js";

export const VIEWS = ["discover", "installed", "sources", "activity"];

/** Show what the address says. */
export function readAddress() {
  const place = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  const search = new URLSearchParams(location.search);
  const view = VIEWS.includes(place) ? place : state.view;
  change({
    view: place && !VIEWS.includes(place) ? view : VIEWS.includes(place) ? place : "discover",
    detail: place.includes(":") ? place : "",
    text: search.get("q") ?? "",
    kind: search.get("kind") ?? "",
    source: search.get("source") ?? "",
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
  history.pushState(null, "", location.pathname + location.search + (state.view === "discover" ? "" : "#/" + state.view));
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
  ]) {
    if (value) parts.set(name, value);
    else parts.delete(name);
  }
  const text = parts.toString();
  history.replaceState(history.state, "", location.pathname + (text ? "?" + text : "") + location.hash);
}
