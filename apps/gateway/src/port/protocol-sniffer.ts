import type { Socket } from "node:net";
import type { Clock } from "@vigil/shared";
import { FIRST_BYTES_TIMEOUT_MS } from "./limits.js";

/** The start of HTTP/2's preface; no HTTP/1.1 request line begins so (RFC 9113, section 3.4). */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0");
/** Content type of a TLS record that holds a handshake. */
const TLS_HANDSHAKE = 0x16;

export type FirstBytes = "tls" | "http1" | "http2";

/**
 * Reads the first bytes of a socket, tells the protocol by them and puts them back. A peer that says nothing in time is
 * cut off; one that ends before is dropped without a word.
 */
export function sniffProtocol(
  clock: Clock,
  socket: Socket,
  tlsExpected: boolean,
  tell: (what: FirstBytes) => void,
): void {
  let seen: Buffer | undefined;
  const timer = clock.after(FIRST_BYTES_TIMEOUT_MS, () => socket.destroy());
  const stop = () => {
    timer.cancel();
    socket.off("readable", look);
    socket.off("end", ended);
    socket.off("close", stop);
  };
  const ended = () => socket.destroy();
  const look = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen ? Buffer.concat([seen, chunk]) : chunk;
    const what = tlsExpected ? (seen[0] === TLS_HANDSHAKE ? "tls" : "http1") : httpVersion(seen);
    if (!what) return;
    stop();
    socket.unshift(seen);
    tell(what);
  };
  socket.on("readable", look);
  socket.on("end", ended);
  socket.on("close", stop);
}

/** undefined: more bytes are needed. */
function httpVersion(bytes: Buffer): "http1" | "http2" | undefined {
  const known = Math.min(bytes.length, HTTP2_PREFACE.length);
  if (!bytes.subarray(0, known).equals(HTTP2_PREFACE.subarray(0, known))) return "http1";
  return known === HTTP2_PREFACE.length ? "http2" : undefined;
}
