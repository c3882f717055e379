// What the page can make happen: load, search, scan, change sources. Parts call these and only draw.

import { ask, offers, paths, post, query, Refusal, remove } from "./api.js";
import { change, isRunning, keep, say, state } from "./state.js";
import { listen, onEvent } from "./stream.js";
import { t } from "./words.js";

const SKY = 3; // pages of a thousand rows for the radar
const LOOK = 150; // ms between looks at a running scan
const TICK = 30000; // ms between looks at how old everything is
const SETTLE = 250; // ms between a change and asking again

let asked = 0;
const due = new Map();

/** Say what went wrong, in the node's own words. */
export function tellFailure(error) {
  if (error.name === "AbortError") return;
  if (error instanceof Refusal) {
    if (error.status !== 401) say([error.message, error.nextStep].filter(Boolean).join(" — "), "failed");
  } else say(t("link.lost"), "failed");
}

/** Do `act` once, a little after the last of several wishes, but never later than four waits. */
function soon(name, act, wait = SETTLE) {
  const before = due.get(name);
  if (before) {
    if (performance.now() - before.since > wait * 4) return;
    clearTimeout(before.timer);
  }
  const since = before?.since ?? performance.now();
  const timer = setTimeout(() => {
    due.delete(name);
    act().catch(tellFailure);
  }, wait);
  due.set(name, { since, timer });
}

/** Bring the page to life: routes, status, first rows, then the stream. */
export async function begin() {
  await loadStatus();
  change({ session: "open" });
  await Promise.all([loadSources(), search()]);
  await loadSky(); // heavy, and nobody waits for it to read the first cards
  loadPeers().catch(tellFailure);
  onEvent(hear);
  listen(state.status?.last_event ?? 0);
  setInterval(() => change({ minute: Math.floor(Date.now() / TICK) }), TICK);
}

export async function loadStatus() {
  const status = await ask("status");
  if (state.routes.size !== status.routes.length) change({ routes: new Set(status.routes) });
  change({ status, scope: state.scope || status.scope });
}

export async function loadSources() {
  const body = await ask(paths.sources());
  change({ sources: body.sources });
}

export async function search() {
  const mine = ++asked;
  change({ asking: true });
  try {
    const answer = await ask(paths.items());
    if (mine === asked) change({ answer, asking: false });
  } catch (error) {
    if (mine === asked) change({ asking: false });
    throw error;
  }
}

/** Everything there is, whatever the scope: parts choose by `inScope`. An unfiltered list can be walked to its end. */
export async function loadSky() {
  const rows = [];
  let offset = 0;
  for (let page = 0; page < SKY && offset !== null; page += 1) {
    const body = await ask("items" + query({ limit: 1000, offset: offset || "" }));
    rows.push(...body.items);
    offset = body.next_offset ?? null;
  }
  change({ sky: rows });
}

export async function loadPeers() {
  if (offers("peers")) change({ peers: (await ask("peers")).peers });
  if (offers("services")) change({ services: (await ask("services")).services });
}

/** Choose what is looked for; the first page is shown again. */
export function seek(fields) {
  change({ ...fields, wanted: 24 });
  search().catch(tellFailure);
}

export function more() {
  change({ wanted: Math.min(state.wanted + 48, 1000) });
  search().catch(tellFailure);
}

/** Another scope: other sources, other lights, other rows. */
export function chooseScope(scope) {
  keep("scope", scope);
  change({ source: "", wanted: 24 });
  Promise.all([loadSources(), search(), loadSky()]).catch(tellFailure);
}

// --- Scanning -------------------------------------------------------------------------------------------------------

export async function scan(sources) {
  try {
    await follow(await post("scans", { scope: state.scope, ...(sources ? { sources } : {}) }));
  } catch (error) {
    change({ scan: null });
    tellFailure(error);
  }
}

async function follow(begun) {
  let job = begun;
  for (;;) {
    change({ scan: job });
    if (!isRunning(job)) break;
    await new Promise((done) => setTimeout(done, LOOK));
    job = await ask("scans/" + encodeURIComponent(job.id));
  }
  await refresh();
}

export async function stopScan() {
  if (state.scan) await remove("scans/" + encodeURIComponent(state.scan.id)).catch(tellFailure);
}

export async function refresh() {
  await Promise.all([loadStatus(), loadSources(), search(), loadSky()]);
}

// --- Sources --------------------------------------------------------------------------------------------------------

/** Switch a source on or off, test it, add or remove a place; `done` is what to say. */
export async function changeSource(act, done) {
  try {
    await act();
    if (done) say(done);
    await Promise.all([loadSources(), loadStatus()]);
    return true;
  } catch (error) {
    tellFailure(error);
    return false;
  }
}

// --- Hearing --------------------------------------------------------------------------------------------------------

function hear(event) {
  if (event.type === "snapshot" || event.type === "gap" || event.type === "index.rebuilt") soon("all", refresh);
  else if (event.type.startsWith("item.")) {
    if (event.type === "item.discovered") welcome(event.ref);
    if (event.ref.startsWith("agent:")) soon("peers", loadPeers);
    soon("rows", () => Promise.all([search(), loadSky(), loadStatus()]));
  } else if (event.type.startsWith("source.") || event.type.startsWith("discovery.")) {
    soon("sources", () => Promise.all([loadSources(), loadStatus()]), 120);
  } else if (event.type.startsWith("peer.")) soon("peers", loadPeers);
}

const NEW = 4000; // ms that a newcomer is marked
const MARKED = 60; // newcomers marked at once; in a flood nobody is special

/** Mark a newcomer for a moment. */
function welcome(ref) {
  if (state.fresh.size >= MARKED) return;
  change({ fresh: new Set([...state.fresh, ref]) });
  setTimeout(() => change({ fresh: new Set([...state.fresh].filter((one) => one !== ref)) }), NEW);
}
