import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { VigilError } from "@vigil/shared";

/** vigil.link.v1.LinkFrame, decoded. Written by hand over protobuf's wire code: one is made for every message relayed. */
export interface LinkFrame {
  /** Newest tick of the receiving part that the sender has; 0: none. */
  readonly tick: number;
  readonly direction: "request" | "response";
  /** A frame of proto.rpc.webrtc.v1. A view into the received bytes. */
  readonly frame: Uint8Array;
}

const TICK_FIELD = 1;
const REQUEST_FIELD = 2;
const RESPONSE_FIELD = 3;

export function encodeLinkFrame(tick: number, direction: LinkFrame["direction"], frame: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  if (tick > 0) writer.tag(TICK_FIELD, WireType.Varint).uint64(tick);
  writer.tag(direction === "request" ? REQUEST_FIELD : RESPONSE_FIELD, WireType.LengthDelimited).bytes(frame);
  return writer.finish();
}

/** @throws VigilError "bad_frame" */
export function decodeLinkFrame(bytes: Uint8Array): LinkFrame {
  try {
    const reader = new BinaryReader(bytes);
    let tick = 0;
    let direction: LinkFrame["direction"] | undefined;
    let frame: Uint8Array | undefined;
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === TICK_FIELD && wireType === WireType.Varint) tick = Number(reader.uint64());
      else if ((field === REQUEST_FIELD || field === RESPONSE_FIELD) && wireType === WireType.LengthDelimited) {
        direction = field === REQUEST_FIELD ? "request" : "response";
        frame = reader.bytes();
      } else reader.skip(wireType, field);
    }
    if (!direction || !frame) throw new RangeError("it carries no frame");
    return { tick, direction, frame };
  } catch (error) {
    throw new VigilError("bad_frame", "a frame of the part link cannot be decoded", { cause: error });
  }
}
