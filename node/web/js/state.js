// Everything the page knows, in one place. `change` sets fields and tells those who watch them.

const saved = (name, fallback) => {
  try {
    return localStorage.getItem("ooder." + name) ?? fallback;
  } catch {
    return fallback; // storage may be switched off; the page works without it
  }
};

export const state = {
  view: "discover", // discover | installed | sources | activity
  detail: "", // ref whose page is open
  scope: saved("scope", ""),
  kind: "", // "" = all
  text: "",
  sort: "", // "" = what fits best
  category: "", // "" = all
  source: "", // only what this source has seen
  offlineOnly: false,
  radarBy: saved("radarBy", "trust"),
  theme: saved("theme", ""),
  language: "",
  session: "unknown", // unknown | open | closed
  link: "connecting", // to the node: connecting | live | lost
  routes: new Set(), // what this node offers, from its own description
  status: null,
  sources: [],
  answer: null,
  asking: false,
  wanted: 24, // rows shown
  sky: [], // rows on the radar
  peers: null,
  services: [], // what mDNS heard
  fresh: new Set(), // refs that just appeared
  scan: null,
  events: [],
  gap: false,
  installs: null,
  jobs: new Map(),
  toasts: [],
  minute: 0, // changes from time to time, for what shows ages
};

const watchers = new Map();

/** Call `act` after any of `names` changed; returns how to stop. */
state.watch = (names, act) => {
  for (const name of names) {
    if (!watchers.has(name)) watchers.set(name, new Set());
    watchers.get(name).add(act);
  }
  return () => names.forEach((name) => watchers.get(name).delete(act));
};

/** Set fields; unchanged ones wake nobody. */
export function change(fields) {
  const acts = new Set();
  for (const [name, value] of Object.entries(fields)) {
    if (state[name] === value) continue;
    state[name] = value;
    for (const act of watchers.get(name) ?? []) acts.add(act);
  }
  for (const act of acts) act();
}

/** Remember a choice in this browser. */
export function keep(name, value) {
  try {
    localStorage.setItem("ooder." + name, value);
  } catch {
    // a private window forgets; nothing depends on it
  }
  change({ [name]: value });
}

let nextToast = 1;

/** Say something once, for a few seconds; failures stay until closed. */
export function say(text, kind = "done") {
  const toast = { id: nextToast++, text, kind };
  change({ toasts: [...state.toasts.slice(-3), toast] });
  if (kind === "done") setTimeout(() => unsay(toast.id), 4000);
}

export function unsay(id) {
  change({ toasts: state.toasts.filter((toast) => toast.id !== id) });
}

/** Whether a source of the chosen scope has seen a row. */
export function inScope(row) {
  return row.sources.some((name) => state.sources.find((one) => one.name === name)?.in_scope ?? false);
}

/** Whether a scan is not over yet. */
export const isRunning = (scan) => scan?.state === "running" || scan?.state === "waiting";
