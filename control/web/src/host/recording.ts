// Recording: the switch, what is being recorded where, and the files. They stay at the nodes that publishers were at.
import { languageName } from "../guest/captions";
import { asProblem } from "../http";
import { number, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, derived, effect, signal } from "../ui/signals";
import type { Recorded, RecordedFile } from "./api";
import type { Live } from "./live";
import { every, problemLine, tell } from "./parts";

interface Row {
  at: Recorded;
  file: RecordedFile;
}

/** recording is the card of the recording that goes on, and of all that there are. */
export function recording(live: Live): HTMLElement {
  const on = derived(() => Boolean(live.webinar()?.recording));
  const problem = signal("");
  const busy = signal(false);
  const all = signal<Recorded[]>([]);
  const look = async () => all.set(await live.api.recordings(live.id));
  const stale = every(5000, look);
  effect(() => {
    on();
    void look().catch(() => {}); // the next poll says what is wrong
  });
  const turn = async () => {
    const start = !on();
    busy.set(true);
    problem.set("");
    try {
      live.webinar.set(await live.api.record(live.id, start));
      tell(t(start ? "host.recording_started" : "host.recording_stopped"));
    } catch (e) {
      problem.set(asProblem(e).sentence);
    } finally {
      busy.set(false);
    }
  };
  const files = derived(() => all().flatMap((at) => at.files.map((file): Row => ({ at, file }))));
  const list = h("ul", { class: "rows", id: "recordings" });
  each(list, files, ({ file }) => file.path, (row) => line(live, row, problem));
  const failed = () => all().filter((r) => r.problem && r.id === live.webinar()?.recording?.id);
  return h("section", { class: "card", "aria-labelledby": "recording-title", hidden: () => !live.open() && files().length === 0 },
    h("h2", { id: "recording-title" }, t("host.recording")),
    h("p", { class: "hint", role: "status" }, () => t(on() ? "host.recording_on" : "host.recording_off")),
    () => live.open() && h("div", { class: "row" },
      h("button", { type: "button", id: "record", class: () => (on() ? "danger" : "button"), disabled: () => busy(), onclick: () => void turn() },
        () => t(on() ? "host.recording_stop" : "host.recording_start"))),
    () => failed().map((r) => h("p", { class: "warning", role: "alert" }, h("bdi", {}, r.node), ": ", r.problem)),
    problemLine(() => problem() || stale()), list);
}

/** line is one file. */
function line(live: Live, row: Signal<Row>, problem: Signal<string>): HTMLElement {
  const { at, file } = row.peek();
  const busy = signal(false);
  const words = () => {
    const f = row().file;
    const what = f.track === "captions" ? `${t("talk.captions")} · ${languageName(f.language ?? "")}`
      : t("host.recording_length", { minutes: number(Math.max(f.last_ms - f.first_ms, 0) / 60_000, 1), megabytes: number(f.bytes / 1e6, 1) });
    return f.state === "growing" ? `${what} · ${t("host.recording_growing")}` : f.state === "cut_off" ? `${what} · ${t("host.recording_cut_off")}` : what;
  };
  const get = async () => {
    busy.set(true);
    problem.set("");
    try {
      const url = await live.api.recordedFile(file.path);
      h("a", { href: url, download: `${at.id}-${file.name}` }).click();
      if (url !== file.path) setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (e) {
      problem.set(asProblem(e).sentence);
    } finally {
      busy.set(false);
    }
  };
  return h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, file.name)), h("p", { class: "hint" }, words)),
    h("button", { type: "button", class: "button", disabled: () => busy(), "aria-label": `${t("host.recording_download")}: ${file.name}`, onclick: () => void get() }, t("host.recording_download")));
}
