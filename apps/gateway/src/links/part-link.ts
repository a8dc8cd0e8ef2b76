import {
  type ControlInit,
  type ControlMessage,
  createLinkCalls,
  type FrameSender,
  type LinkCalls,
  linkChallengePeriodMs,
  NONCE_BYTES,
  type ProvenPart,
} from "@vigil/links";
import { type CallHandler, IGNORE_REQUESTS, OK, type Status } from "@vigil/protocol";
import type {
  CommandResult,
  FenceReport,
  Inventory,
  States,
  StopReport,
} from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import { fenceOf, LATE_TICK_MS, LINK_FRESH_MS } from "@vigil/safety";
import { type Clock, Code, createEmitter, type Emitter, every, type Random, VigilError } from "@vigil/shared";

/** What carries the calls of a link. */
export interface DataPath {
  readonly kind: "webrtc" | "websocket";
  readonly sender: FrameSender;
  /** Sends a challenge outside the ordered data; undefined: the control path does it (rules.md, R1). */
  readonly challenge: (() => void) | undefined;
  close(): void;
}

export type LinkDownCause = "silent" | "closed" | "replaced" | "shutdown";

export type PartLinkEvents = {
  inventory: Inventory;
  states: States;
  fenced: { report: FenceReport; at: number; errorBarMs: number };
  stopped: { report: StopReport; at: number; errorBarMs: number };
  refused: { reason: string; count: number };
  /** The data path is up: calls can flow. */
  up: undefined;
  /** Once, last. */
  down: { cause: LinkDownCause };
};

/** The link of one part, after its handshake. */
export interface PartLink {
  readonly part: ProvenPart;
  readonly isUp: boolean;
  readonly started: boolean;
  /** The part cannot reach the lease store that it asks by itself: it lets nothing move. */
  readonly storeAway: boolean;
  readonly carrier: DataPath["kind"] | undefined;
  /** Of the last probe on the control path; undefined before the first. */
  readonly roundTripMs: number | undefined;
  readonly on: Emitter<PartLinkEvents>["on"];
  /** Calls the part; answers UNAVAILABLE while the data path is not up. */
  readonly call: CallHandler;
  /** What the part will compare a call's fence with (R4). */
  fenceFor(session: string): string;
  /** Sessions that have begun to use the part in the last `withinMs`: its states may not tell of them yet. */
  usedWithin(withinMs: number): string[];
  push(frame: ControlInit): void;
  /** A command on the control path. @throws VigilError "part_offline" when it is not answered in time. */
  command(command: Extract<ControlInit, { case: "command" }>["value"]["command"]): Promise<CommandResult>;
  /** Resolves true when the part answers a probe within `withinMs`. */
  isAlive(withinMs: number): Promise<boolean>;
  receive(message: ControlMessage): void;
  attach(path: DataPath): void;
  /** A challenge over the data path was answered that had been sent at `sentAt`. */
  dataAlive(sentAt: number): void;
  /** The session has ended: its fence is not needed any more. */
  forget(session: string): void;
  receiveData(bytes: Uint8Array): void;
  dataClosed(): void;
  close(cause: LinkDownCause, tell?: string): void;
}

export interface PartLinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Sends on the control path. */
  send(frame: ControlInit): void;
  closeControl(): void;
  /** Serves the calls that the part makes. */
  readonly serve: CallHandler;
  onBadFrame(reason: string): void;
}

/** Probes without an answer that are remembered: twice those of the time after which the link counts as lost. */
const LOST_LINK_TWICE_MS = 2 * LINK_FRESH_MS;
/** A command on the control path (StopAll, re-arm) has as long as the slowest default stop and its first retry. */
const COMMAND_TIMEOUT_MS = 5000;

export interface PartLinkOptions {
  readonly windowMs: number;
}

export function createPartLink(deps: PartLinkDeps, part: ProvenPart, options: PartLinkOptions): PartLink {
  const { clock } = deps;
  const periodMs = linkChallengePeriodMs(options.windowMs);
  const events = createEmitter<PartLinkEvents>();
  const fences = new Map<string, string>();
  const usedAt = new Map<string, number>();
  const probes = new Map<string, { sentAt: number; answered: () => void }>();
  const commands = new Map<bigint, { resolve(result: CommandResult): void; reject(error: VigilError): void }>();
  let generation = part.generation;
  let tick = 0;
  let started = false;
  let storeAway = false;
  let path: DataPath | undefined;
  let calls: LinkCalls | undefined;
  /** Nothing is judged by what came before this. */
  let lastSignAt = clock.now();
  let turnAt = clock.now();
  /** Silence was laid to this process since the part was heard last. */
  let isExcused = false;
  let roundTripMs: number | undefined;
  let nextCommand = 1n;
  let isDown = false;
  /** The part has proven its side of the link: before that it would refuse what moves something. */
  let takesMotion = false;

  const unavailable = (): VigilError =>
    new VigilError("part_offline", `part ${part.name} is not linked at the moment; retry when it is back`);

  const challenge = every(clock, periodMs, () => {
    const now = clock.now();
    // What this process did not read while it stood still is no silence of the part's; once, or it might never judge.
    if (now - turnAt > periodMs + LATE_TICK_MS && !isExcused) {
      lastSignAt = now;
      isExcused = true;
    }
    turnAt = now;
    if (now - lastSignAt > LINK_FRESH_MS) return link.close("silent");
    if (probes.size < LOST_LINK_TWICE_MS / periodMs) probe();
    path?.challenge?.();
  });

  function probe(answered: () => void = () => {}): void {
    const nonce = deps.random.bytes(NONCE_BYTES / 2);
    probes.set(Buffer.from(nonce).toString("base64"), { sentAt: clock.now(), answered });
    deps.send({ case: "probe", value: { nonce } });
  }

  function tellUp(): void {
    if (calls && takesMotion) events.emit("up", undefined);
  }

  function sign(at: number): void {
    lastSignAt = Math.max(lastSignAt, at);
    isExcused = false;
  }

  const handlers: { [K in ControlMessage["case"]]?: (value: Extract<ControlMessage, { case: K }>["value"]) => void } = {
    tick(value) {
      tick = Number(value.number);
      started = value.started;
      storeAway = value.storeAway;
      if (value.linked && !takesMotion) {
        takesMotion = true;
        tellUp();
      }
    },
    probe: ({ nonce }) => deps.send({ case: "probeReply", value: { nonce } }),
    probeReply({ nonce }) {
      const key = Buffer.from(nonce).toString("base64");
      const sent = probes.get(key);
      if (!sent) return;
      // Older ones are not needed any more: an answer counts by the time its challenge was sent.
      for (const [other, { sentAt }] of probes) if (sentAt <= sent.sentAt && other !== key) probes.delete(other);
      probes.delete(key);
      roundTripMs = clock.now() - sent.sentAt;
      // Over a data channel the channel's own challenges decide whether commands can arrive.
      if (!path || path.kind === "websocket") sign(sent.sentAt);
      sent.answered();
    },
    inventory: (value) => events.emit("inventory", value),
    states: (value) => events.emit("states", value),
    fenceReport(report) {
      if (report.session === "") {
        generation = report.generation;
        fences.clear();
      } else if (report.final) fences.delete(report.session);
      else fences.set(report.session, report.fence);
      events.emit("fenced", { report, at: clock.now() - report.ageMs, errorBarMs: (roundTripMs ?? 0) / 2 });
    },
    stopReport: (report) => events.emit("stopped", { report, at: clock.now(), errorBarMs: (roundTripMs ?? 0) / 2 }),
    refused: (value) => events.emit("refused", value),
    commandResult(result) {
      commands.get(result.id)?.resolve(result);
      commands.delete(result.id);
    },
  };

  const link: PartLink = {
    part,
    get isUp() {
      return calls !== undefined && takesMotion;
    },
    get started() {
      return started;
    },
    get storeAway() {
      return storeAway;
    },
    get carrier() {
      return path?.kind;
    },
    get roundTripMs() {
      return roundTripMs;
    },
    on: events.on,
    call(start, response) {
      if (calls) return calls.call(start, response);
      const error = unavailable();
      response.trailers({ code: error.code, message: error.message });
      return IGNORE_REQUESTS;
    },
    fenceFor(session) {
      usedAt.set(session, clock.now());
      return fences.get(session) ?? fenceOf(part.bootId, generation, 0);
    },
    usedWithin: (withinMs) => [...usedAt].filter(([, at]) => clock.now() - at <= withinMs).map(([session]) => session),
    push: (frame) => deps.send(frame),
    command(command) {
      const id = nextCommand++;
      return new Promise((resolve, reject) => {
        const timer = clock.after(COMMAND_TIMEOUT_MS, () => {
          commands.delete(id);
          reject(new VigilError("part_offline", `part ${part.name} did not answer within ${COMMAND_TIMEOUT_MS} ms`));
        });
        commands.set(id, {
          resolve(result) {
            timer.cancel();
            resolve(result);
          },
          reject(error) {
            timer.cancel();
            reject(error);
          },
        });
        deps.send({ case: "command", value: { id, command } });
      });
    },
    isAlive(withinMs) {
      return new Promise((resolve) => {
        const timer = clock.after(withinMs, () => resolve(false));
        probe(() => {
          timer.cancel();
          resolve(true);
        });
      });
    },
    receive(message) {
      (handlers[message.case] as ((value: unknown) => void) | undefined)?.(message.value);
    },
    attach(newPath) {
      if (isDown) return newPath.close();
      detach({ code: Code.unavailable, message: `part ${part.name} has brought up a new data path; retry` });
      path = newPath;
      lastSignAt = clock.now();
      calls = createLinkCalls({
        sender: newPath.sender,
        serve: deps.serve,
        peerTick: () => tick,
        onBadFrame: deps.onBadFrame,
      });
      tellUp();
    },
    dataAlive: sign,
    forget(session) {
      fences.delete(session);
      usedAt.delete(session);
    },
    receiveData: (bytes) => calls?.receive(bytes),
    dataClosed() {
      if (path) link.close("closed");
    },
    close(cause, tell) {
      if (isDown) return;
      isDown = true;
      challenge.cancel();
      const error = unavailable();
      if (tell !== undefined) deps.send({ case: "refusal", value: { message: tell, final: false } });
      detach({ code: error.code, message: error.message });
      for (const { reject } of commands.values()) reject(error);
      commands.clear();
      deps.closeControl();
      events.emit("down", { cause });
    },
  };
  function detach(status: Status = OK): void {
    calls?.closeAll(status);
    calls = undefined;
    path?.close();
    path = undefined;
  }
  return link;
}
