// Tabs, as the ARIA practices have them: arrow keys, Home and End move, one panel shows.
import { type Child, h } from "../ui/dom";
import { signal } from "../ui/signals";

export interface Tab {
  id: string;
  title: Child;
  body: Child;
}

/** tabs makes a list of tabs and their panels; valid shows the panel of the first field that is not as it must be. */
export function tabs(name: string, all: Tab[]): { el: HTMLElement; valid(form: HTMLFormElement): boolean } {
  const shown = signal(all[0]!.id);
  const button = (id: string) => el.querySelector<HTMLElement>(`#${name}-tab-${id}`)!;
  const move = (e: KeyboardEvent) => {
    const rtl = document.documentElement.dir === "rtl" ? -1 : 1;
    const at = all.findIndex((tab) => tab.id === shown.peek());
    const to = { ArrowRight: at + rtl, ArrowLeft: at - rtl, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const next = all[(to + all.length) % all.length]!.id;
    shown.set(next);
    button(next).focus();
  };
  const el = h("div", { class: "tabs" },
    h("div", { role: "tablist", class: "tablist", onkeydown: move }, all.map((tab) => h("button", {
      type: "button", role: "tab", class: "tab", id: `${name}-tab-${tab.id}`, "aria-controls": `${name}-${tab.id}`,
      "aria-selected": () => String(shown() === tab.id), tabindex: () => (shown() === tab.id ? 0 : -1), onclick: () => shown.set(tab.id),
    }, tab.title))),
    all.map((tab) => h("div", { role: "tabpanel", class: "card tabpanel", id: `${name}-${tab.id}`, "aria-labelledby": `${name}-tab-${tab.id}`, hidden: () => shown() !== tab.id }, tab.body)));
  const valid = (form: HTMLFormElement) => {
    const wrong = [...form.elements].find((f) => !(f as HTMLInputElement).checkValidity()) as HTMLInputElement | undefined;
    if (!wrong) return true;
    const panel = wrong.closest("[role=tabpanel]");
    if (panel) shown.set(panel.id.slice(name.length + 1));
    wrong.reportValidity();
    return false;
  };
  return { el, valid };
}
