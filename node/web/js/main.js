// Starts the page: language and theme, the parts, the session, the data. Order matters only here.

import { begin, tellFailure } from "./acts.js";
import { readAddress } from "./address.js";
import { session, words } from "./early.js";
import { change, state } from "./state.js";
import "./app.js";

/** A theme the user chose, else what the system says. */
export function wear(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

const RETRY = 2000;

async function start() {
  wear(state.theme);
  state.watch(["theme"], () => wear(state.theme));
  await words;
  await session.catch(tellFailure);
  readAddress();
  window.addEventListener("popstate", readAddress);
  window.addEventListener("hashchange", () => {
    if (location.hash.startsWith("#t=")) location.reload();
    else readAddress();
  });
  document.addEventListener("keydown", shortcuts);
  if (state.detail || state.view !== "discover") import("./rooms.js").catch(tellFailure);
  await connect();
  await import("./rooms.js");
}

async function connect() {
  try {
    await begin();
  } catch (error) {
    if (state.session === "closed") return;
    change({ link: "lost" });
    tellFailure(error);
    setTimeout(connect, RETRY);
  }
}

function shortcuts(event) {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || state.detail) return;
  event.preventDefault();
  document.querySelector("#search")?.focus();
}

start().catch(tellFailure);
