// Capture: camera and microphone, or a screen, as large as they come.

export type From = "camera" | "screen";

/** picture asks for 4K at 30 frames a second; what has less gives what it has. */
const picture = { width: { ideal: 3840 }, height: { ideal: 2160 }, frameRate: { ideal: 30 } };

/** capture asks the person for a camera (with microphone) or for a screen (with its sound). */
export async function capture(from: From, camera = "", microphone = ""): Promise<MediaStream> {
  if (from === "screen") {
    const shown = await navigator.mediaDevices.getDisplayMedia({ video: { ...picture, frameRate: { ideal: 30, max: 30 } }, audio: true });
    hint(shown, "detail");
    return shown;
  }
  const device = (id: string) => (id ? { deviceId: { exact: id } } : {});
  const seen = await navigator.mediaDevices.getUserMedia({
    video: { ...picture, ...device(camera) },
    audio: { ...device(microphone), echoCancellation: true },
  });
  hint(seen, "motion");
  return seen;
}

function hint(stream: MediaStream, what: string): void {
  for (const track of stream.getVideoTracks()) track.contentHint = what;
}

/** devices lists what can be chosen; names are there only once something was allowed. */
export async function devices(kind: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((d) => d.kind === kind && d.deviceId !== "");
}

/** stop lets go of camera, microphone and screen. */
export function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
