// What happens on the node, as it happens. One tab of a browser holds the stream and passes it on to the others; when that
// tab goes, the next one resumes where it stopped. Numbers rise by one, so nothing is missed silently.
//
// The stream is read with fetch and not with EventSource: so it carries the header that foreign pages cannot send, and events
// of kinds this page has never heard of still arrive.

import { change, state } from "./state.js";

const TAIL = 200;
const FIRST_WAIT = 400;
const LONGEST_WAIT = 8000;
const SILENCE = 40000; // ms; the node gives a sign of life every 15 s

const heard = new Set();
let last = 0;
let channel = null;
let wait = FIRST_WAIT;
let began = false;

/** Call `act(event)` for every event: {n, at, type, ref, data}. */
export const onEvent = (act) => heard.add(act);

/** Start to listen, from event number `from` on. */
export function listen(from) {
  last = Math.max(last, from);
  if (began) return;
  began = true;
  if (!("BroadcastChannel" in window) || !navigator.locks) {
    hold();
    return;
  }
  channel = new BroadcastChannel("ooder.events");
  channel.onmessage = ({ data }) => {
    if (data.link) change({ link: data.link });
    else if (data.type) take(data);
  };
  navigator.locks.request("ooder.events", hold).catch(hold);
  channel.postMessage({ ask: true });
}

function tell(link) {
  change({ link });
  channel?.postMessage({ link });
}

/** Keep a stream open for ever; the promise never settles, so the lock stays here as long as the tab does. */
async function hold() {
  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data.ask) channel.postMessage({ link: state.link });
    };
  }
  for (;;) {
    await follow().catch(() => null);
    tell("lost");
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** Read one stream to its end. */
async function follow() {
  const end = new AbortController();
  let watch = setTimeout(() => end.abort(), SILENCE);
  const answer = await fetch(`/api/v1/events?since=${last}`, {
    headers: { Accept: "text/event-stream", "X-Ooder": "1" },
    credentials: "same-origin",
    cache: "no-store",
    signal: end.signal,
  });
  if (answer.status === 401) change({ session: "closed" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  wait = FIRST_WAIT;
  tell("live");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    clearTimeout(watch);
    watch = setTimeout(() => end.abort(), SILENCE);
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = read(block);
      if (!event) continue;
      take(event);
      channel?.postMessage(event);
    }
  }
}

/** One block of a stream as an event, or null for signs of life and what cannot be read. */
export function read(block) {
  const fields = { data: [] };
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const value = line.slice(at + 1).replace(/^ /, "");
    if (line.startsWith("data:")) fields.data.push(value);
    else fields[line.slice(0, at)] = value;
  }
  if (!fields.data.length) return null;
  try {
    const body = JSON.parse(fields.data.join("\n"));
    return { n: body.n ?? Number(fields.id ?? 0), at: body.at ?? 0, type: String(body.type ?? fields.event ?? ""), ref: String(body.ref ?? ""), data: body.data ?? {} };
  } catch {
    return null; // one malformed event costs itself
  }
}

function take(event) {
  if (event.type === "snapshot") last = event.n;
  else if (event.type === "gap") change({ gap: true });
  else {
    if (event.n <= last) return;
    last = event.n;
    change({ events: [event, ...state.events].slice(0, TAIL) });
  }
  for (const act of heard) act(event);
}
