// What happens in a webinar, as the control API tells it (server-sent events, WHATWG HTML section 9.2).
// EventSource cannot carry a token, so the stream is read by hand.
import { onEnd } from "../ui/signals";
import { Backoff, pause } from "../wait";
import type { API, Happened } from "./api";

/** silentAfter is when a stream is taken for dead, in milliseconds: the server says something every 15 seconds. */
const silentAfter = 40_000;

/** follow tells heard what happens in a webinar, and hearing whether the stream is open, until what is being made is let go of. */
export function follow(api: API, id: string, heard: (e: Happened) => void, hearing: (on: boolean) => void): void {
  const end = new AbortController();
  onEnd(() => end.abort());
  void (async () => {
    const backoff = new Backoff();
    const last = { id: "" };
    while (!end.signal.aborted) {
      await listen(api, id, last, end.signal, heard, () => {
        hearing(true);
        backoff.reset();
      }).catch(() => {}); // the lists say why they are old
      hearing(false);
      await pause(backoff.next() + 1000, end.signal);
    }
  })();
}

/** listen reads one stream to its end; last remembers where it ended. */
async function listen(api: API, id: string, last: { id: string }, ended: AbortSignal, heard: (e: Happened) => void, opened: () => void): Promise<void> {
  const silent = new AbortController();
  const stop = () => silent.abort();
  ended.addEventListener("abort", stop);
  let timer = setTimeout(stop, silentAfter);
  try {
    const answer = await api.happenings(id, last.id, silent.signal);
    opened();
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(stop, silentAfter);
      const blocks = (text + value).split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) tell(block, last, heard);
    }
  } finally {
    clearTimeout(timer);
    ended.removeEventListener("abort", stop);
  }
}

/** tell reads one block of the stream. */
function tell(block: string, last: { id: string }, heard: (e: Happened) => void): void {
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) last.id = line.slice(4);
    if (line.startsWith("data: ")) data = line.slice(6);
  }
  if (data) heard(JSON.parse(data) as Happened);
}
