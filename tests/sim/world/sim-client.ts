import { every, uuid } from "@vigil/shared";
import type { Answer, ClientCall } from "./messages.js";
import type { Network, Path } from "./network.js";
import type { Rng } from "./rng.js";
import type { ClientEnd, SimGateway } from "./sim-gateway.js";
import type { SimProcess } from "./sim-process.js";
import type { SimTime } from "./sim-time.js";

/**
 * - webrtc: answers challenges; its kernel tells nothing when it dies.
 * - grpc: answers challenges; its kernel closes the connection when it dies.
 * - web: gRPC-web; answers no challenge, and no close of it means anything.
 */
export type Carrier = "webrtc" | "grpc" | "web";

export interface SimClient {
  readonly process: SimProcess;
  readonly carrier: Carrier;
  readonly explicit: boolean;
  /** Its open connection, as it sees it. */
  readonly connection: string | undefined;
  readonly session: string | undefined;
  /** Its application stands still; its transport goes on. */
  hung: boolean;
  /** When the gateway's machine last received something that its application had sent. */
  readonly lastArrivalAt: number;
  /** When the gateway sent the newest challenge that it has answered, be it from its socket's buffer after a pause. */
  readonly lastAnsweredAt: number;
  /** When its application last sent a call or a beat. */
  readonly lastSentAt: number;
  /** Connections that it has ever had. */
  readonly connections: ReadonlySet<string>;
  /** Sends a call; its number. Undefined: it cannot at the moment. */
  call(what: Omit<ClientCall, "id">, answered?: (answer: Answer) => void): number | undefined;
  message(call: number): void;
  cancel(call: number): void;
  stopAll(): void;
  /** Ends its session and closes definitely. */
  leave(): void;
  die(): void;
  restart(): void;
}

export interface SimClientDeps {
  readonly time: SimTime;
  readonly rng: Rng;
  readonly network: Network;
  readonly process: SimProcess;
  readonly gateway: SimGateway;
}

/** Beats in a window, as the SDKs have it. */
const BEATS_PER_WINDOW = 5;
/** A client that hears nothing for this long dials anew, in ms. */
const DEAD_AIR_MS = 3000;

export function createSimClient(
  { time, rng, network, process, gateway }: SimClientDeps,
  { carrier, explicit, windowMs }: { readonly carrier: Carrier; readonly explicit: boolean; readonly windowMs: number },
): SimClient {
  interface Line {
    readonly id: string;
    readonly up: Path;
    readonly close: () => void;
    lastHeardAt: number;
    /** It has been answered: before that nothing can be sent over it. */
    isUp: boolean;
  }
  let line: Line | undefined;
  let session: string | undefined;
  let lastCall = 0;
  let lastRequest = 0;
  let lastArrivalAt = -Infinity;
  let lastAnsweredAt = -Infinity;
  let lastSentAt = -Infinity;
  let answers = new Map<number, (answer: Answer) => void>();
  const connections = new Set<string>();

  /** What the application sends; on a data channel each message is a new chunk. */
  function send(task: (connection: string) => void, isSign = true): boolean {
    if (!line?.isUp || client.hung || process.state !== "up") return false;
    const { id, up } = line;
    // On a data channel whatever comes is a new chunk, a Stop too (R1).
    const counts = isSign || carrier === "webrtc";
    if (counts) lastSentAt = time.now;
    up.send(
      () => {
        if (carrier === "webrtc") gateway.dataArrived(id);
        task(id);
      },
      () => {
        if (counts) lastArrivalAt = time.now;
      },
    );
    return true;
  }

  function drop(): void {
    if (!line) return;
    line.close();
    line = undefined;
    const open = answers;
    answers = new Map();
    for (const answered of open.values()) answered("disconnected");
  }

  function dial(): void {
    drop();
    const id = uuid(rng);
    const up = network.ordered(process, gateway.process);
    const down = network.ordered(gateway.process, process);
    const probes = network.datagrams(gateway.process, process);
    const replies = network.datagrams(process, gateway.process);
    let closed = false;
    connections.add(id);
    const current: Line = {
      id,
      up,
      lastHeardAt: time.now,
      isUp: false,
      close() {
        closed = true;
        up.close();
        probes.close();
        replies.close();
        down.close();
      },
    };
    line = current;
    const hear = (task: () => void) => () => {
      if (line !== current) return;
      current.lastHeardAt = time.now;
      if (!current.isUp) {
        current.isUp = true;
        begin();
      }
      task();
    };
    const begin = () => {
      if (!explicit) return;
      const resume = session;
      session = undefined;
      open(resume ?? "");
    };
    const end: ClientEnd = {
      challenge(answered) {
        if (closed) return;
        const sentAt = time.now;
        probes.send(
          hear(() => {
            if (carrier === "web") return;
            lastAnsweredAt = Math.max(lastAnsweredAt, sentAt);
            replies.send(answered);
          }),
        );
      },
      answer: (call, answer) =>
        down.send(
          hear(() => {
            const answered = answers.get(call);
            answers.delete(call);
            answered?.(answer);
          }),
        ),
      session: (request, found) =>
        down.send(
          hear(() => {
            if (request === lastRequest) session = found;
          }),
        ),
      beaten: (of, isAlive) =>
        down.send(
          hear(() => {
            if (!isAlive && session === of) session = undefined;
          }),
        ),
      close: () => down.send(hear(drop)),
    };
    up.send(() =>
      gateway.connected({ id, entity: process.name, host: process.name, challengeable: carrier !== "web" }, end),
    );
  }

  function open(resume: string): void {
    const request = ++lastRequest;
    send((connection) => gateway.startSession(connection, request, resume));
  }

  function live(): void {
    const { clock } = process;
    let lastOpenedAt = time.now;
    clock.after(rng.between(0, 100), dial);
    every(clock, windowMs / BEATS_PER_WINDOW, () => {
      if (!line) {
        if (!client.hung && rng.chance(0.2)) dial();
        return;
      }
      if (time.now - line.lastHeardAt > DEAD_AIR_MS && !client.hung) return dial();
      if (!explicit || client.hung) return;
      const beating = session;
      if (beating !== undefined) send((connection) => gateway.heartbeat(connection, beating));
      else if (time.now - lastOpenedAt > windowMs) {
        lastOpenedAt = time.now;
        open("");
      }
    });
  }

  const client: SimClient = {
    process,
    carrier,
    explicit,
    hung: false,
    connections,
    get connection() {
      return line?.id;
    },
    get session() {
      return session;
    },
    get lastArrivalAt() {
      return lastArrivalAt;
    },
    get lastAnsweredAt() {
      return lastAnsweredAt;
    },
    get lastSentAt() {
      return lastSentAt;
    },
    call(what, answered) {
      if (explicit && session === undefined) return undefined;
      const id = ++lastCall;
      // SDKs name the session on monitored methods only: DoCommand goes without (scenario 24).
      const sid = explicit && what.class !== "use" ? session : undefined;
      if (!send((connection) => gateway.call(connection, { ...what, id }, sid), what.class !== "stop"))
        return undefined;
      if (answered) answers.set(id, answered);
      return id;
    },
    message: (call) => void send((connection) => gateway.message(connection, call)),
    cancel: (call) => void send((connection) => gateway.cancel(connection, call)),
    stopAll: () => void send(() => gateway.stopAll(), false),
    leave() {
      const ending = session;
      if (ending !== undefined) send((connection) => gateway.endSession(connection, ending), false);
      send((connection) => gateway.closedBy(connection, carrier !== "web", "closed"), false);
      session = undefined;
      // What was sent still arrives; nothing is heard any more.
      if (line) line = undefined;
    },
    die() {
      const dying = line;
      process.kill();
      line = undefined;
      session = undefined;
      answers = new Map();
      if (dying && carrier === "grpc") dying.up.send(() => gateway.closedBy(dying.id, true, "process_dead"));
      else if (dying) {
        dying.close();
        // The kernel ends what was open on a browser's connections, which says nothing of its session.
        if (carrier === "web") {
          network.ordered(process, gateway.process).send(() => gateway.cancelAll(dying.id));
        }
      }
    },
    restart() {
      process.start();
      client.hung = false;
      live();
    },
  };
  live();
  return client;
}
