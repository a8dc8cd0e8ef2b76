import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Timer } from "@vigil/shared";
import { FIRST_HEAD_TIMEOUT_MS, REQUEST_BODY_TIMEOUT_MS, REQUEST_HEAD_TIMEOUT_MS } from "./limits.js";

/**
 * Bounds how long an HTTP/1.1 client may take over a request (slow loris). Node's own timeouts run only in servers that
 * listen by themselves, which the one behind the shared port does not.
 */
export interface RequestPatience {
  requestBegan(request: IncomingMessage, response: ServerResponse): void;
  /** The socket is a WebSocket now and lives by other rules. */
  upgraded(): void;
}

export function createRequestPatience(clock: Clock, socket: Socket): RequestPatience {
  let timer: Timer | undefined;
  let upgraded = false;
  const wait = (delayMs: number) => {
    timer?.cancel();
    timer = upgraded || socket.destroyed ? undefined : clock.after(delayMs, () => socket.destroy());
  };
  const relax = () => {
    timer?.cancel();
    timer = undefined;
  };
  wait(FIRST_HEAD_TIMEOUT_MS);
  socket.on("close", relax);

  return {
    requestBegan(request, response) {
      wait(REQUEST_BODY_TIMEOUT_MS);
      let pending = 2;
      const done = () => {
        pending -= 1;
        if (pending === 0) wait(REQUEST_HEAD_TIMEOUT_MS);
        else if (request.complete) relax();
      };
      request.once("end", done);
      response.once("close", done);
    },
    upgraded() {
      upgraded = true;
      relax();
    },
  };
}
