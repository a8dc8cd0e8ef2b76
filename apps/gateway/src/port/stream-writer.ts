import type { ServerHttp2Stream } from "node:http2";
import type { BulkPacer, BulkSender } from "./bulk-pacer.js";
import { BULK_CHUNK_BYTES, UNPACED_BYTES_PER_CALL } from "./limits.js";

/** The body of one HTTP/2 response: its start goes at once, what follows is paced. */
export interface StreamWriter {
  write(bytes: Buffer): void;
  /** Ends the stream after all that was written; `ended` runs when that has been handed over. */
  end(ended?: () => void): void;
  /** What was written and has not reached the socket. */
  queuedBytes(): number;
}

const COMPACT_AFTER = 1_000;

export function createStreamWriter(stream: ServerHttp2Stream, pacer: BulkPacer): StreamWriter {
  const queue: Buffer[] = [];
  let head = 0;
  let queued = 0;
  let sent = 0;
  let onWay = false;
  let finish: (() => void) | undefined;

  const sender: BulkSender = {
    sendPiece(written) {
      const bytes = queue[head]!;
      const piece = bytes.subarray(0, BULK_CHUNK_BYTES);
      if (piece.length < bytes.length) queue[head] = bytes.subarray(piece.length);
      else head += 1;
      // Compacted now and then: shifting an array for each of many pieces is slow.
      if (head === queue.length || head >= COMPACT_AFTER) {
        queue.splice(0, head);
        head = 0;
      }
      onWay = true;
      stream.write(piece, () => {
        onWay = false;
        queued -= piece.length;
        if (!stream.destroyed) offer();
        written(piece.length);
      });
    },
  };
  const offer = () => {
    if (onWay) return;
    if (head < queue.length) pacer.ready(sender);
    else finish?.();
  };
  stream.on("close", () => pacer.leave(sender));

  return {
    write(bytes) {
      if (queued === 0 && sent + bytes.length <= UNPACED_BYTES_PER_CALL) {
        sent += bytes.length;
        stream.write(bytes);
        return;
      }
      queue.push(bytes);
      queued += bytes.length;
      offer();
    },
    end(ended) {
      finish = () => {
        finish = undefined;
        stream.end();
        ended?.();
      };
      if (queued === 0) finish();
    },
    queuedBytes: () => (onWay || queued > 0 ? queued : stream.writableLength),
  };
}
