// The operator console: the mesh, live.
import { loadTexts, t } from "./texts";
import { h, must } from "./ui/dom";
import { derived, effect, root } from "./ui/signals";
import { install } from "./install";
import { API } from "./host/api";
import { tell } from "./host/parts";
import { type SignIn, whoAmI } from "./host/signin";
import { type Operator } from "./operator/console";
import "./host/signin";
import "./operator/console";

const box = must("operator");
const api = new API();

function view(signedIn: boolean): HTMLElement {
  if (signedIn) return Object.assign(document.createElement("stentor-operator") as Operator, { api });
  return Object.assign(document.createElement("stentor-signin") as SignIn, { api, console: "operator.title" as const });
}

async function run(): Promise<void> {
  api.takeToken(); // it leaves the address before anything else
  addEventListener("hashchange", () => api.takeToken());
  const self = api.begin();
  await loadTexts(box.dataset.texts!);
  if (!api.token.peek()) await self; // a cookie, perhaps
  root(() => {
    const signedIn = derived(api.signedIn);
    effect(() => {
      if (api.token() && !api.self.peek()) void api.begin();
    });
    must("bar").append(h("div", { class: "bar-nav" }, () => signedIn() && [
      h("nav", { "aria-label": t("operator.title") }, h("a", { href: "/host#/webinars" }, t("host.webinars")), h("a", { href: "/operator", "aria-current": "page" }, t("host.mesh"))),
      whoAmI(api, tell),
    ]));
    effect(() => {
      const shown = view(signedIn());
      for (const d of document.querySelectorAll("dialog")) d.close();
      box.replaceChildren(shown);
    });
  });
  document.body.append(h("p", { id: "told", role: "status" }));
}

install();
void run();
