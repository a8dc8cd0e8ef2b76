import {
  createRemoteReader,
  type LeaseQuestion,
  type LeaseReader,
  type RemoteAnswer,
  type RemoteReader,
} from "@vigil/leases";
import { linkChallengePeriodMs } from "@vigil/links";
import { createGuard, type Guard, type GuardCall, type GuardEvent, type GuardResource, TICK_MS } from "@vigil/safety";
import { every, type Logger, type Timer, uuid, type VigilError } from "@vigil/shared";
import { type Actuator, MAX_BUS_MS, type Mover } from "./actuator.js";
import type { RelayedCall, ToGateway, ToPart } from "./messages.js";
import { createLeasePoller, type GuardRunner, type LeasePoller } from "./real.js";
import type { Rng } from "./rng.js";
import type { SimProcess } from "./sim-process.js";
import type { SimStore } from "./sim-store.js";
import type { SimTime } from "./sim-time.js";

/** A resource of a simulated part: what it moves. */
export interface PartResource extends GuardResource {
  readonly actuators: readonly Actuator[];
}

export interface SimPart {
  readonly process: SimProcess;
  readonly name: string;
  readonly actuators: readonly Actuator[];
  readonly guard: Guard;
  /** True time at which the last answered challenge over its link was sent. */
  readonly linkEvidenceAt: number;
  readonly isLinked: boolean;
  /** Handlers that go on after their abort, as long as they may. */
  stubborn: boolean;
  /** Starts its process anew. */
  restart(): void;
}

/** The part's end of its link, as the robot wires it. */
export interface PartUplink {
  /** Dials the gateway; the link's messages come to `receive` until it is closed or another is dialled. */
  dial(hello: { bootId: string; generation: number }, receive: (message: ToPart) => void): PartLinkEnd;
}

export interface PartLinkEnd {
  send(message: ToGateway): void;
  challenge(answered: () => void): void;
  ask(question: LeaseQuestion, answered: (answer: RemoteAnswer) => void): void;
  close(): void;
}

export interface PartWatch {
  event(part: SimPart, event: GuardEvent): void;
  /** The guard lets the call begin. */
  started(part: SimPart, call: GuardCall): void;
  /** A command or a message of a stream was `ageMs` old when it came, and its handler acts on it all the same. */
  obeyed(part: SimPart, call: GuardCall, ageMs: number): void;
  /** A handler hands a command to the bus: it was allowed to. */
  wrote(part: SimPart, call: GuardCall): void;
  aborted(part: SimPart, call: GuardCall): void;
  settled(part: SimPart, call: GuardCall, wasAborted: boolean): void;
}

export interface SimPartDeps {
  readonly time: SimTime;
  readonly rng: Rng;
  readonly process: SimProcess;
  readonly log: Logger;
  readonly uplink: PartUplink;
  /** Undefined: the gateway serves the leases. */
  readonly store: SimStore | undefined;
  readonly watch: PartWatch;
}

const LEASE_TIMEOUT_MS = 250;
const REDIAL_MS = 300;
/** A link over which nothing is answered for this long is dialled anew. */
const GIVE_UP_MS = 3000;
/** A process takes longer to start, in ms, than a write of the one before it may still be on the bus. */
export const RESTART_MS = 1.5 * MAX_BUS_MS;
/** Pace of a motion with an end, in ms. */
const STEP_MS = 25;

export function createSimPart(
  deps: SimPartDeps,
  groups: readonly (readonly PartResource[])[],
  options: { readonly windowMs: number; readonly maxCommandAgeMs: number },
): SimPart {
  const { process, rng, time, watch } = deps;
  const resources = new Map(groups.flat().map((resource) => [resource.name, resource]));
  let running: Running;

  interface Running {
    readonly guard: Guard;
    readonly isLinked: boolean;
    linkEvidenceAt: number;
  }

  function start(): Running {
    const { clock } = process;
    const bootId = uuid(rng);
    const handlers = new Map<number, Handler>();
    const byKey = new Map<string, number>();
    let lastCall = 0;
    let link: PartLinkEnd | undefined;
    let linkOpen = false;
    let lastAnswerAt = 0;
    let sleptMs = process.sleptMs;
    let timer: Timer | undefined;
    let armedFor = Infinity;

    interface Handler {
      readonly call: GuardCall;
      /** How old the command was when it came, in true time. */
      readonly ageMs: number;
      begin(): void;
      message(): void;
      aborted: boolean;
      abort(error: VigilError): void;
      answer(answer: string): void;
    }

    const guard = createGuard(
      {
        start(call) {
          watch.started(part, call);
          watch.obeyed(part, call, handlers.get(call.id)?.ageMs ?? 0);
          handlers.get(call.id)?.begin();
        },
        refuse(call, error) {
          handlers.get(call.id)?.answer(error.reason);
          handlers.delete(call.id);
        },
        abort: (call, error) => handlers.get(call.id)?.abort(error),
        stop(resource, attempt) {
          const { actuators } = resources.get(resource)!;
          let left = actuators.length;
          let failed = false;
          const { life } = process;
          for (const actuator of actuators) {
            actuator.stop((acknowledged) => {
              failed ||= !acknowledged;
              left -= 1;
              if (left > 0 || process.life !== life) return;
              process.receive(() =>
                run((inner, now) =>
                  failed || actuators.some(({ moving }) => moving)
                    ? inner.stopFailed(resource, attempt, now)
                    : inner.stopAcknowledged(resource, attempt, now),
                ),
              );
            });
          }
        },
        escalate: () => undefined,
        askLeases: () => poller.askNow(),
        report(event) {
          watch.event(part, event);
          if (event.kind !== "fenced") return;
          const { session, fence, generation, cause, final } = event;
          link?.send({ kind: "fenced", session, fence, generation, cause, final });
        },
      },
      { bootId, groups, ...options },
    );

    /** The machine's sleep is looked for before anything else, a write above all (R5). */
    function noticeSleep(): void {
      if (process.sleptMs === sleptMs) return;
      sleptMs = process.sleptMs;
      guard.clockStepped(clock.now());
    }
    /** As the agent's runner does it. */
    function run<T>(input: (guard: Guard, now: number) => T): T {
      noticeSleep();
      try {
        return input(guard, clock.now());
      } finally {
        arm();
      }
    }
    function arm(): void {
      const due = guard.dueAt();
      if (due === armedFor) return;
      timer?.cancel();
      armedFor = due;
      if (due === Infinity) return;
      timer = clock.after(due - clock.now(), () => {
        armedFor = Infinity;
        run((inner, now) => inner.poll(now));
      });
    }

    // The poller needs no more of the runner than this.
    const runner = { guard, run } as GuardRunner;
    const remote: RemoteReader = createRemoteReader(
      {
        clock,
        send(question) {
          if (!link || !linkOpen) throw new Error("the gateway is not linked");
          link.ask(question, (answer) => remote.receive(answer));
        },
      },
      { timeoutMs: LEASE_TIMEOUT_MS },
    );
    const reader: LeaseReader = deps.store ? deps.store.client(process) : remote.reader;
    reader.onEnd((session) => run((inner, now) => inner.sessionEnded(session, now)));
    const poller: LeasePoller = createLeasePoller({
      clock,
      log: deps.log,
      reader,
      runner: () => runner,
      asked: () => undefined,
    });

    // ---- the link
    function lost(): void {
      if (!link) return;
      link.close();
      link = undefined;
      linkOpen = false;
      remote.disconnected();
      run((inner, now) => inner.linkLost(now));
      clock.after(REDIAL_MS * rng.between(0.5, 1.5), dial);
    }
    function dial(): void {
      lastAnswerAt = clock.now();
      const end = deps.uplink.dial({ bootId, generation: guard.generation() }, (message) => {
        if (link === end) receive(message);
      });
      link = end;
    }
    function receive(message: ToPart): void {
      switch (message.kind) {
        case "welcome":
          linkOpen = true;
          lastAnswerAt = clock.now();
          return;
        case "closed":
          return lost();
        case "call":
          return serve(message.call);
        case "message": {
          const id = byKey.get(message.key);
          if (id === undefined) return;
          const handler = handlers.get(id);
          if (!run((inner, now) => inner.messageArrived(id, message.tick, now)) || !handler) return;
          watch.obeyed(part, handler.call, time.now - message.relayedAt);
          handler.message();
          return;
        }
        case "cancel": {
          const id = byKey.get(message.key);
          if (id !== undefined) run((inner, now) => inner.cancelled(id, now));
          return;
        }
        case "sessionEnd":
          return run((inner, now) => inner.sessionEnded(message.session, now));
        case "suspend":
          return run((inner, now) => inner.suspend(message.session, now));
        case "connectionClosed":
          return run((inner, now) => inner.connectionClosed(message.connection, now));
        case "stopAll":
          return run((inner, now) => inner.stopAll("stop_all", now));
      }
    }
    every(clock, linkChallengePeriodMs(options.windowMs), () => {
      if (!link) return;
      if (clock.now() - lastAnswerAt > GIVE_UP_MS) return lost();
      if (!linkOpen) return;
      const of = link;
      const sentAt = clock.now();
      const trueSentAt = time.now;
      of.challenge(() => {
        if (link !== of) return;
        lastAnswerAt = Math.max(lastAnswerAt, sentAt);
        self.linkEvidenceAt = Math.max(self.linkEvidenceAt, trueSentAt);
        run((inner, now) => inner.linkAlive(sentAt, now));
      });
    });
    every(clock, TICK_MS, () => {
      const tick = run((inner, now) => inner.tick(now));
      if (linkOpen) link?.send({ kind: "tick", tick });
      run((inner, now) => inner.poll(now));
    });

    // ---- calls
    function serve(call: RelayedCall): void {
      const resource = resources.get(call.resource);
      const answer = (text: string) => link?.send({ kind: "answer", key: call.key, answer: text });
      if (!resource) return answer("no_resource");
      if (call.class === "read") return answer("ok");
      if (call.class === "stop") {
        const token = run((inner, now) => inner.clientStop(call.resource, call.order, now));
        let left = resource.actuators.length;
        let failed = false;
        const { life } = process;
        for (const actuator of resource.actuators) {
          actuator.stop((acknowledged) => {
            failed ||= !acknowledged;
            left -= 1;
            if (left > 0 || process.life !== life) return;
            process.receive(() => {
              if (!failed) run((inner, now) => inner.clientStopped(call.resource, token, now));
              answer(failed ? "driver" : "ok");
            });
          });
        }
        return;
      }
      const id = ++lastCall;
      const guardCall: GuardCall = {
        id,
        resource: call.resource,
        method: "Move",
        class: call.class,
        session: call.session!,
        incarnation: call.incarnation,
        fence: call.fence,
        tick: call.tick,
        order: call.order,
        connection: call.connection,
      };
      byKey.set(call.key, id);
      handlers.set(id, createHandler(guardCall, call, resource, answer));
      run((inner, now) => inner.request(guardCall, now));
    }

    function createHandler(
      call: GuardCall,
      relayed: RelayedCall,
      { actuators }: PartResource,
      answer: (text: string) => void,
    ): Handler {
      const mover: Mover = {
        session: call.session,
        call: call.id,
        life: process.life,
        endless: call.class === "move_endless",
        use: call.class === "use",
      };
      const { stubborn } = part;
      const { life } = process;
      let underWay = 0;
      let finished = false;
      let answered = false;
      const say = (text: string) => {
        if (!answered) answer(text);
        answered = true;
      };
      /** Every write asks in the same turn (R5). False: it was refused. */
      const write = (moves: boolean): boolean => {
        noticeSleep();
        if (guard.mayAct(call.id, clock.now())) {
          arm();
          return false;
        }
        watch.wrote(part, call);
        for (const actuator of actuators) {
          underWay += 1;
          actuator.write(mover, moves, () => {
            underWay -= 1;
            if (process.life === life) process.receive(settleIfDone);
          });
        }
        return true;
      };
      const settleIfDone = () => {
        if (!finished || underWay > 0 || !handlers.delete(call.id)) return;
        byKey.delete(relayed.key);
        say("ok");
        watch.settled(part, call, handler.aborted);
        run((inner, now) => inner.settled(call.id, now));
      };
      const finish = () => {
        finished = true;
        settleIfDone();
      };
      const endAt = clock.now() + relayed.durationMs;
      const step = () => {
        if (finished) return;
        if (clock.now() >= endAt) {
          // A motion with an end comes to rest by itself.
          write(false);
          return finish();
        }
        const wasAllowed = write(true);
        if (!wasAllowed && !stubborn) return finish();
        clock.after(STEP_MS, step);
      };
      const handler: Handler = {
        call,
        ageMs: time.now - relayed.relayedAt,
        aborted: false,
        begin() {
          // The agent starts a handler in a turn of its own.
          clock.after(rng.between(0, 2), () => {
            if (call.class === "move") return step();
            if (handler.aborted && !relayed.streamed) return finish();
            write(true);
            if (!relayed.streamed) return finish();
            clock.after(relayed.durationMs, finish);
          });
        },
        message() {
          if (!finished && !handler.aborted) write(true);
        },
        abort(error) {
          handler.aborted = true;
          say(error.reason);
          watch.aborted(part, call);
          // A clean-up that wants to stop the motion itself: it must not reach the device (scenario 20).
          clock.after(rng.between(0, 3), () => write(false));
          if (!stubborn) clock.after(rng.between(0, 5), finish);
        },
        answer: say,
      };
      return handler;
    }

    const self: Running = {
      guard,
      linkEvidenceAt: -Infinity,
      get isLinked() {
        return linkOpen;
      },
    };
    // What moved before this start is nobody's (R7).
    const startsInMs = process.life === 0 ? 0 : RESTART_MS;
    clock.after(startsInMs, () => run((inner, now) => inner.stopAll("startup", now)));
    clock.after(startsInMs + rng.between(0, 20), dial);
    return self;
  }

  const part: SimPart = {
    process,
    name: process.name,
    actuators: [...new Set(groups.flat().flatMap(({ actuators }) => actuators))],
    stubborn: false,
    get guard() {
      return running.guard;
    },
    get linkEvidenceAt() {
      return running.linkEvidenceAt;
    },
    get isLinked() {
      return running.isLinked;
    },
    restart() {
      process.start();
      running = start();
    },
  };
  running = start();
  return part;
}
