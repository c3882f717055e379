// The page's words in two languages, and numbers and times as each writes them. Sentences are never put together from pieces.

import { change, state } from "./state.js";

export const LANGUAGES = { "zh-CN": "中文", en: "English" };
let words = {};
let coming = ""; // the language that is being loaded
let plural = new Intl.PluralRules("en");
let spoken = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
let figures = new Intl.NumberFormat("en");
let clock = new Intl.DateTimeFormat("en", { timeStyle: "medium" });

/** `?lang=`, then what was chosen before, then the browser's languages, then Chinese. */
export function preferred(search, saved, browser) {
  const asked = [new URLSearchParams(search).get("lang"), saved, ...browser, "zh-CN"];
  for (const one of asked) {
    if (!one) continue;
    if (/^zh\b/i.test(one)) return "zh-CN";
    if (/^en\b/i.test(one)) return "en";
  }
  return "zh-CN";
}

/** Load one language and show the page in it. */
export async function speak(language) {
  coming = language;
  const answer = await fetch(new URL(`../text/${language}.json`, import.meta.url));
  words = await answer.json();
  plural = new Intl.PluralRules(language);
  spoken = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  figures = new Intl.NumberFormat(language);
  clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  document.documentElement.lang = language;
  document.title = t("title");
  change({ language });
}

/** The sentence `key` with its gaps filled; with `n` in `gaps` the form for that number. A missing key shows itself. */
export function t(key, gaps) {
  let form = words[key];
  if (gaps && "n" in gaps) form = words[`${key}.${plural.select(gaps.n)}`] ?? words[`${key}.other`] ?? form;
  return (form ?? key).replace(/\{(\w+)\}/g, (whole, name) => (gaps && name in gaps ? put(gaps[name]) : whole));
}

const put = (value) => (typeof value === "number" ? figures.format(value) : String(value));

/** Whether there are words for `key`. */
export const has = (key) => key in words;

const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago a wall time (seconds) was. */
export function ago(at, now = Date.now() / 1000) {
  if (!at) return t("never");
  const past = Math.max(0, now - at);
  for (const [unit, length] of STEPS) if (past >= length) return spoken.format(-Math.floor(past / length), unit);
  return past < 10 ? t("just_now") : spoken.format(-Math.floor(past), "second");
}

/** How long until a wall time (seconds). */
export function until(at, now = Date.now() / 1000) {
  const left = Math.max(0, at - now);
  for (const [unit, length] of STEPS) if (left >= length) return spoken.format(Math.ceil(left / length), unit);
  return spoken.format(Math.ceil(left), "second");
}

export const time = (at) => clock.format(new Date(at * 1000));
export const number = (value) => figures.format(value);

/** Bytes with the unit people expect. */
export function bytes(count) {
  if (count === null || count === undefined || count < 0) return "—";
  const units = ["B", "kB", "MB", "GB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${figures.format(value < 10 && unit ? Math.round(value * 10) / 10 : Math.round(value))} ${units[unit]}`;
}

/** A number of seconds as people say how quick something was. */
export const quick = (seconds) =>
  seconds < 1 ? `${figures.format(Math.round(seconds * 1000))} ms` : `${figures.format(Math.round(seconds * 10) / 10)} s`;

/** The language of the page, also while its words still come. */
export const speaking = () => state.language || coming;
