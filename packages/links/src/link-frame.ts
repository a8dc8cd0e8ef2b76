import { fieldSize, varintSize, WireReader, WireType, WireWriter } from "@vigil/protocol";
import { VigilError } from "@vigil/shared";

/** vigil.link.v1.LinkFrame, decoded. Read and written by hand: one is made for every frame relayed. */
export interface LinkFrame {
  /** Newest tick of the receiving part that the sender has; 0: none. */
  readonly tick: number;
  readonly direction: "request" | "response";
  /** A frame of proto.rpc.webrtc.v1. A view into the received bytes. */
  readonly frame: Uint8Array;
}

const TICK_TAG = (1 << 3) | WireType.varint;
const REQUEST_TAG = (2 << 3) | WireType.bytes;
const RESPONSE_TAG = (3 << 3) | WireType.bytes;

export function encodeLinkFrame(tick: number, direction: LinkFrame["direction"], frame: Uint8Array): Uint8Array {
  const writer = new WireWriter((tick > 0 ? 1 + varintSize(tick) : 0) + fieldSize(frame.length));
  if (tick > 0) {
    writer.byte(TICK_TAG);
    writer.varint(tick);
  }
  writer.byte(direction === "request" ? REQUEST_TAG : RESPONSE_TAG);
  writer.varint(frame.length);
  writer.raw(frame);
  return writer.bytes;
}

/** @throws VigilError "bad_frame" */
export function decodeLinkFrame(bytes: Uint8Array): LinkFrame {
  const reader = new WireReader(bytes);
  let tick = 0;
  let direction: LinkFrame["direction"] | undefined;
  let frame: Uint8Array | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TICK_TAG) tick = reader.varint();
    else if (tag === REQUEST_TAG || tag === RESPONSE_TAG) {
      direction = tag === REQUEST_TAG ? "request" : "response";
      frame = reader.view();
    } else reader.skip(tag);
  }
  if (!direction || !frame) throw new VigilError("bad_frame", "a frame of the part link carries no frame");
  return { tick, direction, frame };
}
