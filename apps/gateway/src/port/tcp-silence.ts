import type { Socket } from "node:net";
import type { PortLog } from "./port.js";

/** Bounds how long a socket's data may stay without acknowledgement; false when this system does not let it. */
export type LimitSilence = (socket: Socket) => boolean;

/** IPPROTO_TCP and TCP_USER_TIMEOUT of Linux (tcp(7)). */
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;

/** Node has no call for this option of a socket; libc has. */
export async function loadSilenceLimit(log: PortLog, limitMs: number): Promise<LimitSilence> {
  const value = Uint32Array.of(limitMs);
  try {
    const { default: koffi } = await import("koffi");
    const setsockopt = koffi
      .load("libc.so.6")
      .func("int setsockopt(int fd, int level, int name, const uint32 *value, uint32 length)");
    return (socket) => {
      const fd = descriptorOf(socket);
      return fd !== undefined && setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, value, value.byteLength) === 0;
    };
  } catch (error) {
    log.warn?.(
      { error: String(error) },
      "TCP_USER_TIMEOUT cannot be set: after a cut cable an open HTTP/1.1 call keeps its session until TCP gives up",
    );
    return () => false;
  }
}

/** Node tells a socket's descriptor to nobody but its own handle; undefined once it is closed. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
