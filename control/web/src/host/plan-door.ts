// What stands behind the link: a PIN, a registration, or neither; never both (S30).
import { type Signal, signal } from "../ui/signals";
import type { Field, Webinar } from "./api";

export type How = "keep" | "generate" | "type" | "none";

/** Door is the choice, which two tabs share. */
export interface Door {
  how: Signal<How>; // while registers, "none"
  registers: Signal<boolean>;
  /** fields are the form's own, as the editor has them now. */
  fields: Signal<readonly Field[]>;
  /** newPIN is the PIN that the form asks for, if it is another one. */
  newPIN(form: FormData): { pin?: string; generate_pin?: boolean };
}

/** door begins with what was holds; a new webinar has a PIN drawn. */
export function door(was: Webinar | null): Door {
  const how = signal<How>(!was ? "generate" : was.has_pin ? "keep" : "none");
  return {
    how, registers: signal(Boolean(was?.registration)), fields: signal<readonly Field[]>(was?.registration?.fields ?? []),
    newPIN(form) {
      if (how.peek() === "generate") return { generate_pin: true };
      return how.peek() === "type" ? { pin: String(form.get("pin")) } : {};
    },
  };
}
