// The field in which a host or presenter writes captions by hand: everybody who reads along sees them grow.
import { lasting } from "../stored";
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { onEnd, signal } from "../ui/signals";
import { type TalkModel, makeKey } from "../talk/model";
import { problemLine, words } from "../talk/parts";
import { languageName } from "./captions";

/** languages are those offered: what most webinars of the world are held in. Software writes in any. */
const languages = ["ar", "bn", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nl", "nb", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh"];

/** before is where the language is kept in which somebody wrote last. */
const before = "stentor.captioner";

/** growsEvery is how often what is typed is shown while it is typed, in milliseconds. */
const growsEvery = 500;

/** captioner is there for those who may write captions. */
export function captioner(model: TalkModel): Child {
  return () => model.captions() && h("details", { class: "captioner" }, h("summary", {}, t("talk.captions_write")), form(model));
}

function form(model: TalkModel): HTMLElement {
  const problem = signal("");
  const page = document.documentElement.lang || "en";
  let key = makeKey();
  let timer = 0;
  const caption = (text: string, draft: boolean) => ({ language: select.value, text, draft });
  const grow = () => {
    timer = 0;
    const text = field.value.trim();
    if (text) model.link.say({ type: "caption", key, ...caption(text, true) });
  };
  const send = (e: Event) => {
    e.preventDefault();
    clearTimeout(timer);
    timer = 0;
    const text = field.value.trim();
    if (!text) return;
    const said = key;
    field.value = "";
    key = makeKey();
    problem.set("");
    lasting.setItem(before, select.value);
    model.send("caption", caption(text, false), said).catch((why: unknown) => {
      problem.set(words(why));
      field.value ||= text;
    });
  };
  const field = h("input", {
    id: "caption-text", type: "text", maxlength: 200, dir: "auto", autocomplete: "off", "aria-label": t("talk.captions_text"), placeholder: t("talk.captions_text"),
    oninput: () => (timer ||= window.setTimeout(grow, growsEvery)),
  });
  const select: HTMLSelectElement = h("select", { id: "caption-language", "aria-label": t("talk.captions_language") },
    languages.map((l) => h("option", { value: l, lang: page }, languageName(l))));
  select.value = lasting.getItem(before) ?? page;
  if (!select.value) select.value = "en";
  onEnd(() => clearTimeout(timer));
  return h("form", { class: "captioner-form", onsubmit: send }, select,
    h("div", { class: "talk-write" }, field, h("button", { type: "submit", class: "button", id: "caption-send" }, t("talk.captions_show"))),
    h("p", { class: "hint" }, t("talk.captions_hint")), problemLine(problem));
}
