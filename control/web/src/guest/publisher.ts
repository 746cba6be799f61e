// Publisher: one WHIP session (RFC 9725) from this page.
import { Problem, send } from "../http";
import { bye } from "./door";
import { type Session, restart, unknown } from "./ice";

/** epochHeader is where a node names what it is sent (node/signal/resume.go). */
const epochHeader = "Stentor-Epoch";

/** ceiling is the most that is sent for 4K, in bits a second. */
const ceiling = 20_000_000;

/**
 * sizes are what one picture is sent in at once (simulcast), the smallest first, so that each viewer gets what its
 * network takes: of 4K the whole, 1080p and 540p. Both smaller ones cost a third more to encode and 4 Mbit/s.
 */
const sizes = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 900_000, maxFramerate: 30 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 3_500_000, maxFramerate: 30 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: ceiling, maxFramerate: 30 },
];

/** enoughCores is what several sizes of 4K take: with fewer, one whole picture is worth more than three that stutter. */
const enoughCores = 4;

/** Encoding is one with what TypeScript does not know of yet (https://www.w3.org/TR/webrtc-svc/). */
type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** layered are the codecs that carry several sizes and rates of a picture in one stream, of which a node leaves out what a viewer's network does not take. */
const layered = ["video/av1", "video/vp9"];

/**
 * encodings of a picture that is so wide; what is no wider than 1280 is small enough for everyone. H.264 and VP8 are sent in
 * several streams (simulcast), which H.264 cannot do otherwise. AV1 and VP9 do it in one: three sizes that share their key
 * frames, each at three rates; and where one size has to do, three rates, which cost nothing to encode.
 */
export function encodings(width: number, codec = ""): Encoding[] {
  const one = width <= 1280 || (navigator.hardwareConcurrency ?? 0) < enoughCores;
  const whole: Encoding = { maxBitrate: ceiling, maxFramerate: 30 };
  if (layered.includes(codec)) return [{ ...whole, scalabilityMode: one ? "L1T3" : "L3T3_KEY" }];
  return one ? [whole] : sizes;
}

/** without is the same for a browser that refuses modes of scalability. */
const without = ({ scalabilityMode: _, ...rest }: Encoding): Encoding => rest;

/** start is where the browser begins: without it "4K" goes out as 1080p (kbit/s). */
const start = 8000;

/** preferred codecs, the cheapest to encode at 4K (and the one that Safari plays) first. */
const preferred = ["video/h264", "video/av1", "video/vp9", "video/vp8"];

/** graceful is how long a broken transport may take to come back, an ICE restart included, in milliseconds. */
const graceful = 3_000;

/** connectWithin is how long the transport may take, in milliseconds. */
const connectWithin = 10_000;

/** claimedWithin is how long what goes on may take to be on the stage once it is sent, in milliseconds; askEvery is how often it is asked. */
const claimedWithin = 10_000;
const askEvery = 100;

/** Outbound is what really leaves. */
export interface Outbound {
  frameWidth: number;
  frameHeight: number;
  framesPerSecond: number;
  framesEncoded: number;
  bytesSent: number;
  codec: string;
}

/** Way says how the name is taken: from whoever sends under it, or going on with a session of before, by its epoch. */
export interface Way {
  takeover?: boolean;
  resume?: string;
}

export class Publisher {
  readonly #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  readonly #senders = new Map<string, RTCRtpSender>(); // by kind
  readonly #session: Session;
  #restarting: Promise<void> | null = null;
  #epoch = "";
  #lose!: () => void;
  /** lost is settled when nothing leaves any more. */
  readonly lost = new Promise<void>((done) => (this.#lose = done));
  /** onbroken is called when the transport lost its way, from which it may come back. */
  onbroken: () => void = () => {};

  private constructor(bearer: string) {
    this.#session = { resource: "", bearer, tag: "" };
  }

  /** go sends a stream at a WHIP endpoint, unless that is ended before it connects. */
  static async go(url: string, bearer: string, stream: MediaStream, way: Way, ended?: AbortSignal): Promise<Publisher> {
    const p = new Publisher(bearer);
    const query = way.takeover ? "?takeover=true" : way.resume ? `?resume=${way.resume}` : "";
    try {
      await p.#negotiate(url + query, stream, ended);
      await p.#connected(ended);
      if (way.resume) await p.#claimed();
    } catch (e) {
      p.close();
      throw e;
    }
    return p;
  }

  /** origin is the node that it sends to. */
  get origin(): string {
    return this.#session.resource && new URL(this.#session.resource).origin;
  }

  /** epoch names what is sent to the mesh, by which it goes on elsewhere; "" where the node says none. */
  get epoch(): string {
    return this.#epoch;
  }

  async #negotiate(url: string, stream: MediaStream, ended?: AbortSignal): Promise<void> {
    for (const kind of ["video", "audio"]) {
      // Both are negotiated, whether they are there yet or not: what comes later finds its place.
      const track = stream.getTracks().find((t) => t.kind === kind) ?? kind;
      const video = kind === "video";
      const way = this.#add(track, stream, video ? encodings(typeof track === "string" ? 0 : (track.getSettings().width ?? 0), first()) : undefined);
      if (video) prefer(way);
      this.#senders.set(kind, way.sender);
    }
    await this.#pc.setLocalDescription();
    const answer = await send(url, { method: "POST", bearer: this.#session.bearer, sdp: this.#pc.localDescription!.sdp, signal: ended });
    const location = answer.headers.get("Location");
    if (location) this.#session.resource = new URL(location, answer.url || window.location.href).href;
    this.#session.tag = answer.headers.get("ETag") ?? "*";
    this.#epoch = answer.headers.get(epochHeader) ?? "";
    await this.#pc.setRemoteDescription({ type: "answer", sdp: begin(await answer.text()) });
    await Promise.all(this.#pc.getSenders().map(keepResolution));
  }

  #add(track: MediaStreamTrack | string, stream: MediaStream, sendEncodings?: Encoding[]): RTCRtpTransceiver {
    const init: RTCRtpTransceiverInit = { direction: "sendonly", streams: [stream] };
    try {
      return this.#pc.addTransceiver(track, { ...init, sendEncodings });
    } catch {
      return this.#pc.addTransceiver(track, { ...init, sendEncodings: sendEncodings?.map(without) });
    }
  }

  #connected(ended?: AbortSignal): Promise<void> {
    const pc = this.#pc;
    return new Promise((done, fail) => {
      const broken = () => {
        fail(new Problem("network", ""));
        this.#lose();
      };
      const late = setTimeout(broken, connectWithin);
      let grace = 0;
      const look = () => {
        clearTimeout(grace);
        if (pc.connectionState === "connected") {
          clearTimeout(late);
          done();
        }
        if (pc.connectionState === "disconnected") {
          grace = window.setTimeout(broken, graceful);
          this.onbroken();
        }
        if (pc.connectionState === "failed" || pc.connectionState === "closed") broken();
      };
      pc.onconnectionstatechange = look;
      ended?.addEventListener("abort", () => fail(new Problem("network", "")), { once: true });
      look(); // it may have connected while the answer was worked in
    });
  }

  /** claimed waits until what goes on is on the stage: the node takes the name when it has the first pictures. */
  async #claimed(): Promise<void> {
    for (const until = performance.now() + claimedWithin; performance.now() < until; await new Promise((done) => setTimeout(done, askEvery))) {
      const answer = await send(this.#session.resource, { bearer: this.#session.bearer });
      this.#epoch = answer.headers.get(epochHeader) ?? "";
      if (this.#epoch) return;
    }
    throw new Problem("unavailable", "");
  }

  /** restart begins ICE anew: there is another network. */
  restart(): Promise<void> {
    return (this.#restarting ??= this.#again().finally(() => (this.#restarting = null)));
  }

  async #again(): Promise<void> {
    if (!this.#session.resource || this.#pc.signalingState !== "stable") return;
    try {
      this.#session.tag = await restart(this.#pc, this.#session);
    } catch (e) {
      if (e instanceof Problem && unknown.has(e.status)) this.#lose();
    }
  }

  /**
   * replace changes camera, microphone or screen without a new session. Only the
   * picture can be refused, and it goes first: then nothing has changed.
   */
  async replace(stream: MediaStream): Promise<void> {
    await this.#senders.get("video")?.replaceTrack(stream.getVideoTracks()[0] ?? null);
    await this.#senders.get("audio")?.replaceTrack(stream.getAudioTracks()[0] ?? null);
  }

  /** rest encodes no more for a node that is taken for dead: what goes on elsewhere needs the computer. */
  rest(): void {
    for (const sender of this.#senders.values()) {
      const wanted = sender.getParameters();
      for (const e of wanted.encodings) e.active = false;
      sender.setParameters(wanted).catch(() => {}); // it is about to be closed
    }
  }

  async stats(): Promise<Outbound> {
    const out: Outbound = { frameWidth: 0, frameHeight: 0, framesPerSecond: 0, framesEncoded: 0, bytesSent: 0, codec: "" };
    const report = await this.#pc.getStats();
    report.forEach((s) => {
      if (s.type !== "outbound-rtp") return;
      out.bytesSent += s.bytesSent ?? 0;
      if (s.kind !== "video" || (s.frameWidth ?? 0) < out.frameWidth) return;
      out.frameWidth = s.frameWidth ?? 0;
      out.frameHeight = s.frameHeight ?? 0;
      out.framesPerSecond = s.framesPerSecond ?? 0;
      out.framesEncoded = s.framesEncoded ?? 0;
      out.codec = report.get(s.codecId)?.mimeType ?? "";
    });
    return out;
  }

  close(): void {
    const { resource, bearer } = this.#session;
    this.leave();
    if (resource) bye(resource, bearer);
  }

  /** leave closes the connection without a word: what was sent goes on elsewhere, and is not to leave the stage. */
  leave(): void {
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
    this.#session.resource = "";
    this.#lose();
  }
}

/** ordered are the codecs that the browser can send, the preferred ones first. */
function ordered(): RTCRtpCodec[] {
  const rank = (c: RTCRtpCodec) => (preferred.indexOf(c.mimeType.toLowerCase()) + preferred.length + 1) % (preferred.length + 1);
  return [...(RTCRtpSender.getCapabilities("video")?.codecs ?? [])].sort((a, b) => rank(a) - rank(b));
}

/** first is the codec that will be sent, since a node takes all that are preferred. */
const first = (): string => ordered()[0]?.mimeType.toLowerCase() ?? "";

/** prefer orders the codecs; what the browser lacks is passed over. */
function prefer(way: RTCRtpTransceiver): void {
  way.setCodecPreferences?.(ordered());
}

/** keepResolution says that a slow network or computer costs frames, not size. */
async function keepResolution(sender: RTCRtpSender): Promise<void> {
  if (sender.track?.kind !== "video") return;
  const wanted = sender.getParameters() as RTCRtpSendParameters & { degradationPreference?: string };
  wanted.degradationPreference = "maintain-resolution";
  await sender.setParameters(wanted).catch(() => {}); // Firefox has no such wish
}

/** begin adds the bitrate to start with to the video codecs of an answer that does not say it. */
export function begin(sdp: string): string {
  if (sdp.includes("x-google-start-bitrate")) return sdp;
  const wish = `x-google-start-bitrate=${start};x-google-min-bitrate=${start / 4};x-google-max-bitrate=${ceiling / 1000}`;
  return sdp.split(/(?=^m=)/m).map((part) => (part.startsWith("m=video") ? addWish(part, wish) : part)).join("");
}

function addWish(part: string, wish: string): string {
  let out = part;
  for (const [line, type] of part.matchAll(/^a=rtpmap:(\d+) (?!rtx|red|ulpfec|flexfec)[^\r\n]*\r?\n/gm)) {
    const fmtp = new RegExp(`^(a=fmtp:${type} [^\\r\\n]*)`, "m");
    out = fmtp.test(out) ? out.replace(fmtp, `$1;${wish}`) : out.replace(line, `${line}a=fmtp:${type} ${wish}\r\n`);
  }
  return out;
}
