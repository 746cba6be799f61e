// The page for signing in of who comes from elsewhere than a console: a guest whose account opens the webinar (S53), or
// somebody whom a provider has sent back without an answer.
import { install } from "./install";
import { loadTexts } from "./texts";
import { must } from "./ui/dom";
import { effect, root } from "./ui/signals";
import { API } from "./host/api";
import { type SignIn } from "./host/signin";
import "./host/signin";

const box = must("signin");
const api = new API();

async function run(): Promise<void> {
  await loadTexts(box.dataset.texts!);
  if (box.dataset.refused === undefined) await api.begin(); // a cookie, perhaps
  root(() => {
    effect(() => {
      if (api.self()?.kind === "account") location.replace(box.dataset.next!);
    });
    box.replaceChildren(Object.assign(document.createElement("stentor-signin") as SignIn, { api, console: "signin.title" as const, next: box.dataset.next!, tokens: false }));
  });
}

install();
void run();
