// Menus behind a button, as the ARIA practices have them: arrow keys, Home and End move,
// letters find, Escape closes, and the focus goes back to where it came from.
import { type Child, h } from "../ui/dom";
import { type Icon, icon } from "../ui/icons";
import { onEnd } from "../ui/signals";

export interface Item {
  id: string; // data-act, for tests and for nobody else
  words: string;
  danger?: boolean;
  checked?: boolean; // one of several that exclude each other, and whether it is the one
  act(): void;
}

/** menuButton is a button that opens a menu of what can be done now; null stands between two groups. */
export function menuButton(label: () => string, items: () => (Item | null)[], more: Record<string, string> = {}, sign: Icon = "more"): HTMLElement {
  const button: HTMLElement = h("button", {
    type: "button", class: "round menu-button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, title: label, ...more,
    onclick: () => (shown ? close() : open()),
    onkeydown: (e: KeyboardEvent) => {
      if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
      e.preventDefault();
      open(e.key === "ArrowUp" ? -1 : 0);
    },
  }, icon(sign));
  let shown: HTMLElement | null = null;
  const close = (focus = true) => {
    const was = shown;
    shown = null;
    was?.remove();
    button.setAttribute("aria-expanded", "false");
    for (const kind of ["scroll", "resize"]) removeEventListener(kind, away, true);
    document.removeEventListener("pointerdown", outside, true);
    if (was && focus) button.focus();
  };
  const away = () => close();
  const outside = (e: Event) => {
    if (!shown?.contains(e.target as Node) && !button.contains(e.target as Node)) close(false);
  };
  const open = (at = 0) => {
    close(false);
    shown = list(label(), items(), close);
    (button.closest("dialog, :fullscreen") ?? document.body).append(shown);
    button.setAttribute("aria-expanded", "true");
    place(shown, button);
    const all = entries(shown);
    all.at(at)?.focus({ preventScroll: true });
    for (const kind of ["scroll", "resize"]) addEventListener(kind, away, true);
    document.addEventListener("pointerdown", outside, true);
  };
  onEnd(() => close(false));
  return button;
}

const entries = (menu: HTMLElement) => [...menu.querySelectorAll<HTMLElement>("[role^=menuitem]")];

function list(label: string, items: (Item | null)[], close: (focus?: boolean) => void): HTMLElement {
  const one = (item: Item | null): Child => item
    ? h("button", { type: "button", role: item.checked === undefined ? "menuitem" : "menuitemradio", "aria-checked": item.checked === undefined ? null : String(item.checked), tabindex: "-1", class: item.danger ? "menu-item danger-item" : "menu-item", "data-act": item.id, onclick: () => { close(); item.act(); } }, item.words)
    : h("hr", { role: "separator" });
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label, onkeydown: (e: KeyboardEvent) => key(e, menu, close) }, items.map(one));
  return menu;
}

function key(e: KeyboardEvent, menu: HTMLElement, close: (focus?: boolean) => void): void {
  const all = entries(menu);
  const at = all.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key];
  if (e.key === "Escape") e.stopPropagation();
  if (e.key === "Escape" || e.key === "Tab") return close();
  const found = to ?? (e.key.length === 1 && e.key !== " " ? find(all, at, e.key) : undefined);
  if (found === undefined) return;
  e.preventDefault();
  all.at(found % all.length)?.focus();
}

/** find is the next item that begins with a letter. */
function find(all: HTMLElement[], at: number, letter: string): number | undefined {
  const order = all.map((_, i) => (at + 1 + i) % all.length);
  return order.find((i) => all[i]!.textContent!.toLowerCase().startsWith(letter.toLowerCase()));
}

/**
 * place puts the menu under its button, or above it where there is more room, and inside the window: the two end at the same
 * side, or begin there where the other way has no room.
 */
function place(menu: HTMLElement, button: HTMLElement): void {
  const [b, m] = [button.getBoundingClientRect(), menu.getBoundingClientRect()];
  const below = b.bottom + m.height + 8 <= innerHeight || b.top < innerHeight - b.bottom;
  const [toLeft, toRight] = [b.right - m.width, b.left];
  const left = document.documentElement.dir === "rtl" ? (toRight + m.width > innerWidth - 8 ? toLeft : toRight) : toLeft < 8 ? toRight : toLeft;
  menu.style.setProperty("left", `${Math.max(8, Math.min(left, innerWidth - m.width - 8))}px`);
  menu.style.setProperty("top", `${Math.max(8, below ? b.bottom + 4 : b.top - m.height - 4)}px`);
}
