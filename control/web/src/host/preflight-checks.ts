// What a host can find out before a webinar: each check gives a verdict and a sentence that says what to do.
import { asProblem } from "../http";
import { megabits, number, t } from "../texts";
import { type Signal } from "../ui/signals";
import { newer } from "../version";
import { named } from "../guest/publish";
import { camera } from "../guest/capture";
import type { API } from "./api";

export interface Verdict {
  state: "good" | "warn" | "bad";
  words: string;
}

/** needed is what 4K takes, in bits a second; far is a round trip that people notice, in milliseconds. */
const needed = 15_000_000;
const far = 150;

/** probeBytes is what is sent to see how fast it leaves (web.maxProbe). */
const probeBytes = 4 << 20;

/** encodeFor is how long the encoder is looked at, in milliseconds: it takes two seconds to reach its rate. */
const encodeFor = 5000;

const good = (words: string): Verdict => ({ state: "good", words });
const warn = (words: string): Verdict => ({ state: "warn", words });
const bad = (e: unknown): Verdict => ({ state: "bad", words: asProblem(e).sentence });

/** versions compares this page with this node, and the nodes with one another (S8, S10, S11). */
export async function versions(api: API, page: string): Promise<Verdict> {
  try {
    const status = await api.status();
    const node = status.version;
    if (newer(node, page)) return { state: "warn", words: t("host.pf_page_old", { page, node }) };
    const old = status.nodes.filter((n) => n.outdated).map((n) => `${n.node} ${n.version}`);
    if (old.length === 0) return good(t("host.pf_versions_ok", { page, node }));
    return { state: "warn", words: t("host.pf_versions_old", { page, node, nodes: old.join(", ") }) };
  } catch (e) {
    return bad(e);
  }
}

/** view opens camera and microphone, and says what the camera really gives. */
export async function view(seen: Signal<MediaStream | null>): Promise<Verdict> {
  try {
    const taken = await camera("", "");
    seen.set(taken.stream);
    const track = taken.stream.getVideoTracks()[0]!;
    const { width = 0, height = 0, frameRate = 0 } = track.getSettings();
    const places = { name: track.label, width, height };
    return width >= 3840 ? good(t("host.pf_camera_ok", { ...places, fps: number(frameRate) })) : warn(t("host.pf_camera_small", places));
  } catch (e) {
    return { state: "bad", words: named(e).sentence };
  }
}

/** hearWithin is how long somebody is given to say something, in milliseconds. */
const hearWithin = 8000;

/** loud is the level from which a voice is taken for one: -40 dB of full scale. */
const loud = 0.01;

/** hear watches the level of the microphone until it has heard something. */
export async function hear(track: MediaStreamTrack | undefined, level: Signal<number>, ended: AbortSignal): Promise<Verdict> {
  if (!track) return { state: "bad", words: named(new DOMException("", "NotFoundError")).sentence };
  const sound = new AudioContext();
  const meter = sound.createAnalyser();
  sound.createMediaStreamSource(new MediaStream([track])).connect(meter);
  await sound.resume();
  const wave = new Float32Array(meter.fftSize);
  const until = performance.now() + hearWithin;
  let heard = false;
  while (performance.now() < until && !ended.aborted) {
    if (heard && performance.now() > until - hearWithin + 2000) break; // the meter moves for a moment at least, and shows what was heard
    meter.getFloatTimeDomainData(wave);
    const now = Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length);
    level.set(Math.min(1, Math.max(0, 1 + Math.log10(Math.max(now, 1e-3)) / 3))); // 60 dB over the meter
    heard ||= now > loud;
    await new Promise((next) => setTimeout(next, 60));
  }
  level.set(0);
  void sound.close();
  return heard ? good(t("host.pf_microphone_ok", { name: track.label })) : warn(t("host.pf_microphone_silent", { name: track.label }));
}

/** network measures the round trip to this node, the best of five, and how fast bytes leave. */
export async function network(): Promise<Verdict> {
  try {
    const rounds: number[] = [];
    for (let i = 0; i < 5; i++) rounds.push(await took(""));
    const rtt = Math.min(...rounds);
    const bytes = new Uint8Array(probeBytes);
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536)); // what could be compressed would look fast
    const up = (8000 * probeBytes) / Math.max(1, (await took(bytes)) - rtt);
    const places = { rtt: number(rtt), rate: megabits(up) };
    if (up < needed) return warn(t("host.pf_network_slow", places));
    return rtt > far ? warn(t("host.pf_network_far", places)) : good(t("host.pf_network_ok", places));
  } catch (e) {
    return bad(e);
  }
}

/** took is how long the node takes to have what is sent, in milliseconds. */
async function took(body: BodyInit): Promise<number> {
  const begun = performance.now();
  const answer = await fetch("/preflight", { method: "POST", body, cache: "no-store", credentials: "omit" });
  await answer.text();
  if (!answer.ok) throw new Error(`preflight: ${answer.status}`);
  return performance.now() - begun;
}

/** throughWithin is how long a connection may take to come up, in milliseconds: four repetitions of what is lost. */
const throughWithin = 6000;

/** paths finds out by which ways media gets through to this node, with connections like those of the stage. */
export async function paths(): Promise<Verdict> {
  try {
    const [udp, tcp] = await Promise.all([through("udp"), through("tcp")]);
    const places = { udp: number(udp.ms), tcp: number(tcp.ms), port: udp.port || tcp.port };
    if (udp.busy || tcp.busy) return warn(t("host.pf_paths_busy"));
    if (udp.ms) return good(t(tcp.ms ? "host.pf_paths_both" : "host.pf_paths_udp", places));
    return tcp.ms ? warn(t("host.pf_paths_tcp", places)) : { state: "bad", words: t("host.pf_paths_none", places) };
  } catch (e) {
    return bad(e);
  }
}

/** through is how long a connection takes by one way, in milliseconds; 0: it does not come up. */
async function through(way: "udp" | "tcp"): Promise<{ ms: number; port: string; busy: boolean }> {
  const pc = new RTCPeerConnection();
  try {
    pc.addTransceiver("audio", { direction: "sendonly" });
    await pc.setLocalDescription();
    const answer = await fetch(`/preflight/${way}`, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription!.sdp, cache: "no-store", credentials: "omit" });
    const sdp = await answer.text();
    if (answer.status === 429) return { ms: 0, port: "", busy: true };
    if (answer.status === 404) return { ms: 0, port: "", busy: false }; // the node has no such way
    if (!answer.ok) throw new Error(`preflight ${way}: ${answer.status}`);
    const port = /^a=candidate:\S+ 1 \S+ \d+ \S+ (\d+)/m.exec(sdp)?.[1] ?? "";
    const begun = performance.now();
    const up = new Promise<number>((done) => {
      pc.onconnectionstatechange = () => pc.connectionState === "connected" && done(Math.max(1, performance.now() - begun));
      setTimeout(() => done(0), throughWithin);
    });
    await pc.setRemoteDescription({ type: "answer", sdp });
    return { ms: await up, port, busy: false };
  } finally {
    pc.close();
  }
}

/** encode sends what the camera gives to this page itself, and looks at what leaves the encoder. */
export async function encode(track: MediaStreamTrack | undefined, ended: AbortSignal): Promise<Verdict> {
  if (!track) return { state: "bad", words: named(new DOMException("", "NotFoundError")).sentence };
  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  try {
    await join(from, to, track);
    const first = await leaving(from, ended, 2000);
    const last = await leaving(from, ended, encodeFor - 2000);
    const fps = last.frames > first.frames ? (1000 * (last.frames - first.frames)) / (last.at - first.at) : 0;
    const places = { width: last.width, height: last.height, fps: number(fps), codec: last.codec };
    const wanted = track.getSettings().width ?? 0;
    return last.width >= Math.min(3840, wanted) && fps >= 24 ? good(t("host.pf_encode_ok", places)) : warn(t("host.pf_encode_slow", places));
  } catch (e) {
    return bad(e);
  } finally {
    from.close();
    to.close();
  }
}

/** join connects the two, asking for the codec and the rate with which the stage is sent. */
async function join(from: RTCPeerConnection, to: RTCPeerConnection, track: MediaStreamTrack): Promise<void> {
  from.onicecandidate = (e) => void to.addIceCandidate(e.candidate ?? undefined).catch(() => {});
  to.onicecandidate = (e) => void from.addIceCandidate(e.candidate ?? undefined).catch(() => {});
  const way = from.addTransceiver(track, { direction: "sendonly", sendEncodings: [{ maxBitrate: 20_000_000, maxFramerate: 30 }] });
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  way.setCodecPreferences?.([...codecs].sort((a, b) => Number(b.mimeType === "video/H264") - Number(a.mimeType === "video/H264")));
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription!);
  await to.setLocalDescription();
  const sdp = to.localDescription!.sdp.replace(/^(a=fmtp:\d+ )/gm, "$1x-google-start-bitrate=8000;x-google-min-bitrate=8000;");
  await from.setRemoteDescription({ type: "answer", sdp });
  const settings = way.sender.getParameters();
  settings.degradationPreference = "maintain-resolution";
  await way.sender.setParameters(settings);
}

interface Leaving {
  at: number;
  frames: number;
  width: number;
  height: number;
  codec: string;
}

/** leaving is what has left the encoder after that many milliseconds. */
async function leaving(from: RTCPeerConnection, ended: AbortSignal, after: number): Promise<Leaving> {
  await new Promise<void>((done) => {
    const timer = setTimeout(done, after);
    ended.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
  const out: Leaving = { at: 0, frames: 0, width: 0, height: 0, codec: "" };
  const report = await from.getStats();
  report.forEach((s) => {
    if (s.type !== "outbound-rtp" || s.kind !== "video") return;
    out.at = s.timestamp;
    out.frames = s.framesEncoded ?? 0;
    out.width = s.frameWidth ?? 0;
    out.height = s.frameHeight ?? 0;
    out.codec = String(report.get(s.codecId)?.mimeType ?? "").replace("video/", "");
  });
  return out;
}
