// Installing: the service worker that shows a sentence where there is no network.
import { framed } from "./framed";

const script = "/worker.js";

interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/**
 * install registers it once the page is there. Its address is the one string that these pages turn into
 * a script's: the policy that Trusted Types ask for gives that address, whatever it is given.
 */
export function install(): void {
  if (framed || !("serviceWorker" in navigator)) return; // another site's page is no app of ours; nor is there one over plain HTTP
  const register = () => {
    const { trustedTypes } = window as unknown as { trustedTypes?: Policies };
    const url = trustedTypes?.createPolicy("stentor-worker", { createScriptURL: () => script }).createScriptURL(script) ?? script;
    navigator.serviceWorker.register(url).catch((e) => console.warn(e)); // the pages are whole without it
  };
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
