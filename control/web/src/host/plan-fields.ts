// The editor of a registration's own fields (S54, S55): add, change, order, remove.
import { type Key, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, derived } from "../ui/signals";
import type { Field } from "./api";
import { chosen } from "./draft";
import { field, option } from "./fields";

const types = ["text", "long_text", "email", "phone", "number", "choice", "choices", "checkbox"] as const;

/** most is how many fields a form may have beside its own three. */
const most = 50;

/** asked is the list of fields; the standard ones stand there too, fixed. */
export function asked(fields: Signal<readonly Field[]>): HTMLElement {
  const list = h("ol", { class: "asked", id: "fields" });
  each(list, fields, (f) => f.id, (f) => row(f, fields));
  const add = () => {
    const id = `f_${crypto.randomUUID().slice(0, 8)}`;
    fields.set([...fields.peek(), { id, label: "", type: "text" }]);
    document.getElementById(`label-${id}`)?.focus();
  };
  return h("fieldset", { class: "plan-part" }, h("legend", {}, t("host.plan_fields")), h("p", { class: "hint" }, t("host.plan_fields_hint")),
    list, h("button", { type: "button", class: "button", id: "add-field", disabled: () => fields().length >= most, onclick: add }, t("host.plan_field_add")));
}

function row(f: Signal<Field>, fields: Signal<readonly Field[]>): HTMLElement {
  const id = f.peek().id;
  const set = (change: Partial<Field>) => fields.set(fields.peek().map((one) => (one.id === id ? { ...one, ...change } : one)));
  const place = () => fields().findIndex((one) => one.id === id);
  const move = (by: number) => (e: Event) => {
    const all = [...fields.peek()];
    const at = all.findIndex((one) => one.id === id);
    all.splice(at + by, 0, ...all.splice(at, 1));
    fields.set(all);
    const button = e.currentTarget as HTMLButtonElement;
    (button.disabled ? document.getElementById(`label-${id}`) : button)?.focus(); // the row has moved under the focus
  };
  const remove = () => {
    fields.set(fields.peek().filter((one) => one.id !== id));
    document.getElementById("add-field")?.focus();
  };
  const named = (words: string) => () => `${words}: ${f().label || place() + 1}`;
  const listed = derived(() => chosen(f().type));
  return h("li", { class: "asked-field" },
    h("div", { class: "plan-grid" },
      field(`label-${id}`, t("host.plan_field_label"), h("input", { id: `label-${id}`, required: true, maxlength: 500, pattern: ".*\\S.*", dir: "auto", autocomplete: "off", value: f.peek().label, oninput: (e: Event) => set({ label: (e.target as HTMLInputElement).value }) })),
      field(`type-${id}`, t("host.plan_field_type"), h("select", { id: `type-${id}`, onchange: (e: Event) => set({ type: (e.target as HTMLSelectElement).value }) }, types.map((type) => option(type, t(`host.plan_type_${type}` as Key), f.peek().type))))),
    () => listed() && field(`options-${id}`, t("host.plan_field_options"), h("textarea", { id: `options-${id}`, required: true, rows: 3, dir: "auto", value: (f.peek().options ?? []).join("\n"), oninput: (e: Event) => set({ options: (e.target as HTMLTextAreaElement).value.split("\n") }) })),
    h("div", { class: "row" },
      h("label", { class: "choice grow" }, h("input", { type: "checkbox", checked: f.peek().required ?? false, onchange: (e: Event) => set({ required: (e.target as HTMLInputElement).checked }) }), t("host.plan_field_required")),
      h("button", { type: "button", class: "button", "aria-label": named(t("host.plan_field_up")), disabled: () => place() <= 0, onclick: move(-1) }, "↑"),
      h("button", { type: "button", class: "button", "aria-label": named(t("host.plan_field_down")), disabled: () => place() === fields().length - 1, onclick: move(1) }, "↓"),
      h("button", { type: "button", class: "danger", "aria-label": named(t("host.plan_field_remove")), onclick: remove }, t("host.plan_field_remove"))));
}
