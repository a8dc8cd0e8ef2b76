import type { FramePriority } from "./frame.js";
import { MAX_PACKET_DATA_BYTES } from "./limits.js";

/** Where one end of a channel puts its frames; must not throw. Every frame is an array of its own: it may be kept. */
export interface FrameOutput {
  /** "control" may overtake "bulk". */
  send(frame: Uint8Array, priority: FramePriority): void;
  /**
   * Puts a packet of a large message on the channel, as "bulk": `frame` is called, once, when there is room for it, so
   * that not all of the message is copied at one go. Left out: it is made and sent at once.
   * @param bytes of the packet's data: the frame has a few more
   */
  sendLater?(bytes: number, frame: () => Uint8Array): void;
}

/** Sends a message of a stream in packets. After one of several nothing of the stream may overtake them. */
export function sendMessage(
  output: FrameOutput,
  stream: { readonly id: number; priority: FramePriority },
  message: Uint8Array,
  encodePacket: (streamId: number, data: Uint8Array, eom: boolean) => Uint8Array,
): void {
  if (message.length <= MAX_PACKET_DATA_BYTES) {
    return output.send(encodePacket(stream.id, message, true), stream.priority);
  }
  stream.priority = "bulk";
  for (let at = 0; at < message.length; at += MAX_PACKET_DATA_BYTES) {
    const data = message.subarray(at, at + MAX_PACKET_DATA_BYTES);
    const isLast = at + data.length === message.length;
    const frame = () => encodePacket(stream.id, data, isLast);
    if (output.sendLater) output.sendLater(data.length, frame);
    else output.send(frame(), "bulk");
  }
}
