// Captions over the picture, and the menu that chooses their language. They come over the events
// connection, are shown for as long as one reads, and are read out once: what is spoken still is for the eyes alone.
import { type Item, menuButton } from "../host/menu";
import { t } from "../texts";
import { h } from "../ui/dom";
import { derived, root, signal } from "../ui/signals";

/** Caption is one line, as node/talk tells it. */
export interface Caption {
  id: string;
  language: string;
  text: string;
  draft?: boolean;
}

/** chosen is where the choice is kept: a language tag, or "" for none. */
const chosen = "stentor.captions";

/** together is how many lines stand over the picture at once: more of it would be hidden. */
const together = 2;

/** readFor is how long a line stays that no other follows, in milliseconds: as long as slow readers need for 200 characters. */
const readFor = 8000;

/** goesOn is how long a line stays that is spoken still, in milliseconds: then whoever wrote it is gone. */
const goesOn = 30_000;

/** readOut is how many lines are kept for those who read by ear or finger. */
const readOut = 20;

/** languageName says a language in the words of the page, or its tag where nobody has a word for it. */
export function languageName(tag: string): string {
  try {
    const name = new Intl.DisplayNames(document.documentElement.lang || "en", { type: "language", fallback: "code" }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase() + name.slice(1);
  } catch {
    return tag;
  }
}

const primary = (tag: string) => tag.split("-")[0];

/** nearest is the one of those languages that somebody reads who asked for wish, or who reads this page. */
export function nearest(wish: string, languages: readonly string[]): string {
  for (const want of [wish, document.documentElement.lang || "en"]) {
    const found = languages.find((l) => l === want) ?? languages.find((l) => primary(l) === primary(want));
    if (found) return found;
  }
  return languages[0] ?? "";
}

export class Captions {
  readonly button: HTMLElement;
  readonly layer: HTMLElement;
  readonly #languages = signal<readonly string[]>([]);
  readonly #lines = signal<readonly Caption[]>([]); // of all languages, the latest last
  readonly #wish = signal(kept());
  readonly #language = derived(() => (this.#wish() ? nearest(this.#wish(), this.#languages()) : ""));
  readonly #spoken: HTMLElement;
  #timer = 0;
  #end: () => void;

  constructor() {
    let button!: HTMLElement;
    let layer!: HTMLElement;
    this.#spoken = h("div", { class: "sr", role: "log", "aria-live": "polite", "aria-label": t("talk.captions"), id: "captions-read" });
    this.#end = root(() => {
      button = h("span", { class: "captions-choice", "data-languages": () => this.#languages().join(" "), hidden: () => this.#languages().length === 0 },
        menuButton(() => t("talk.captions_label", { language: this.#language() ? languageName(this.#language()) : t("talk.captions_off") }), () => this.#items(), { id: "captions" }, "captions"));
      layer = h("div", { class: "captions" },
        h("div", { class: "captions-lines", "aria-hidden": "true" }, () => this.#shown().map((c) => h("p", { lang: c.language, dir: "auto" }, h("span", {}, c.text)))),
        this.#spoken);
    });
    this.button = button;
    this.layer = layer;
  }

  /** knows takes in which languages there are; what was said in them before is past. */
  knows(all: readonly Caption[]): void {
    for (const c of all) this.#known(c.language);
  }

  /** hears takes a line, or what it has become. */
  hears(c: Caption): void {
    this.#known(c.language);
    const was = this.#lines.peek();
    const others = was.filter((l) => l.language !== c.language);
    const own = was.filter((l) => l.language === c.language && l.id !== c.id);
    const at = was.filter((l) => l.language === c.language).findIndex((l) => l.id === c.id);
    own.splice(at < 0 ? own.length : at, 0, c);
    this.#lines.set([...others, ...own.slice(-together)]);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#lines.set([]), c.draft ? goesOn : readFor);
    if (!c.draft && c.language === this.#language()) this.#read(c);
  }

  /** forgets takes a line away that a host has deleted. */
  forgets(id: string): void {
    this.#lines.set(this.#lines.peek().filter((l) => l.id !== id));
    for (const p of [...this.#spoken.children]) if ((p as HTMLElement).dataset.id === id) p.remove();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#end();
  }

  #known(language: string): void {
    if (!this.#languages.peek().includes(language)) this.#languages.set([...this.#languages.peek(), language].sort());
  }

  #shown(): readonly Caption[] {
    return this.#lines().filter((c) => c.language === this.#language());
  }

  /** read has a line read out, once. */
  #read(c: Caption): void {
    if ([...this.#spoken.children].some((p) => (p as HTMLElement).dataset.id === c.id)) return;
    this.#spoken.append(h("p", { "data-id": c.id, lang: c.language }, c.text));
    while (this.#spoken.childElementCount > readOut) this.#spoken.firstElementChild!.remove();
  }

  #items(): Item[] {
    const now = this.#language();
    const choose = (wish: string) => () => {
      this.#wish.set(wish);
      this.#spoken.replaceChildren();
      try {
        localStorage.setItem(chosen, wish);
      } catch {
        // a browser that keeps nothing asks again next time
      }
    };
    return [
      { id: "off", words: t("talk.captions_off"), checked: !now, act: choose("") },
      ...this.#languages.peek().map((l): Item => ({ id: l, words: languageName(l), checked: l === now, act: choose(l) })),
    ];
  }
}

function kept(): string {
  try {
    return localStorage.getItem(chosen) ?? "";
  } catch {
    return "";
  }
}
