// Player: one WHEP session (draft-ietf-wish-whep-03), from offer to loss.
import { Problem, send } from "../http";
import { bye } from "./door";

/** connectWithin is how long the transport may take, in milliseconds. */
const connectWithin = 10_000;

/** graceful is how long a broken transport may take to come back by itself. */
const graceful = 2_000;

export class Player {
  readonly stream = new MediaStream();
  readonly #pc: RTCPeerConnection;
  readonly #bearer: string;
  #resource = "";
  #lose!: () => void;
  /** lost is settled when the media have stopped coming for good. */
  readonly lost = new Promise<void>((done) => (this.#lose = done));

  private constructor(bearer: string) {
    this.#bearer = bearer;
    this.#pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#pc.ontrack = (e) => this.stream.addTrack(e.track);
  }

  /** start asks for the stage; onstream gets the tracks before they flow. */
  static async start(link: string, bearer: string, ended: AbortSignal, onstream: (s: MediaStream) => void): Promise<Player> {
    const p = new Player(bearer);
    try {
      await p.#negotiate(`/whep/${encodeURIComponent(link)}`, ended);
      onstream(p.stream);
      await p.#connected(ended);
    } catch (e) {
      p.close();
      throw e;
    }
    return p;
  }

  async #negotiate(url: string, ended: AbortSignal): Promise<void> {
    this.#pc.addTransceiver("video", { direction: "recvonly" });
    this.#pc.addTransceiver("audio", { direction: "recvonly" });
    await this.#pc.setLocalDescription();
    const answer = await send(url, { method: "POST", bearer: this.#bearer, sdp: this.#pc.localDescription!.sdp, signal: ended });
    const location = answer.headers.get("Location");
    if (location) this.#resource = new URL(location, answer.url || window.location.href).href;
    await this.#pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  /** connected waits for the transport, and then watches over it. */
  #connected(ended: AbortSignal): Promise<void> {
    const pc = this.#pc;
    return new Promise((done, fail) => {
      const broken = () => fail(new Problem("network", ""));
      const late = setTimeout(broken, connectWithin);
      let grace = 0;
      const look = () => {
        clearTimeout(grace);
        switch (pc.connectionState) {
          case "connected":
            clearTimeout(late);
            return done();
          case "disconnected":
            grace = window.setTimeout(this.#lose, graceful);
            return;
          case "failed":
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

  /** probe reports the player lost if nothing arrives within ms: for when there are other signs. */
  async probe(ms: number): Promise<void> {
    const before = (await this.stats()).bytesReceived;
    await new Promise((done) => setTimeout(done, ms));
    if ((await this.stats()).bytesReceived <= before) this.#lose();
  }

  async stats(): Promise<Stats> {
    return summarise(await this.#pc.getStats());
  }

  close(): void {
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
    for (const track of this.stream.getTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
    if (this.#resource) bye(this.#resource, this.#bearer);
    this.#resource = "";
    this.#lose();
  }
}

/** Stats is what arrives, summed up from the browser's own statistics. */
export interface Stats {
  frameWidth: number;
  frameHeight: number;
  framesPerSecond: number;
  framesDecoded: number;
  framesDropped: number;
  keyFramesDecoded: number;
  freezeCount: number;
  bytesReceived: number; // audio and video
  packetsReceived: number; // video
  packetsLost: number; // video
  audioPacketsReceived: number;
  codec: string;
  roundTripTime: number; // seconds
}

export function nothing(): Stats {
  return {
    frameWidth: 0, frameHeight: 0, framesPerSecond: 0, framesDecoded: 0, framesDropped: 0, keyFramesDecoded: 0, freezeCount: 0,
    bytesReceived: 0, packetsReceived: 0, packetsLost: 0, audioPacketsReceived: 0, codec: "", roundTripTime: 0,
  };
}

function summarise(report: RTCStatsReport): Stats {
  const out = nothing();
  report.forEach((s) => {
    if (s.type === "inbound-rtp") {
      out.bytesReceived += s.bytesReceived ?? 0;
      if (s.kind === "audio") out.audioPacketsReceived += s.packetsReceived ?? 0;
      if (s.kind === "video") {
        for (const k of ["frameWidth", "frameHeight", "framesPerSecond", "framesDecoded", "framesDropped", "keyFramesDecoded", "freezeCount", "packetsReceived", "packetsLost"] as const) {
          out[k] = s[k] ?? 0;
        }
        out.codec = report.get(s.codecId)?.mimeType ?? "";
      }
    }
    if (s.type === "candidate-pair" && s.nominated) out.roundTripTime = s.currentRoundTripTime ?? 0;
  });
  return out;
}
