// The sites whose pages may show a webinar in a frame, and what they put into them.
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { derived, signal } from "../ui/signals";
import type { Webinar } from "./api";
import { field } from "./fields";
import { address, copying } from "./parts";

/** most is how many sites one webinar has room for (webinar.MaxEmbedOrigins). */
const most = 10;

/** delegated is what the guest page uses of the browser, and a frame has to be given. */
const delegated = "camera; microphone; display-capture; autoplay; fullscreen; picture-in-picture";

const lines = (text: string) => text.split(/[\s,]+/).filter(Boolean);

/** origin is the origin of a site by any of its addresses, null where no webinar can be shown (webinar.EmbedOrigin). */
function origin(line: string): string | null {
  try {
    const at = new URL(line.includes("://") ? line : `https://${line}`);
    const safe = at.protocol === "https:" || (at.protocol === "http:" && at.hostname === "localhost");
    const named = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(at.hostname) && !/(^|\.)\d+$/.test(at.hostname);
    return safe && named && !at.username && !at.password ? at.origin : null;
  } catch {
    return null;
  }
}

/** sites are those of a text with one on each line, each once; what is none stays as it was typed. */
export const sites = (text: string) => [...new Set(lines(text).map((l) => origin(l) ?? l))];

/** embedding is the list of sites, and the markup for their pages once there are any. */
export function embedding(was: Webinar | null): Child {
  const before = was?.embed_origins ?? [];
  const allowed = signal(before.length > 0);
  const look = (e: Event) => {
    const area = e.target as HTMLTextAreaElement;
    const wrong = lines(area.value).find((l) => !origin(l));
    const n = sites(area.value).length;
    area.setCustomValidity(wrong ? t("host.embed_bad", { site: wrong }) : n > most ? t("host.embed_many", { n: most }) : "");
    allowed.set(!wrong && n > 0 && n <= most);
  };
  const list = h("textarea", {
    id: "embed_origins", name: "embed_origins", rows: 3, dir: "ltr", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    placeholder: "https://www.example.org", value: before.join("\n"), oninput: look,
  });
  const shown = derived(() => was !== null && allowed());
  return [field("embed_origins", t("host.embed"), list, t("host.embed_hint")), () => shown() && snippet(was!)];
}

/** snippet is the markup with which a page shows w. */
export function snippet(w: Webinar): HTMLElement {
  const markup = `<iframe src="${escaped(address(w.join_path))}" title="${escaped(w.title)}" width="100%" height="640" style="border:0" allow="${delegated}"></iframe>`;
  return h("div", { class: "stack" }, copying("embed-snippet", t("host.embed_snippet"), markup), h("p", { class: "hint" }, t("host.embed_snippet_hint")));
}

const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
