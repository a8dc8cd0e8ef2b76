import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock, Logger, Timer } from "@vigil/shared";

export interface ReadinessOptions {
  /** http:// or https:// address of the gateway on this machine. */
  readonly address: string;
}

const POLL_MS = 100;
const ANSWER_LIMIT_MS = 2000;
/** After this long without being ready, the reasons are said, and again each time it has passed. */
const COMPLAIN_MS = 10_000;

/** Asks the gateway's /readyz until it says 200, then calls `onReady` once. */
export function watchReadiness(
  deps: { readonly clock: Clock; readonly logger: Logger },
  options: ReadinessOptions,
  onReady: () => void,
): Timer {
  const { clock, logger } = deps;
  let cancelled = false;
  let timer: Timer | undefined;
  let complainAt = clock.now() + COMPLAIN_MS;
  const ask = async () => {
    const answer = await get(`${options.address}/readyz`);
    if (cancelled) return;
    if (answer.status === 200) {
      onReady();
      return;
    }
    if (clock.now() >= complainAt) {
      complainAt = clock.now() + COMPLAIN_MS;
      logger.warn({ reasons: answer.body }, "the robot is not ready yet");
    }
    timer = clock.after(POLL_MS, () => void ask());
  };
  timer = clock.after(POLL_MS, () => void ask());
  return {
    cancel() {
      cancelled = true;
      timer?.cancel();
    },
  };
}

/** Any failure is an answer too: not ready, and why. */
function get(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    // The certificate names the robot, not this machine's loopback, and nothing secret is asked.
    const call = request(url, { timeout: ANSWER_LIMIT_MS, rejectUnauthorized: false, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", (error) => resolve({ status: 0, body: error.message }));
    });
    call.on("timeout", () => call.destroy(new Error("no answer")));
    call.on("error", (error) => resolve({ status: 0, body: error.message }));
    call.end();
  });
}
