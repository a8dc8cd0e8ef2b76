import type { Metadata, Status } from "../call.js";

/**
 * The frames of gRPC over a data channel (proto/proto/rpc/webrtc/v1/grpc.proto), as plain objects. They
 * are the hot path of the gateway, so decode.ts and encode.ts read and write them by hand; tests hold both against the
 * generated code. `data` is a view into the frame.
 */
export type RequestFrame = RequestHeadersFrame | RequestMessageFrame | ResetFrame | EmptyFrame;
export type ResponseFrame = ResponseHeadersFrame | ResponseMessageFrame | ResponseTrailersFrame | EmptyFrame;

export interface RequestHeadersFrame {
  readonly kind: "headers";
  readonly streamId: number;
  readonly method: string;
  readonly metadata: Metadata;
  /** Deadline from now in ms, 0 or more; undefined: none. */
  readonly timeoutMs: number | undefined;
}
export interface RequestMessageFrame {
  readonly kind: "message";
  readonly streamId: number;
  readonly hasMessage: boolean;
  readonly data: Uint8Array;
  readonly eom: boolean;
  readonly eos: boolean;
}
/** `rst` is false only in a frame that says so in so many words; it then means nothing. */
export interface ResetFrame {
  readonly kind: "reset";
  readonly streamId: number;
  readonly rst: boolean;
}
export interface ResponseHeadersFrame {
  readonly kind: "headers";
  readonly streamId: number;
  readonly metadata: Metadata;
}
export interface ResponseMessageFrame {
  readonly kind: "message";
  readonly streamId: number;
  readonly data: Uint8Array;
  readonly eom: boolean;
}
interface ResponseTrailersFrame {
  readonly kind: "trailers";
  readonly streamId: number;
  readonly status: Status;
  readonly metadata: Metadata;
}
/** A frame of a kind that is not known here. */
export interface EmptyFrame {
  readonly kind: "empty";
  readonly streamId: number;
}

/**
 * What a frame may wait for. "bulk" are the packets of a message that does not fit into one, and whatever follows them
 * on the same stream: a sender that lets "control" overtake "bulk" keeps the order within every stream.
 */
export type FramePriority = "control" | "bulk";
