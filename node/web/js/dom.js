// Describes and updates the page. `h` makes a description of an element, `patch` brings real elements to it and keeps what
// already fits, so focus, scroll and selection survive live updates. Text only ever becomes text nodes.

import { state } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "open", "hidden", "selected", "indeterminate"]);
const MADE = Symbol("description");
const HEARD = Symbol("listeners");

/** Text from outside as people may see it: nothing invisible, nothing that turns the line around (the rule of `protocol.display`). */
export function shown(text, most = 4000) {
  const cut = String(text ?? "").normalize("NFC");
  const said = (cut.length > most ? cut.slice(0, most) + "…" : cut)
    .replace(/[^\P{C}\n\t]|[\p{Zl}\p{Zp}\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}]/gu, visible)
    .replace(/(\p{M}{2})\p{M}+/gu, "$1");
  return said;
}

function visible(char) {
  return "\\u" + char.codePointAt(0).toString(16).padStart(4, "0");
}

/** One description: tag, attributes (`onclick` and the like are functions), children (text, descriptions, lists, nothing). */
export function h(tag, props, ...children) {
  const list = [];
  flatten(children, list);
  return { tag, props: props ?? {}, key: props?.key, children: list };
}

function flatten(from, into) {
  for (const child of from) {
    if (child === null || child === undefined || child === false || child === true || child === "") continue;
    if (Array.isArray(child)) flatten(child, into);
    else into.push(typeof child === "object" ? child : { text: String(child) });
  }
}

/** Make the children of `parent` what `wanted` describes. */
export function patch(parent, wanted) {
  const list = [];
  flatten([wanted], list);
  const keyed = new Map();
  const free = [];
  for (const node of parent.childNodes) {
    const key = node[MADE]?.key;
    if (key === undefined) free.push(node);
    else keyed.set(key, node);
  }
  let place = parent.firstChild;
  for (const one of list) {
    const found = one.key === undefined ? takeFree(free, one) : takeKeyed(keyed, one);
    const node = found ?? create(one, parent);
    update(node, one);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of [...free, ...keyed.values()]) node.remove();
}

function takeFree(free, one) {
  const at = free.findIndex((node) => (one.tag ? node[MADE]?.tag === one.tag : node.nodeType === 3));
  return at < 0 ? null : free.splice(at, 1)[0];
}

function takeKeyed(keyed, one) {
  const node = keyed.get(one.key);
  if (!node || node[MADE].tag !== one.tag) return null;
  keyed.delete(one.key);
  return node;
}

function create(one, parent) {
  if (one.tag === undefined) return document.createTextNode(one.text);
  const svg = one.tag === "svg" || (parent.namespaceURI === SVG && parent.tagName !== "foreignObject");
  return svg ? document.createElementNS(SVG, one.tag) : document.createElement(one.tag);
}

function update(node, one) {
  if (one.tag === undefined) {
    if (node.data !== one.text) node.data = one.text;
    return;
  }
  const before = node[MADE]?.props ?? {};
  node[MADE] = one;
  for (const name of Object.keys(before)) if (!(name in one.props)) assign(node, name, undefined);
  for (const [name, value] of Object.entries(one.props)) {
    if (value !== before[name] || PROPERTIES.has(name)) assign(node, name, value);
  }
  if (!one.tag.includes("-")) patch(node, one.children);
  one.props.made?.(node);
}

function assign(node, name, value) {
  if (name === "key" || name === "made") return;
  if (name.startsWith("on")) listen(node, name.slice(2), value);
  else if (PROPERTIES.has(name)) {
    const wanted = value ?? (name === "value" ? "" : false);
    if (node[name] !== wanted) node[name] = wanted;
  } else if (name.startsWith(".")) node[name.slice(1)] = value;
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

function listen(node, type, act) {
  const heard = (node[HEARD] ??= new Map());
  if (!heard.has(type)) node.addEventListener(type, (event) => heard.get(type)?.call(node, event));
  heard.set(type, act);
}

/** A custom element that draws itself again when what it watches in the state changes. */
export class Part extends HTMLElement {
  static watches = [];

  connectedCallback() {
    this.leave = state.watch(["language", ...this.constructor.watches], () => this.ask());
    this.draw();
  }

  disconnectedCallback() {
    this.leave?.();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    const act = () => {
      this.asked = false;
      if (this.isConnected) this.draw();
    };
    if (document.hidden) setTimeout(act, 50);
    else requestAnimationFrame(act);
  }

  draw() {
    patch(this, this.view());
  }
}
