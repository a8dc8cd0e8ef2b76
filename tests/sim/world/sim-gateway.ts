import {
  createMemoryStore,
  createRemoteServer,
  type LeaseQuestion,
  type LeaseStore,
  type RemoteAnswer,
} from "@vigil/leases";
import { linkChallengePeriodMs } from "@vigil/links";
import {
  type ClientLife,
  challengePeriodMs,
  type EndCause,
  fenceOf,
  LINK_FRESH_MS,
  type SessionEnd,
  type TableSession,
} from "@vigil/safety";
import { every, type Logger, type Timer, VigilError } from "@vigil/shared";
import type { Answer, ClientCall, ToGateway, ToPart } from "./messages.js";
import { createArrivalClock, createSessionKeeper, type SessionKeeper } from "./real.js";
import type { Rng } from "./rng.js";
import type { SimProcess } from "./sim-process.js";
import type { SimStore } from "./sim-store.js";
import type { SimTime } from "./sim-time.js";

/** The gateway's end of a client's connection. */
export interface ClientEnd {
  challenge(answered: () => void): void;
  answer(call: number, answer: Answer): void;
  session(request: number, id: string | undefined): void;
  beaten(id: string, isAlive: boolean): void;
  close(): void;
}

/** The gateway's end of a part's link. */
export interface PartEnd {
  send(message: ToPart): void;
  challenge(answered: () => void): void;
  close(): void;
}

export interface SimGateway {
  readonly process: SimProcess;
  readonly keeper: SessionKeeper;
  restart(): void;
  // What comes in, already inside the process.
  connected(client: ClientLife, end: ClientEnd): void;
  closedBy(connection: string, definite: boolean, cause: EndCause): void;
  dataArrived(connection: string): void;
  startSession(connection: string, request: number, resume: string): void;
  endSession(connection: string, id: string): void;
  heartbeat(connection: string, id: string): void;
  call(connection: string, call: ClientCall, sid: string | undefined): void;
  message(connection: string, call: number): void;
  cancel(connection: string, call: number): void;
  cancelAll(connection: string): void;
  stopAll(): void;
  knock(connection: string): void;
  linked(part: string, hello: { bootId: string; generation: number }, end: PartEnd): void;
  unlinked(part: string, end: PartEnd): void;
  fromPart(part: string, end: PartEnd, message: ToGateway): void;
  asked(question: LeaseQuestion): Promise<RemoteAnswer>;
  /** True time until which a call of the connection has been open here: now, while one is. */
  openUntil(connection: string): number;
}

export interface GatewayWatch {
  opened(session: TableSession): void;
  ended(end: SessionEnd): void;
  suspended(session: TableSession, cause: string): void;
}

export interface SimGatewayDeps {
  readonly rng: Rng;
  readonly process: SimProcess;
  readonly log: Logger;
  /** Undefined: built in. */
  readonly store: SimStore | undefined;
  readonly time: SimTime;
  readonly partOf: (resource: string) => string;
  readonly watch: GatewayWatch;
}

export interface SimGatewayOptions {
  readonly windowMs: number;
  readonly quietLimitMs: number;
  readonly stopGroup: "robot" | "part";
}

interface Connection {
  readonly client: ClientLife;
  readonly end: ClientEnd;
  stop(): void;
}

interface Link {
  readonly end: PartEnd;
  readonly bootId: string;
  generation: number;
  tick: number;
  lastSignAt: number;
  readonly fences: Map<string, string>;
  stop(): void;
}

interface Operation {
  readonly key: string;
  readonly connection: string;
  readonly call: number;
  readonly order: number;
  session: string | undefined;
  part: string | undefined;
  over: (() => void) | undefined;
}

/** The gateway around the real session keeper: admission, relay and links with everything but their bytes. */
export function createSimGateway(deps: SimGatewayDeps, options: SimGatewayOptions): SimGateway {
  const { process, rng, watch } = deps;
  type Running = Omit<SimGateway, "process" | "restart">;
  let running: Running;

  function start(): Running {
    const { clock } = process;
    const { life } = process;
    const store: LeaseStore = deps.store ? deps.store.client(process) : createMemoryStore({ clock, random: rng });
    const server = createRemoteServer(store);
    const arrivals = createArrivalClock(clock);
    const connections = new Map<string, Connection>();
    const links = new Map<string, Link>();
    const operations = new Map<string, Operation>();
    const push = (message: ToPart, except?: string) => {
      for (const [part, link] of links) if (part !== except) link.end.send(message);
    };

    const keeper = createSessionKeeper(
      {
        clock,
        random: rng,
        store,
        log: deps.log,
        ended(end) {
          if (process.life !== life) return;
          watch.ended(end);
          const { id } = end.session;
          cancelWhere((operation) => operation.session === id, "cancelled");
          for (const link of links.values()) {
            link.end.send({ kind: "sessionEnd", session: id });
            link.fences.delete(id);
          }
          if (end.reason !== "lapsed" && end.reason !== "revoked") return;
          // R6: what a dead client has queued goes with its connection, unless another session lives on it.
          for (const connection of keeper.withoutSession(end.session.connections)) {
            if (connections.get(connection)?.client.challengeable) close(connection, false, "silent");
          }
        },
        suspended(session, cause) {
          watch.suspended(session, cause);
          cancelWhere((operation) => operation.session === session.id, "part_offline");
          push({ kind: "suspend", session: session.id });
        },
      },
      options,
    );

    const lastOpenAt = new Map<string, number>();
    let admitted = 0;

    function finish(operation: Operation, answer: Answer): void {
      if (!operations.delete(operation.key)) return;
      operation.over?.();
      lastOpenAt.set(operation.connection, deps.time.now);
      connections.get(operation.connection)?.end.answer(operation.call, answer);
    }

    function cancelWhere(matches: (operation: Operation) => boolean, answer: Answer): void {
      for (const operation of [...operations.values()]) {
        if (!matches(operation)) continue;
        if (operation.part !== undefined) links.get(operation.part)?.end.send({ kind: "cancel", key: operation.key });
        finish(operation, answer);
      }
    }

    function close(id: string, definite: boolean, cause: EndCause): void {
      const connection = connections.get(id);
      if (!connection) return;
      connections.delete(id);
      connection.stop();
      connection.end.close();
      keeper.disconnect(id, definite, cause);
      cancelWhere((operation) => operation.connection === id, "cancelled");
      push({ kind: "connectionClosed", connection: id });
    }

    function unlink(part: string, link: Link): void {
      if (links.get(part) !== link) return;
      links.delete(part);
      link.stop();
      link.end.send({ kind: "closed" });
      cancelWhere((operation) => operation.part === part, "part_offline");
    }

    function relay(
      operation: Operation,
      call: ClientCall,
      session: { id: string; incarnation: string } | undefined,
    ): void {
      if (!operations.has(operation.key)) return;
      const part = deps.partOf(call.resource);
      const link = links.get(part);
      if (!link) return finish(operation, "part_offline");
      operation.part = part;
      operation.session = session?.id;
      if (call.class !== "stop") {
        operation.over = keeper.callOpened(operation.connection, session?.id, arrivals.arrivedAt());
      }
      const { tick } = link;
      const fence = session ? (link.fences.get(session.id) ?? fenceOf(link.bootId, link.generation, 0)) : "";
      const { key, order, connection } = operation;
      const incarnation = session?.incarnation ?? "";
      link.end.send({
        kind: "call",
        call: {
          ...call,
          key,
          tick,
          order,
          fence,
          connection,
          session: session?.id,
          incarnation,
          relayedAt: deps.time.now,
        },
      });
    }

    const known = (id: string) => {
      const session = keeper.get(id);
      if (session) watch.opened(session);
    };

    return {
      keeper,
      connected(client, end) {
        keeper.connect(client);
        let answeredAt = clock.now();
        let timer: Timer;
        const turn = () => {
          const sentAt = clock.now();
          timer = clock.after(challengePeriodMs(options.windowMs, sentAt - answeredAt), turn);
          end.challenge(() => {
            if (!connections.has(client.id)) return;
            answeredAt = Math.max(answeredAt, sentAt);
            keeper.transportEvidence(client.id, sentAt);
          });
        };
        connections.set(client.id, { client, end, stop: () => timer.cancel() });
        turn();
      },
      closedBy: close,
      dataArrived(connection) {
        if (connections.has(connection)) keeper.applicationEvidence(connection, arrivals.arrivedAt());
      },
      startSession(connection, request, resume) {
        if (!connections.has(connection)) return;
        keeper.start(connection, resume).then(
          (session) => {
            known(session.id);
            connections.get(connection)?.end.session(request, session.id);
          },
          () => connections.get(connection)?.end.session(request, undefined),
        );
      },
      endSession: (connection, id) => {
        if (connections.has(connection)) keeper.end(id, "ended", "client");
      },
      heartbeat(connection, id) {
        if (!connections.has(connection)) return;
        keeper.heartbeat(connection, id, arrivals.arrivedAt()).then(
          () => connections.get(connection)?.end.beaten(id, true),
          (error) => connections.get(connection)?.end.beaten(id, VigilError.from(error).reason !== "session_ended"),
        );
      },
      call(connection, call, sid) {
        if (!connections.has(connection)) return;
        const operation: Operation = {
          key: `${connection}/${call.id}`,
          connection,
          call: call.id,
          order: ++admitted,
          session: undefined,
          part: undefined,
          over: undefined,
        };
        operations.set(operation.key, operation);
        if (call.class === "stop" || call.class === "read") return relay(operation, call, undefined);
        const leased = async () => keeper.forCall(connection, sid);
        leased().then(
          (session) => {
            known(session.id);
            relay(operation, call, session);
          },
          (error) => finish(operation, VigilError.from(error).reason),
        );
      },
      message(connection, call) {
        const operation = operations.get(`${connection}/${call}`);
        const link = operation?.part === undefined ? undefined : links.get(operation.part);
        if (operation && link)
          link.end.send({ kind: "message", key: operation.key, tick: link.tick, relayedAt: deps.time.now });
      },
      cancel(connection, call) {
        cancelWhere((operation) => operation.connection === connection && operation.call === call, "cancelled");
      },
      cancelAll: (connection) => cancelWhere((operation) => operation.connection === connection, "cancelled"),
      stopAll() {
        cancelWhere((operation) => operation.session !== undefined, "cancelled");
        push({ kind: "stopAll" });
      },
      knock: (connection) => keeper.knock(connection),
      linked(part, hello, end) {
        const present = links.get(part);
        if (present) unlink(part, present);
        const timer = every(clock, linkChallengePeriodMs(options.windowMs), () => {
          if (clock.now() - link.lastSignAt > LINK_FRESH_MS) return unlink(part, link);
          const sentAt = clock.now();
          end.challenge(() => {
            link.lastSignAt = Math.max(link.lastSignAt, sentAt);
          });
        });
        const link: Link = {
          ...hello,
          end,
          tick: 0,
          lastSignAt: clock.now(),
          fences: new Map(),
          stop: () => timer.cancel(),
        };
        links.set(part, link);
        end.send({ kind: "welcome" });
      },
      unlinked(part, end) {
        const link = links.get(part);
        if (link?.end === end) unlink(part, link);
      },
      fromPart(part, end, message) {
        const link = links.get(part);
        if (link?.end !== end) return;
        if (message.kind === "tick") link.tick = message.tick;
        else if (message.kind === "answer") {
          const operation = operations.get(message.key);
          if (operation) finish(operation, message.answer);
        } else if (message.session === undefined) {
          link.generation = message.generation;
          link.fences.clear();
        } else if (message.final) link.fences.delete(message.session);
        else {
          link.fences.set(message.session, message.fence);
          // What moves together stops together (R4); what this gateway asked for itself is known everywhere already.
          if (options.stopGroup === "robot" && message.cause !== "gateway" && keeper.get(message.session)) {
            push({ kind: "suspend", session: message.session }, part);
          }
        }
      },
      asked: (question) => server.handle(question),
      openUntil(connection) {
        for (const operation of operations.values()) if (operation.connection === connection) return deps.time.now;
        return lastOpenAt.get(connection) ?? -Infinity;
      },
    };
  }

  running = start();
  const call =
    <K extends keyof Running>(name: K) =>
    (...args: never[]): never =>
      (running[name] as (...given: never[]) => never)(...args);
  return {
    process,
    get keeper() {
      return running.keeper;
    },
    restart() {
      process.start();
      running = start();
    },
    connected: call("connected"),
    closedBy: call("closedBy"),
    dataArrived: call("dataArrived"),
    startSession: call("startSession"),
    endSession: call("endSession"),
    heartbeat: call("heartbeat"),
    call: call("call"),
    message: call("message"),
    cancel: call("cancel"),
    cancelAll: call("cancelAll"),
    stopAll: call("stopAll"),
    knock: call("knock"),
    linked: call("linked"),
    unlinked: call("unlinked"),
    fromPart: call("fromPart"),
    asked: call("asked"),
    openUntil: call("openUntil"),
  };
}
