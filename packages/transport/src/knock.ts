import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Clock, Random, Timer } from "@vigil/shared";
import { isDirectlyAttached } from "./attached-networks.js";

/** Refusals that count as an answer, and over what time at least: one alone may be forged or a hiccup (rules.md, R6). */
const REFUSALS = 3;
const SPAN_MS = 60;
/** Three probes in the span; a rested kernel answers six before it limits itself to one a second. */
const PROBE_INTERVAL_MS = 30;
const MAX_PROBES = 6;

/** Binding indication (RFC 8489, section 5): every ICE agent takes it and says nothing. */
const BINDING_INDICATION = 0x0011;
const MAGIC_COOKIE = 0x2112a442;

/**
 * Asks a host's kernel whether anybody still holds a UDP port. `refused` means that three probes over at least 60 ms
 * were refused; everything else is `silent`, also addresses that are not directly attached, to which nothing is sent.
 *
 * ICMP is not authenticated and a client may renegotiate: no more than a SUSPENSION may rest on a refusal, and only if
 * nothing authenticated was heard of that client meanwhile and no renegotiation is open.
 */
export async function knock(
  { clock, random }: { clock: Clock; random: Random },
  { address, port }: { address: string; port: number },
): Promise<"refused" | "silent"> {
  if (!isDirectlyAttached(address)) return "silent";
  // A port of its own: a connected socket on the peer's local port would take the peer's packets from ICE.
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  try {
    await connect(socket, address, port);
    return await probe(socket, clock, random);
  } catch {
    return "silent"; // No route, no permission: nothing was learnt.
  } finally {
    socket.close();
  }
}

function connect(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, address, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

function probe(socket: Socket, clock: Clock, random: Random): Promise<"refused" | "silent"> {
  return new Promise((resolve) => {
    let probes = 0;
    let refusals = 0;
    let firstRefusalMs = 0;
    let timer: Timer | undefined;
    const finish = (result: "refused" | "silent") => {
      timer?.cancel();
      resolve(result);
    };
    const onRefusal = (error: NodeJS.ErrnoException | null) => {
      if (error?.code !== "ECONNREFUSED") return;
      if (++refusals === 1) firstRefusalMs = clock.now();
      if (refusals >= REFUSALS && clock.now() - firstRefusalMs >= SPAN_MS) finish("refused");
    };
    socket.on("error", onRefusal);
    socket.on("message", () => finish("silent"));
    const next = () => {
      if (++probes > MAX_PROBES) {
        finish("silent");
        return;
      }
      socket.send(bindingIndication(random), onRefusal);
      timer = clock.after(PROBE_INTERVAL_MS, next);
    };
    next();
  });
}

function bindingIndication(random: Random): Buffer {
  const message = Buffer.alloc(20);
  message.writeUInt16BE(BINDING_INDICATION, 0);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  message.set(random.bytes(12), 8);
  return message;
}
