import { createGatewayLink, type GatewayLink } from "@vigil/part-agent/link";
import { type CallHandler, OK } from "@vigil/protocol";
import { createLogger, createSystemClock, every, systemRandom, uuid } from "@vigil/shared";

/** A part-agent's end of a link with nothing behind it: it sends every call's messages back. */
export interface LinkPart {
  readonly link: GatewayLink;
  /** When the challenges had been sent that were answered over the path of the commands. */
  readonly alive: readonly number[];
  /** How often a link was lost, or not made. */
  readonly losses: number;
  /** What it would tell a person. */
  readonly log: readonly string[];
  close(): void;
}

export interface LinkPartOptions {
  readonly url: string;
  readonly carrier: "webrtc" | "websocket";
  readonly name?: string;
  readonly secret?: string;
}

export const LINK_SECRET = "a secret only for links of tests";
/** As often as a guard ticks. */
const TICK_MS = 50;

export const echo: CallHandler = (_start, response) => ({
  message: (bytes) => response.message(Uint8Array.from(bytes)),
  end: () => response.trailers(OK),
  cancel() {},
});

export function startLinkPart({ url, carrier, name = "arm", secret = LINK_SECRET }: LinkPartOptions): LinkPart {
  const clock = createSystemClock();
  const alive: number[] = [];
  const log: string[] = [];
  let losses = 0;
  let linked = false;
  let tick = 0n;
  const bootId = uuid(systemRandom);
  const link = createGatewayLink(
    {
      clock,
      random: systemRandom,
      log: createLogger({ destination: { write: (line) => log.push(line) } }),
      identity: () => ({ name, secret, bootId, generation: 0 }),
      serve: echo,
      welcomed() {},
      received() {},
      alive(sentAt) {
        linked = true;
        alive.push(sentAt);
      },
      lost() {
        linked = false;
        losses += 1;
      },
    },
    { gateway: url, tlsVerify: true, carrier, software: "test" },
  );
  const ticks = every(clock, TICK_MS, () => {
    link.send({ case: "tick", value: { number: ++tick, started: true, linked } });
  });
  return {
    link,
    alive,
    log,
    get losses() {
      return losses;
    },
    close() {
      ticks.cancel();
      link.close();
    },
  };
}
