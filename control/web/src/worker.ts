// The service worker: it keeps the shell (the page for when there is no network, and what that is
// made of), and nothing else. No answer of the API, no page of a webinar, no media and nothing
// that came with a credential is ever kept.

interface Shell extends EventTarget {
  shell: string[]; // put in front of this file by the server
  shellName: string;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
}

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetched extends Event {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}

const me = self as unknown as Shell;
const [offline] = me.shell;

me.addEventListener("install", (e) => {
  const fill = async () => {
    const cache = await caches.open(me.shellName);
    await cache.addAll(me.shell.map((path) => new Request(path, { cache: "no-cache" })));
    await me.skipWaiting();
  };
  (e as Lasting).waitUntil(fill());
});

me.addEventListener("activate", (e) => {
  const clear = async () => {
    for (const name of await caches.keys()) if (name !== me.shellName) await caches.delete(name);
    await me.clients.claim();
  };
  (e as Lasting).waitUntil(clear());
});

me.addEventListener("fetch", (e) => {
  const { request } = e as Fetched;
  if (request.method !== "GET" || request.headers.has("Authorization")) return;
  if (request.mode === "navigate") return (e as Fetched).respondWith(fetch(request).catch(async (gone) => (await kept(offline!)) ?? Promise.reject(gone)));
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin || !me.shell.includes(pathname)) return;
  (e as Fetched).respondWith(kept(pathname).then((found) => found ?? fetch(request)));
});

async function kept(path: string): Promise<Response | undefined> {
  return (await caches.open(me.shellName)).match(path);
}
