// The start page and the registration pages work without script. With it, times are the visitor's own, the
// first mistake has the focus, the personal link is selected by a touch, and the form
// is sent once.
import { install } from "./install";
import { localTimes } from "./when";

install();
localTimes();
document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();

const personal = document.getElementById("personal") as HTMLInputElement | null;
personal?.addEventListener("focus", () => personal.select());

const form = document.getElementById("register") as HTMLFormElement | null;
form?.addEventListener("submit", () => form.querySelector("button")!.setAttribute("disabled", ""));
addEventListener("pageshow", () => form?.querySelector("button")!.removeAttribute("disabled")); // back by the history
