// Player: one WHEP session as the page has it: its picture, and what there is to say of it.
import { Connection } from "./connection";

export class Player {
  private constructor(readonly connection: Connection) {}

  /**
   * start asks for the stage at a WHEP endpoint by a new connection; onstream gets the tracks before they flow, or,
   * where there is a picture to keep until then, when they do.
   */
  static async start(c: Connection, url: string, bearer: string, ended: AbortSignal, onstream: (s: MediaStream) => void, keep = false): Promise<Player> {
    const p = new Player(c);
    try {
      await c.negotiate(url, bearer, ended);
      const picture = c.stream.getVideoTracks()[0];
      if (keep && picture?.muted) picture.onunmute = () => onstream(c.stream);
      else onstream(c.stream);
      await c.connected(ended);
    } catch (e) {
      p.close();
      throw e;
    }
    return p;
  }

  get stream(): MediaStream {
    return this.connection.stream;
  }

  get lost(): Promise<void> {
    return this.connection.lost;
  }

  async stats(): Promise<Stats> {
    return summarise(await this.connection.pc.getStats(), this.connection.shown || (this.stream.getVideoTracks()[0]?.id ?? ""));
  }

  close(): void {
    this.connection.close();
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

function summarise(report: RTCStatsReport, shown: string): Stats {
  const out = nothing();
  report.forEach((s) => {
    if (s.type === "inbound-rtp") {
      out.bytesReceived += s.bytesReceived ?? 0;
      if (s.kind === "audio") out.audioPacketsReceived += s.packetsReceived ?? 0;
      if (s.kind === "video" && (s.trackIdentifier === shown || !s.trackIdentifier)) {
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
