// Capture: camera and microphone, or a screen with its sound and a voice, as
// large as they come.

export type From = "camera" | "screen";

/** picture asks for 4K at 30 frames a second; what has less gives what it has. */
const picture = { width: { ideal: 3840 }, height: { ideal: 2160 }, frameRate: { ideal: 30 } };

/** Capture is what is shown and sent. Every capture has tracks of its own, so that letting go of one leaves the next alone. */
export class Capture {
  readonly #sources: MediaStreamTrack[];

  /** voice is the microphone, null where there is none or the person refused it. */
  constructor(
    readonly from: From,
    readonly stream: MediaStream,
    readonly voice: MediaStreamTrack | null,
    readonly mixer: AudioContext | null = null,
    sources: MediaStreamTrack[] = [],
  ) {
    this.#sources = [...stream.getTracks(), ...sources];
  }

  /** stop lets go of camera, microphone and screen. */
  stop(): void {
    for (const track of this.#sources) track.stop();
    void this.mixer?.close();
  }
}

/** camera asks for a camera and a microphone; "" is the browser's choice. */
export async function camera(which: string, microphone: string): Promise<Capture> {
  const seen = await navigator.mediaDevices.getUserMedia({ video: { ...picture, ...device(which) }, audio: voice(microphone) });
  hint(seen, "motion");
  return new Capture("camera", seen, seen.getAudioTracks()[0] ?? null);
}

/**
 * screen asks for a screen or a window. Who shows something also speaks: the
 * voice goes on as it was, or is asked for, and is mixed with the screen's sound.
 */
export async function screen(before: MediaStreamTrack | null, microphone: string): Promise<Capture> {
  const shown = await navigator.mediaDevices.getDisplayMedia({ video: { ...picture, frameRate: { ideal: 30, max: 30 } }, audio: true });
  hint(shown, "detail");
  const spoken = before?.readyState === "live" ? before.clone() : await listen(microphone);
  const sound = shown.getAudioTracks()[0];
  if (!spoken || !sound) return new Capture("screen", new MediaStream([...shown.getTracks(), ...(spoken ? [spoken] : [])]), spoken);
  const mixer = new AudioContext();
  const both = mixer.createMediaStreamDestination();
  for (const track of [spoken, sound]) mixer.createMediaStreamSource(new MediaStream([track])).connect(both);
  return new Capture("screen", new MediaStream([...shown.getVideoTracks(), ...both.stream.getAudioTracks()]), spoken, mixer, [spoken, sound]);
}

/** listen gives a microphone, or null: a screen is worth showing without a word. */
async function listen(microphone: string): Promise<MediaStreamTrack | null> {
  try {
    const heard = await navigator.mediaDevices.getUserMedia({ audio: voice(microphone) });
    return heard.getAudioTracks()[0] ?? null;
  } catch {
    return null; // the panel says that no sound leaves
  }
}

const device = (id: string) => (id ? { deviceId: { exact: id } } : {});
const voice = (id: string) => ({ ...device(id), echoCancellation: true });

function hint(stream: MediaStream, what: string): void {
  for (const track of stream.getVideoTracks()) track.contentHint = what;
}

/** devices lists what can be chosen; names are there only once something was allowed. */
export async function devices(kind: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((d) => d.kind === kind && d.deviceId !== "");
}
