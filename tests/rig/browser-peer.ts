import type { Page } from "playwright-core";

/** A page's RTCPeerConnection with the two channels that every SDK of Viam negotiates. */
export interface BrowserPeer {
  /** Its offer, with all its candidates. */
  offer(): Promise<{ type: "offer"; sdp: string }>;
  /** Resolves when the data channel is open. */
  accept(answer: { type: "answer"; sdp: string }): Promise<void>;
  send(message: Uint8Array): Promise<void>;
  /** Resolves with the next message that came on the data channel and was not read yet. */
  receive(): Promise<Buffer>;
  /** Restarts ICE as the browser does on a change of network: a new offer over the negotiation channel. */
  restartIce(): Promise<void>;
}

const SCRIPT = `
  const pc = new RTCPeerConnection();
  const data = pc.createDataChannel("data", { negotiated: true, id: 0 });
  const negotiation = pc.createDataChannel("negotiation", { negotiated: true, id: 1 });
  data.binaryType = "arraybuffer";
  const arrived = [];
  const readers = [];
  const opened = new Promise((resolve) => data.addEventListener("open", resolve));
  data.addEventListener("message", ({ data: bytes }) => {
    const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
    const reader = readers.shift();
    if (reader) reader(text); else arrived.push(text);
  });
  const gathered = async () => {
    while (pc.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 5));
    return { type: "offer", sdp: pc.localDescription.sdp };
  };
  globalThis.peer = {
    async offer() {
      await pc.setLocalDescription(await pc.createOffer());
      return gathered();
    },
    async accept(answer) {
      await pc.setRemoteDescription(answer);
      await opened;
    },
    send: (text) => data.send(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))),
    receive: () => arrived.length ? arrived.shift() : new Promise((resolve) => readers.push(resolve)),
    async restartIce() {
      const answered = new Promise((resolve) =>
        negotiation.addEventListener("message", ({ data: text }) => resolve(JSON.parse(atob(text))), { once: true }));
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      negotiation.send(btoa(JSON.stringify(await gathered())));
      await pc.setRemoteDescription(await answered);
    },
  };
`;

export async function openBrowserPeer(page: Page): Promise<BrowserPeer> {
  await page.evaluate(SCRIPT);
  const ask = <T>(what: string) => page.evaluate(`peer.${what}`) as Promise<T>;
  return {
    offer: () => ask("offer()"),
    accept: (answer) => ask(`accept(${JSON.stringify(answer)})`),
    send: (message) => ask(`send(${JSON.stringify(Buffer.from(message).toString("base64"))})`),
    receive: async () => Buffer.from(await ask<string>("receive()"), "base64"),
    restartIce: () => ask("restartIce()"),
  };
}
