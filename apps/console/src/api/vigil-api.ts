import type { RobotView, StopAllResult } from "@vigil/shared";
import type { TokenStore } from "./token-store.js";

/** How long one STOP request may take before the next is sent beside it: a second is long for a person who presses STOP. */
const STOP_ANSWER_LIMIT_MS = 2_000;
/** Any other request: longer than this and the page shows that the gateway does not answer. */
const ANSWER_LIMIT_MS = 5_000;

/** The gateway refused the request; `status` is HTTP's. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Vigil's own API as the page uses it. Every call rejects with ApiError on a refusal, with TypeError when not reached. */
export interface VigilApi {
  robot(): Promise<RobotView>;
  /** Stops every actuator of the robot. */
  stopAll(): Promise<StopAllResult>;
  /** Ends a session, named by the short form of its id. */
  revoke(shortId: string): Promise<void>;
  /** Lets a resource's group move again after a loss. False: it did not wait for it. */
  rearm(part: string, resource: string): Promise<boolean>;
  /** Where the live events are, with the token: a browser cannot set headers on a WebSocket. */
  eventsUrl(): string;
}

export function createVigilApi(tokens: TokenStore, origin: string): VigilApi {
  async function request(method: "GET" | "POST", path: string, limitMs: number): Promise<Response> {
    const token = tokens.get();
    const response = await fetch(`${origin}/vigil/v1/${path}`, {
      method,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      cache: "no-store",
      // A STOP that is under way when the tab closes still arrives.
      keepalive: method === "POST",
      signal: AbortSignal.timeout(limitMs),
    });
    if (!response.ok) throw new ApiError(response.status, await refusal(response));
    return response;
  }

  return {
    robot: async () => (await request("GET", "robot", ANSWER_LIMIT_MS)).json(),
    stopAll: async () => (await request("POST", "stop", STOP_ANSWER_LIMIT_MS)).json(),
    revoke: async (shortId) => {
      await request("POST", `sessions/${encodeURIComponent(shortId)}/revoke`, ANSWER_LIMIT_MS);
    },
    async rearm(part, resource) {
      const path = `parts/${encodeURIComponent(part)}/resources/${encodeURIComponent(resource)}/rearm`;
      const { rearmed } = (await (await request("POST", path, ANSWER_LIMIT_MS)).json()) as { rearmed: boolean };
      return rearmed;
    },
    eventsUrl() {
      const url = new URL("/vigil/v1/events", origin);
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      const token = tokens.get();
      if (token !== null) url.searchParams.set("access_token", token);
      return url.href;
    },
  };
}

/** The message of a Problem body, else the status text. */
async function refusal(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const body: { message?: unknown } = JSON.parse(text);
    if (typeof body.message === "string") return body.message;
  } catch {
    // Not JSON: a proxy in between may answer with a page of its own.
    return `HTTP ${response.status} ${response.statusText}`.trim();
  }
  return `HTTP ${response.status} ${response.statusText}`.trim();
}
