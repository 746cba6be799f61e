// The operator console: the mesh, live.
import { loadTexts, t } from "./texts";
import { h, must } from "./ui/dom";
import { effect, root } from "./ui/signals";
import { API } from "./host/api";
import { type SignIn } from "./host/signin";
import { type Operator } from "./operator/console";
import "./host/signin";
import "./operator/console";

const box = must("operator");
const api = new API();

function view(): HTMLElement {
  if (api.token()) return Object.assign(document.createElement("stentor-operator") as Operator, { api });
  return Object.assign(document.createElement("stentor-signin") as SignIn, { api, console: "operator.title" as const });
}

async function run(): Promise<void> {
  api.takeToken(); // it leaves the address before anything else
  addEventListener("hashchange", () => api.takeToken());
  await loadTexts(box.dataset.texts!);
  root(() => {
    must("bar").append(h("div", { class: "bar-nav" }, () => api.token() !== "" && [
      h("nav", { "aria-label": t("operator.title") }, h("a", { href: "/host#/webinars" }, t("host.webinars")), h("a", { href: "/operator", "aria-current": "page" }, t("host.mesh"))),
      h("button", { type: "button", class: "link", id: "signout", onclick: () => api.signOut() }, t("host.signout")),
    ]));
    effect(() => {
      const shown = view();
      for (const d of document.querySelectorAll("dialog")) d.close();
      box.replaceChildren(shown);
    });
  });
  document.body.append(h("p", { id: "told", role: "status" }));
}

void run();
