// The host console: sign in, plan, and run.
import { loadTexts, t } from "./texts";
import { type Child, h, must } from "./ui/dom";
import { derived, effect, root, signal } from "./ui/signals";
import { install } from "./install";
import { API } from "./host/api";
import { type Plan } from "./host/plan";
import { type Preflight } from "./host/preflight";
import { type Records } from "./host/records";
import { type Registrants } from "./host/registrants";
import { tell } from "./host/parts";
import { type SignIn, takePlace, whoAmI } from "./host/signin";
import { type OneWebinar } from "./host/webinar";
import { type Webinars } from "./host/webinars";
import "./host/plan";
import "./host/preflight";
import "./host/records";
import "./host/registrants";
import "./host/signin";
import "./host/webinar";
import "./host/webinars";

const box = must("host");
const api = new API();

/** place is the view that the fragment names. */
const place = signal("");

function look(): void {
  api.takeToken();
  place.set(location.hash);
}

/** settle brings who came by a moderator's link to the one webinar that it opens. */
async function settle(): Promise<void> {
  if (!/^st(i_|s1\.)/.test(api.token.peek()) || location.hash.startsWith("#/webinars/")) return;
  const me = await api.me().catch(() => null); // a link that opens nothing any more signs out by itself
  if (me?.webinar) location.replace(`#/webinars/${encodeURIComponent(me.webinar)}`);
}

/** view makes what belongs at a place. */
function view(signedIn: boolean, at: string): HTMLElement {
  const make = <T extends HTMLElement & { api: API }>(name: string) => Object.assign(document.createElement(name) as T, { api });
  if (!signedIn) return make<SignIn>("stentor-signin");
  if (at === "#/preflight") return Object.assign(make<Preflight>("stentor-preflight"), { page: box.dataset.version! });
  if (at === "#/new") return make<Plan>("stentor-plan");
  const one = /^#\/webinars\/([^/]+)(\/plan|\/registrants|\/records)?$/.exec(at);
  if (one) {
    const webinar = decodeURIComponent(one[1]!);
    if (one[2] === "/plan") return Object.assign(make<Plan>("stentor-plan"), { webinar });
    if (one[2] === "/records") return Object.assign(make<Records>("stentor-records"), { webinar });
    if (one[2] === "/registrants") return Object.assign(make<Registrants>("stentor-registrants"), { webinar });
    return Object.assign(make<OneWebinar>("stentor-webinar"), { webinar });
  }
  return make<Webinars>("stentor-webinars");
}

function bar(): Child {
  if (!api.signedIn()) return null;
  const makes = api.self()?.scopes.includes("host") ?? false;
  return [
    h("nav", { "aria-label": t("host.title") }, h("a", { href: "#/webinars", "aria-current": () => place() !== "#/preflight" && "page" }, t("host.webinars")),
      h("a", { href: "#/preflight", id: "preflight", "aria-current": () => place() === "#/preflight" && "page" }, t("host.preflight")), makes && h("a", { href: "/operator" }, t("host.mesh"))),
    whoAmI(api, tell),
  ];
}

async function run(): Promise<void> {
  look(); // the token leaves the address before anything else
  const self = api.begin();
  await loadTexts(box.dataset.texts!);
  if (!api.token.peek()) await self; // a cookie, perhaps
  takePlace();
  look();
  addEventListener("hashchange", look);
  let first = true;
  root(() => {
    const signedIn = derived(api.signedIn);
    effect(() => {
      if (api.token() && !api.self.peek()) void api.begin();
    });
    must("bar").append(h("div", { class: "bar-nav" }, bar));
    effect(() => {
      if (api.token()) void settle();
    });
    effect(() => {
      const shown = view(signedIn(), place());
      for (const d of document.querySelectorAll("dialog")) d.close();
      box.replaceChildren(shown);
      if (!first) shown.querySelector<HTMLElement>("h1")?.focus();
      first = false;
    });
  });
  document.body.append(h("p", { id: "told", role: "status" }));
}

install();
void run();
