// The only place that talks to the node. One session per browser: the one-time link's secret is exchanged for a cookie that
// scripts cannot read; every request carries the header that foreign pages cannot send.

import { change, state } from "./state.js";
import { speaking } from "./words.js";

const BASE = "/api/v1/";
const kept = new Map(); // path -> {tag, body}: what a 304 refers to
const KEPT = 60;

/** What the node answered when it did not do what was asked. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body.message || body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code || "";
    this.nextStep = body.next_step || "";
    this.body = body;
  }
}

const primed = new Map(); // path -> answer that is under way

/** Ask for `path` now; the next `ask` for it gets this answer. */
export function prime(path) {
  const answer = ask(path);
  answer.catch(() => null);
  primed.set(path, answer);
  return answer;
}

/** Ask for `path` (below /api/v1/). Throws Refusal, or TypeError when the node cannot be reached. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const early = method === "GET" ? primed.get(path) : undefined;
  if (early) {
    primed.delete(path);
    return early;
  }
  const headers = { "X-Ooder": "1", Accept: "application/json", "Accept-Language": speaking() || "en" };
  const memory = method === "GET" ? kept.get(path + speaking()) : undefined;
  if (memory) headers["If-None-Match"] = memory.tag;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(BASE + path, {
    method,
    headers,
    signal,
    credentials: "same-origin",
    cache: "no-store",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 304 && memory) return memory.body;
  const found = await read(answer);
  if (answer.ok) {
    remember(path + speaking(), method, answer, found);
    return found;
  }
  if (answer.status === 401) change({ session: "closed" });
  throw new Refusal(answer.status, found);
}

async function read(answer) {
  const text = await answer.text();
  if (!text) return {};
  try {
    return JSON.parse(text);
  } catch {
    return { message: `HTTP ${answer.status}`, code: "answer.malformed" };
  }
}

function remember(key, method, answer, body) {
  const tag = answer.headers.get("ETag");
  if (method !== "GET" || !tag) return;
  kept.delete(key);
  kept.set(key, { tag, body });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

export const post = (path, body = {}) => ask(path, { method: "POST", body });
export const put = (path, body) => ask(path, { method: "PUT", body });
export const remove = (path) => ask(path, { method: "DELETE" });

/** `name=value&…` without empty ones; lists repeat the name. */
export function query(fields) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== undefined) parts.append(name, one);
  }
  const text = parts.toString();
  return text ? "?" + text : "";
}

/** Questions that are asked in more than one place. */
export const paths = {
  sources: () => "sources" + query({ scope: state.scope }),
  items: () => "items" + query({ scope: state.scope, kind: state.kind, q: state.text, source: state.source, sort: state.sort, category: state.category, limit: state.wanted }),
};

/** Exchange the secret of a one-time link for a session, and take it out of the address. */
export async function openSession() {
  const secret = new URLSearchParams(location.hash.slice(1)).get("t");
  if (!secret) return;
  history.replaceState(null, "", location.pathname + location.search);
  await post("session", { token: secret });
}

/** Whether the node has a route, written as in its description: `peers`, `scans/{id}`. */
export const offers = (path) => state.routes.has(path);
