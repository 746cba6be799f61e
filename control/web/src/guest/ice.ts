// ICE anew (RFC 9725, section 4.3.3): how a WHIP or WHEP session finds another way to its node. Media and keys stay.
import { send } from "../http";

/** Session is what is known of one: its address, what opens it, and the tag of its ICE session (section 4.3.1). */
export interface Session {
  resource: string;
  bearer: string;
  tag: string;
}

/** restart begins ICE anew, and returns the new tag. It throws what the node says, and then the session goes on as it was. */
export async function restart(pc: RTCPeerConnection, s: Session): Promise<string> {
  try {
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    const answer = await send(s.resource, {
      method: "PATCH", bearer: s.bearer, sdp: fragment(pc.localDescription!.sdp),
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": s.tag },
    });
    const theirs = await answer.text();
    await pc.setRemoteDescription({ type: "answer", sdp: renamed(pc.remoteDescription!.sdp, theirs) });
    return answer.headers.get("ETag") ?? "*";
  } catch (e) {
    if ((pc.signalingState as string) === "have-local-offer") await pc.setLocalDescription({ type: "rollback" }).catch(() => {});
    throw e;
  }
}

/** unknown are the answers of a node that knows no such session any more. */
export const unknown = new Set([404, 412, 422]);

/** fragment is what an offer says of ICE (RFC 8840, section 9). */
function fragment(sdp: string): string {
  const line = (name: string) => new RegExp(`^a=${name}:.*$`, "m").exec(sdp)?.[0].trim() ?? "";
  return [line("ice-ufrag"), line("ice-pwd"), ...(sdp.match(/^a=candidate:.*$/gm) ?? []).map((c) => c.trim())].join("\r\n") + "\r\n";
}

/** renamed is a description with the credentials of a fragment. The addresses of a node stay. */
function renamed(sdp: string, theirs: string): string {
  for (const name of ["ice-ufrag", "ice-pwd"]) {
    const value = new RegExp(`^a=${name}:(\\S+)`, "m").exec(theirs)?.[1];
    if (value) sdp = sdp.replace(new RegExp(`^a=${name}:\\S+`, "gm"), () => `a=${name}:${value}`);
  }
  return sdp;
}
