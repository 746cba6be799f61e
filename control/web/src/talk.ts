// The talk of the guest page: a bundle of its own, which the page fetches with the stage.
import { loadTexts } from "./texts";
import { type TalkLink, TalkModel } from "./talk/model";
import { type Talk } from "./talk/talk";
import "./talk/talk";

/** mount puts the talk into a place on the page. */
export async function mount(place: HTMLElement, link: TalkLink, texts: string): Promise<void> {
  await loadTexts(texts);
  const el = document.createElement("stentor-talk") as Talk;
  el.model = new TalkModel(link);
  place.append(el);
}
