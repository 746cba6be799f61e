// Connection: the transport of one WHEP session (draft-ietf-wish-whep-03): made by an
// offer, watched for silence, and begun anew by an ICE restart when the network changes.
import { Problem, send } from "../http";
import { bye } from "./door";
import { restart, unknown } from "./ice";

/** connectWithin is how long the transport may take, in milliseconds. */
const connectWithin = 10_000;

/** graceful is how long a broken transport may take to come back, an ICE restart included, in milliseconds. */
const graceful = 3_000;

/** lookEvery is how often the connection looks whether something was played, in milliseconds. */
const lookEvery = 100;

/**
 * silentLooks are how many looks without anything new are a silence: at 15 frames a
 * second a frame comes with every look, a repair in the mesh takes less, and whoever is
 * told of a silence asks before doing anything.
 */
const silentLooks = 3;

/** steadyLooks are how many looks with something new make what comes steady: the end of a slow screen share is no sign. */
const steadyLooks = 10;

/**
 * spare are the sections beside the first two, for those who come to the stage later: they are
 * put into these without another description.
 */
const spare = { video: 8, audio: 4 };

/** sent are the codecs that anybody publishes with; more would only make the offer long. */
function sent(c: { mimeType: string; sdpFmtpLine?: string }): boolean {
  const line = c.sdpFmtpLine ?? "";
  switch (c.mimeType.toLowerCase()) {
    case "video/h264":
      return /packetization-mode=1/.test(line) && /profile-level-id=(42e0|640c|6400)/i.test(line);
    case "video/vp9":
      return !/profile-id=[1-9]/.test(line);
    case "video/av1":
      return !/profile=[1-9]/.test(line);
  }
  return /^(video\/(vp8|rtx)|audio\/opus)$/i.test(c.mimeType);
}

export class Connection {
  readonly stream = new MediaStream();
  readonly pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  /** onsilent is called when media that came steadily come no more. */
  onsilent: () => void = () => {};
  /** onbroken is called when the transport lost its way. */
  onbroken: () => void = () => {};
  /** shown is the track in the large picture, by its name; "" is the first. */
  shown = "";
  /** links are the Link headers of the answer: what else the session can do. */
  links = "";
  #bearer = "";
  #offer: RTCSessionDescriptionInit | null = null;
  #resource = "";
  #tag = ""; // names the ICE session (RFC 9725, section 4.3.1)
  #restarting: Promise<boolean> | null = null;
  #watch = 0;
  #lose!: () => void;
  /** lost is settled when the media have stopped coming for good. */
  readonly lost = new Promise<void>((done) => (this.#lose = done));

  constructor() {
    this.pc.ontrack = (e) => {
      if (this.pc.getTransceivers().indexOf(e.transceiver) < 2) this.stream.addTrack(e.track);
    };
  }

  /** resource is the address of the session, "" where it has ended. */
  get resource(): string {
    return this.#resource;
  }

  /** prepare makes the offer that negotiate sends. It can be made long before: nothing is gathered for it, and no network known. */
  async prepare(): Promise<RTCSessionDescriptionInit> {
    const pc = this.pc;
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
    for (const kind of ["video", "audio"] as const) {
      const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs.filter(sent) ?? [];
      for (let i = 0; i < spare[kind]; i++) {
        const way = pc.addTransceiver(kind, { direction: "recvonly" });
        if (codecs.length) way.setCodecPreferences?.(codecs);
      }
    }
    return (this.#offer = await pc.createOffer());
  }

  /** negotiate asks for the stage at a WHEP endpoint. */
  async negotiate(url: string, bearer: string, ended: AbortSignal): Promise<void> {
    const pc = this.pc;
    this.#bearer = bearer;
    const offer = this.#offer ?? (await this.prepare());
    const [answer] = await Promise.all([send(url, { method: "POST", bearer, sdp: offer.sdp, signal: ended }), pc.setLocalDescription(offer)]);
    const location = answer.headers.get("Location");
    if (location) this.#resource = new URL(location, answer.url || window.location.href).href;
    this.links = answer.headers.get("Link") ?? "";
    this.#tag = answer.headers.get("ETag") ?? "*";
    await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  /** track is what comes in a section. */
  track(mid: string): MediaStreamTrack | null {
    return this.pc.getTransceivers().find((w) => w.mid === mid)?.receiver.track ?? null;
  }

  /** section is the number of a section in the description. */
  section(mid: string): number {
    return this.pc.getTransceivers().findIndex((w) => w.mid === mid);
  }

  /** connected waits for the transport, and then watches over it. */
  connected(ended: AbortSignal): Promise<void> {
    const pc = this.pc;
    return new Promise((done, fail) => {
      const broken = () => fail(new Problem("network", ""));
      const late = setTimeout(broken, connectWithin);
      let grace = 0;
      let up = false;
      const look = () => {
        if (pc.connectionState !== "disconnected") clearTimeout(grace);
        switch (pc.connectionState) {
          case "connected":
            clearTimeout(late);
            up = true;
            this.#guard();
            return done();
          case "disconnected":
            clearTimeout(grace);
            grace = window.setTimeout(this.#lose, graceful);
            return this.onbroken();
          case "failed":
            if (up && this.#restarting) return; // it may yet come of that, or grace runs out
          // falls through
          case "closed":
            clearTimeout(late);
            broken();
            this.#lose();
        }
      };
      pc.onconnectionstatechange = look;
      ended.addEventListener("abort", broken, { once: true });
      look();
    });
  }

  /** restart begins ICE anew (RFC 9725, section 4.3.3), and reports whether the node took it. Media and keys stay. */
  restart(): Promise<boolean> {
    return (this.#restarting ??= this.#again().finally(() => (this.#restarting = null)));
  }

  async #again(): Promise<boolean> {
    const pc = this.pc;
    if (!this.#resource || pc.signalingState !== "stable") return false;
    try {
      this.#tag = await restart(pc, { resource: this.#resource, bearer: this.#bearer, tag: this.#tag });
      return true;
    } catch (e) {
      if (e instanceof Problem && unknown.has(e.status)) this.#lose();
      return false;
    }
  }

  /** guard looks ten times a second whether anything was played since. */
  #guard(): void {
    if (this.#watch) return;
    let newest = 0;
    let steady = 0;
    let silent = 0;
    this.#watch = window.setInterval(() => {
      const now = Math.max(0, ...this.pc.getReceivers().flatMap((r) => r.getSynchronizationSources().map((s) => s.timestamp)));
      if (now > newest) {
        newest = now;
        steady++;
        silent = 0;
        return;
      }
      if (++silent === silentLooks && steady >= steadyLooks) this.onsilent();
      if (silent >= silentLooks) steady = 0;
    }, lookEvery);
  }

  /** played is when something was last played, in a clock of the browser's own; 0: nothing in ten seconds. */
  get played(): number {
    return Math.max(0, ...this.pc.getReceivers().flatMap((r) => r.getSynchronizationSources().map((s) => s.timestamp)));
  }

  /** lose gives the connection up. */
  lose(): void {
    this.#lose();
  }

  close(): void {
    clearInterval(this.#watch);
    this.pc.onconnectionstatechange = null;
    this.pc.close();
    for (const track of this.stream.getTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
    if (this.#resource) bye(this.#resource, this.#bearer);
    this.#resource = "";
    this.#lose();
  }
}
