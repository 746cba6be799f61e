// The dialog that makes a webinar, and the choice of its PIN (S29-S32, S7).
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { API, Webinar } from "./api";
import { address, ask, copying } from "./parts";

type PIN = "generate" | "type" | "none";

/** create asks for a title and a PIN; made hears of the new webinar once the dialog is closed: its PIN is shown only there. */
export function create(api: API, made: (w: Webinar) => void): void {
  let webinar: Webinar | undefined;
  ask({
    title: t("host.new"),
    yes: t("host.create"),
    body: [
      h("div", { class: "field" }, h("label", { for: "title" }, t("host.webinar_title")), h("input", { id: "title", name: "title", required: true, maxlength: 200, dir: "auto", autocomplete: "off", autofocus: true })),
      h("div", { class: "field" }, h("label", { for: "mode" }, t("host.mode")),
        h("select", { id: "mode", name: "mode" }, h("option", { value: "role-based" }, t("host.mode_roles")), h("option", { value: "all-on-screen" }, t("host.mode_all")))),
      pinChoice(),
    ],
    async act(form) {
      const w = await api.create({ title: String(form.get("title")), mode: String(form.get("mode")), ...wanted(form) });
      webinar = w;
      return [h("p", {}, t("host.created", { title: w.title })), copying("new-link", t("host.guest_link_label"), address(w.join_path)), pinOnce(w.pin), openDoor(w) && h("p", { class: "warning" }, t("host.no_door"))];
    },
    closed: () => webinar && made(webinar),
  });
}

/** openDoor reports whether the link alone opens w; nodes of before say nothing of it. */
export function openDoor(w: Webinar | null): boolean {
  return w?.open_door ?? !w?.has_pin;
}

function wanted(form: FormData): { pin?: string; generate_pin?: boolean } {
  const how = form.get("how") as PIN;
  if (how === "generate") return { generate_pin: true };
  return how === "type" ? { pin: String(form.get("pin")) } : {};
}

/** pinOnce shows a PIN that the server will not tell again. */
export function pinOnce(pin?: string, guessed = weak(pin ?? "")): Child {
  if (!pin) return null;
  return [copying("new-pin", "PIN", pin), h("p", { class: "hint" }, t("host.pin_once")), guessed && h("p", { class: "warning" }, t("host.pin_weak"))];
}

/** pinChoice is: drawn by the server, typed, or none, with what there is to warn of. */
export function pinChoice(none = true): HTMLElement {
  const how = signal<PIN>("generate");
  const typed = signal("");
  const one = (value: PIN, words: string) => h("label", { class: "choice" }, h("input", { type: "radio", name: "how", value, checked: value === "generate", onchange: () => how.set(value) }), words);
  return h("fieldset", {}, h("legend", {}, t("host.pin")),
    one("generate", t("host.pin_generate")), one("type", t("host.pin_type")), none && one("none", t("host.pin_none")),
    () => how() === "type" && h("div", { class: "field" }, h("label", { for: "pin" }, t("host.pin_value")),
      h("input", { id: "pin", name: "pin", required: true, minlength: 4, maxlength: 32, autocomplete: "off", spellcheck: "false", dir: "ltr", "aria-describedby": "pin-weak", oninput: (e: Event) => typed.set((e.target as HTMLInputElement).value) })),
    h("p", { class: "warning", id: "pin-weak", role: "status" }, () => (how() === "none" ? t("host.no_door") : how() === "type" && typed().length >= 4 && weak(typed()) ? t("host.pin_weak") : "")));
}

/**
 * weak is a first word on a PIN while it is typed, coarser than the server's own
 * judgement (webinar.Weak): short, a row, a repetition.
 */
export function weak(pin: string): boolean {
  const least = /^\d+$/.test(pin) ? 8 : 6;
  if (pin.length < least || /^(.+?)\1+$/.test(pin)) return true;
  const steps = new Set([...pin].slice(1).map((c, i) => c.charCodeAt(0) - pin.charCodeAt(i)));
  return steps.size === 1 && Math.abs([...steps][0]!) <= 2;
}
