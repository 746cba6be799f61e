// What the guest page fetches with the stage, as a bundle of its own: the talk, and the menu of sizes.
import { Captions } from "./guest/captions";
import { Quality } from "./guest/quality";
import { loadTexts } from "./texts";
import { type TalkLink, TalkModel } from "./talk/model";
import { type Talk } from "./talk/talk";
import "./talk/talk";
import { h } from "./ui/dom";

/** mount puts the talk into a place on the page. */
export async function mount(place: HTMLElement, link: TalkLink, texts: string, style: string): Promise<void> {
  await Promise.all([loadTexts(texts), dress(style)]);
  const el = document.createElement("stentor-talk") as Talk;
  link.shows?.set(new Captions());
  el.model = new TalkModel(link);
  place.append(el);
}

/** sizes makes the menu of sizes for the stage. */
export async function sizes(texts: string): Promise<Quality> {
  await loadTexts(texts);
  return new Quality();
}

/** dress fetches the talk's style, once. */
function dress(style: string): Promise<void> {
  if (document.querySelector(`link[href="${style}"]`)) return Promise.resolve();
  return new Promise((done) => {
    const link = h("link", { rel: "stylesheet", href: style, onload: () => done(), onerror: () => done() });
    document.head.append(link);
  });
}
