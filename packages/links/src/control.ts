import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type ControlFrame, ControlFrameSchema } from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import { VigilError } from "@vigil/shared";

/** Major.minor of the link protocol: peers one minor version apart work together (R8b). */
export const LINK_PROTOCOL = "1.0";

export type ControlCase = NonNullable<ControlFrame["frame"]["case"]>;
export type ControlMessage = Exclude<ControlFrame["frame"], { case: undefined }>;
export type ControlInit = Exclude<
  MessageInitShape<typeof ControlFrameSchema>["frame"],
  undefined | { case?: undefined }
>;

export function encodeControl(frame: ControlInit): Uint8Array {
  return toBinary(ControlFrameSchema, create(ControlFrameSchema, { frame }));
}

/**
 * @returns undefined for a frame of a kind that this version does not know: a newer peer may send it.
 * @throws VigilError "bad_frame"
 */
export function decodeControl(bytes: Uint8Array): ControlMessage | undefined {
  try {
    const { frame } = fromBinary(ControlFrameSchema, bytes);
    return frame.case === undefined ? undefined : frame;
  } catch (error) {
    throw new VigilError("bad_frame", "a control frame of the part link cannot be decoded", { cause: error });
  }
}

/** True when a peer of that link protocol version can be talked to: same major, at most one minor apart. */
export function compatible(theirs: string, ours: string = LINK_PROTOCOL): boolean {
  const [theirMajor, theirMinor] = theirs.split(".").map(Number);
  const [major, minor] = ours.split(".").map(Number);
  return theirMajor === major && Math.abs(theirMinor! - minor!) <= 1;
}
