// The first thing that runs, while the other modules still come: the words, the session and the first answers are asked for at
// once. Who needs an answer later asks for it as always and gets the one that is already under way.

import { readAddress } from "./address.js";
import { openSession, paths, prime } from "./api.js";
import { state } from "./state.js";
import { preferred, speak } from "./words.js";

function saved() {
  try {
    return localStorage.getItem("ooder.language");
  } catch {
    return "";
  }
}

/** The one-time link's secret is taken out of the address before anybody reads the address. */
export const session = openSession();
session.catch(() => null); // told by main.js
readAddress();

export const words = speak(preferred(location.search, saved(), navigator.languages ?? []));

async function look() {
  await session;
  const status = prime("status");
  if (!state.scope) state.scope = (await status).scope;
  for (const path of [paths.sources(), paths.items()]) prime(path).catch(() => null);
}

look().catch(() => null); // whoever asks again is told
