import type { RTCPeerConnection } from "werift";
import type { SessionDescription } from "./peer.js";
import { sanitizeRemoteSdp } from "./remote-description.js";

/** A browser's offer with several video sections has 10 to 20 KiB; the frame itself is limited to 64 KiB. */
const MAX_DESCRIPTION_BYTES = 65_535;

/** What travels on the negotiation channel: base64 of JSON `{type, sdp}`. Undefined if it is anything else. */
export function decodeDescription(frame: string): SessionDescription | undefined {
  if (frame.length > MAX_DESCRIPTION_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(frame, "base64").toString("utf8"));
    if (typeof value !== "object" || value === null || !("type" in value) || !("sdp" in value)) return undefined;
    const { type, sdp } = value;
    if ((type !== "offer" && type !== "answer") || typeof sdp !== "string") return undefined;
    return { type, sdp };
  } catch {
    return undefined; // Not a description: the caller treats it as an ordinary message.
  }
}

export function encodeDescription(description: SessionDescription): string {
  return Buffer.from(JSON.stringify(description)).toString("base64");
}

/**
 * Answers an offer of the other side, the first one or a later one. Media sections stay in the answer but inactive:
 * nothing here sends or takes media. All our candidates are in the answer.
 */
export async function answerOffer(
  connection: RTCPeerConnection,
  offer: SessionDescription,
): Promise<SessionDescription> {
  await connection.setRemoteDescription({ type: "offer", sdp: sanitizeRemoteSdp(offer.sdp) });
  for (const transceiver of connection.getTransceivers()) transceiver.setDirection("inactive");
  await connection.setLocalDescription(await connection.createAnswer());
  return localDescription(connection, "answer");
}

export function localDescription(connection: RTCPeerConnection, type: "offer" | "answer"): SessionDescription {
  return { type, sdp: connection.localDescription!.sdp };
}
