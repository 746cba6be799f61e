// What the page in a browser runs: clients of others, as their READMEs say to use them.
import { WHIPClient as Whip } from 'whip-whep/whip.js';
import { WHEPClient as Whep } from 'whip-whep/whep.js';
import { WHIPClient as EyevinnWhip } from '@eyevinn/whip-web-client';
import { WebRTCPlayer } from '@eyevinn/webrtc-player';

const camera = () => navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });
const running = {};

async function decoded(pc) {
  let n = 0;
  for (const s of (await pc.getStats()).values()) if (s.type === 'inbound-rtp' && s.kind === 'video') n = s.framesDecoded ?? 0;
  return n;
}

async function selected(pc) {
  for (const s of (await pc.getStats()).values()) if (s.type === 'transport') return s.selectedCandidatePairChanges;
  return -1;
}

window.peers = {
  // The RFC's author's client: trickles, and restarts ICE.
  async whip(url, token) {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const t of (await camera()).getTracks()) pc.addTransceiver(t, { direction: 'sendonly' });
    const client = new Whip();
    await client.publish(pc, url, token);
    running.whip = { pc, stop: () => client.stop(), restart: () => client.restart(), state: () => pc.connectionState };
    return true;
  },
  async whep(url, token) {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.addTransceiver('audio', { direction: 'recvonly' });
    const client = new Whep();
    await client.view(pc, url, token);
    running.whep = {
      pc, frames: () => decoded(pc), stop: () => client.stop(), restart: () => client.restart(), state: () => pc.connectionState,
      listens: () => client.eventSource?.readyState === EventSource.OPEN, events: client.eventsUrl?.href, pairs: () => selected(pc),
    };
    return true;
  },
  // A player that offers sound first: all share the transport of that section.
  async soundFirst(url, token) {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    const client = new Whep();
    await client.view(pc, url, token);
    running.soundFirst = { frames: () => decoded(pc), stop: () => client.stop() };
    return true;
  },
  async eyevinnWhip(url, token) {
    const client = new EyevinnWhip({ endpoint: url, opts: { authkey: token, iceServers: [] } });
    await client.setIceServersFromEndpoint();
    await client.ingest(await camera());
    running.eyevinnWhip = { pc: client.peer, stop: () => client.destroy(), state: () => client.peer.connectionState };
    return true;
  },
  async eyevinnPlayer(url, token) {
    const video = document.body.appendChild(document.createElement('video'));
    video.muted = video.autoplay = video.playsInline = true;
    const player = new WebRTCPlayer({ video, type: 'whep', iceServers: [] });
    await player.load(new URL(url), token);
    running.eyevinnPlayer = { frames: () => video.getVideoPlaybackQuality().totalVideoFrames, stop: () => player.unload() };
    return true;
  },
  running,
  stop: name => running[name].stop(),
  frames: async name => (await running[name]?.frames?.()) ?? 0,
};
