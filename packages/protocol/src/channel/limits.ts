/** Most data in one packet, both ways: viam's clients and servers cut there, so that a frame fits into 16 KiB. */
export const MAX_PACKET_DATA_BYTES = 16_373;

/** Largest frame that is read or written: what SDP agrees on by default for a data-channel message, less one. */
export const MAX_FRAME_BYTES = 65_535;

/** Largest gRPC message, 32 MiB: viam's limit on data channels and HTTP/2 alike (compat.md, section 9). */
export const MAX_MESSAGE_BYTES = 2 ** 25;

/** Open streams per channel: viam's limit. A client that opens more without end would hold a handler for each. */
export const MAX_STREAMS = 256;

/**
 * Memory for messages that are not complete yet, per channel: two of the largest. Without it 256 streams of 32 MiB each
 * could hold 8 GiB of one peer.
 */
export const MAX_ASSEMBLY_BYTES = 2 * MAX_MESSAGE_BYTES;

/** Limits that tests and small machines lower; each defaults to the constant of the same name. */
export interface ChannelLimits {
  readonly maxMessageBytes?: number;
  readonly maxStreams?: number;
  readonly maxAssemblyBytes?: number;
}

/**
 * Why a frame was refused; a closed set, fit for a metric's label.
 *
 * - `undecodable`: not the protobuf it should be.
 * - `oversized`: longer than {@link MAX_FRAME_BYTES}.
 * - `no_headers`: a message for a stream that was never opened.
 * - `headers_twice`: headers for a stream that is open.
 * - `message_too_large`: the message (or all that are under way) outgrew its limit; its call ended.
 * - `cut_message`: the stream ended within a message; its call ended.
 * - `after_end`: a message after the end of its stream.
 */
export type BadFrame =
  | "undecodable"
  | "oversized"
  | "no_headers"
  | "headers_twice"
  | "message_too_large"
  | "cut_message"
  | "after_end";
