// The PIN: its choice, and the one look at it (S29-S32, S7).
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { Webinar } from "./api";
import { copying } from "./parts";

type PIN = "generate" | "type" | "none";

/** openDoor reports whether the link alone opens w; nodes of before say nothing of it. */
export function openDoor(w: Webinar | null): boolean {
  return w?.open_door ?? !w?.has_pin;
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
