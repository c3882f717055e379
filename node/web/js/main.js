// Starts the page: language and theme, the parts, the session, the data. Order matters only here.

import { begin, tellFailure } from "./acts.js";
import { readAddress } from "./address.js";
import { openSession } from "./api.js";
import { change, state } from "./state.js";
import { preferred, speak } from "./words.js";
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
  const saved = (() => {
    try {
      return localStorage.getItem("ooder.language");
    } catch {
      return "";
    }
  })();
  const session = openSession(); // while the words come
  session.catch(() => null);
  await speak(preferred(location.search, saved, navigator.languages ?? []));
  await session.catch(tellFailure);
  readAddress();
  window.addEventListener("popstate", readAddress);
  window.addEventListener("hashchange", () => {
    if (location.hash.startsWith("#t=")) location.reload();
    else readAddress();
  });
  document.addEventListener("keydown", shortcuts);
  await connect();
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
