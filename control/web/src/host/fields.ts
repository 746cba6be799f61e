// Fields of forms: a label, what is typed or chosen, and a hint.
import { type Child, h } from "../ui/dom";

/** field is an input with its label; hint, where there is one, is told with it. */
export function field(id: string, label: string, input: HTMLElement, hint: Child = null): HTMLElement {
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

/** option is one of a select, chosen where it is the one that is now. */
export function option(value: string, words: string, now?: string): HTMLElement {
  return h("option", { value, selected: value === now }, words);
}

/** tick is a checkbox that is on or off. */
export function tick(name: string, words: Child, on: boolean, hint: Child = null): HTMLElement {
  const box = h("input", { type: "checkbox", name, id: name, checked: on });
  if (hint) box.setAttribute("aria-describedby", `${name}-hint`);
  return h("div", {}, h("label", { class: "choice" }, box, words), hint && h("p", { class: "hint tick-hint", id: `${name}-hint` }, hint));
}
