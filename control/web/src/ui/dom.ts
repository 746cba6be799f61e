// Elements made from script: text goes in as text, never as markup. A child or
// an attribute that is a function is kept up to date with the signals it reads.
import { type Signal, effect, onEnd, root, signal, untracked } from "./signals";

type Plain = Node | string | number | null | undefined | false;
export type Child = Plain | Child[] | (() => Child);
type Value = string | number | boolean | null | undefined;
type Listener = (event: never) => void;
export type Props = Record<string, Value | (() => Value) | Listener>;

/** properties are set on the object, since their attributes mean the beginning only. */
const properties = new Set(["value", "checked", "muted", "disabled", "hidden", "open"]);

/** h makes an element: h("button", { class: "primary", onclick: go }, "Go"). */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props?: Props, ...children: Child[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith("on")) {
      el.addEventListener(name.slice(2), value as EventListener);
    } else if (typeof value === "function") {
      effect(() => assign(el, name, (value as () => Value)()));
    } else {
      assign(el, name, value);
    }
  }
  append(el, children);
  return el;
}

function assign(el: HTMLElement, name: string, value: Value): void {
  if (properties.has(name)) {
    (el as unknown as Record<string, Value>)[name] = value ?? "";
  } else if (value === null || value === undefined || value === false) {
    el.removeAttribute(name);
  } else {
    el.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) append(parent, child);
    else if (typeof child === "function") alive(parent, child);
    else if (child instanceof Node) parent.appendChild(child);
    else if (child !== null && child !== undefined && child !== false) parent.appendChild(document.createTextNode(String(child)));
  }
}

/** alive keeps what make returns between two empty texts, and makes it again when it changes. */
function alive(parent: Node, make: () => Child): void {
  const begin = document.createTextNode("");
  const end = document.createTextNode("");
  parent.appendChild(begin);
  parent.appendChild(end);
  let before: Child = {} as Child;
  effect(() => {
    const now = make();
    if (now === before && !(now instanceof Node)) return; // the same words: what is polled does not flicker
    before = now;
    const made = document.createDocumentFragment();
    append(made, [now]);
    const range = document.createRange();
    range.setStartAfter(begin);
    range.setEndBefore(end);
    range.deleteContents();
    end.parentNode!.insertBefore(made, end);
  });
}

/**
 * each keeps one child of el for every item, in order, and changes no more than it
 * must: what has the focus keeps it while the list is polled.
 */
export function each<T>(el: HTMLElement, items: () => readonly T[], key: (item: T) => string, make: (item: Signal<T>) => HTMLElement): HTMLElement {
  const rows = new Map<string, { item: Signal<T>; el: HTMLElement; stop: () => void }>();
  effect(() => {
    const now = items();
    untracked(() => {
      const keys = new Set(now.map(key));
      for (const [k, row] of rows) {
        if (keys.has(k)) continue;
        row.stop();
        row.el.remove();
        rows.delete(k);
      }
      now.forEach((value, i) => {
        let row = rows.get(key(value));
        if (row) {
          row.item.set(value);
        } else {
          const item = signal(value);
          let made!: HTMLElement;
          const stop = root(() => (made = make(item)));
          rows.set(key(value), (row = { item, el: made, stop }));
        }
        if (el.children[i] !== row.el) put(el, row.el, el.children[i] ?? null);
      });
    });
  });
  onEnd(() => rows.forEach((row) => row.stop()));
  return el;
}

/** put moves a row that is there without taking the focus off it, where the browser can. */
function put(el: HTMLElement, row: HTMLElement, before: Element | null): void {
  const move = (el as HTMLElement & { moveBefore?: (row: Node, before: Node | null) => void }).moveBefore;
  if (move && row.parentNode === el) move.call(el, row, before);
  else el.insertBefore(row, before);
}

/** Part is a custom element whose content is made by render and let go of with it. */
export abstract class Part extends HTMLElement {
  #stop: (() => void) | null = null;

  abstract render(): Child;

  connectedCallback(): void {
    this.#stop = root(() => append(this, [this.render()]));
  }

  disconnectedCallback(): void {
    this.#stop?.();
    this.replaceChildren();
  }
}

/** must finds an element that the server has put on the page. */
export function must<T extends HTMLElement = HTMLElement>(id: string): T {
  const el = document.getElementById(id);
  if (!el) throw new Error(`the page lacks #${id}`);
  return el as T;
}
