import { type Clock, type Timer, VigilError } from "@vigil/shared";
import { createLineSplitter } from "../../serial/line-splitter.js";
import { openSerialPort, type SerialPort } from "../../serial/serial-port.js";
import { encodeLine, MAX_REPLY_LENGTH, VOID_LINE } from "./protocol.js";
import { type AskOptions, createQuestions, type Questions } from "./questions.js";

/** The wire to one drive, which both its axes share. It is made anew for as long as it is held. */
export interface Drive {
  /** An axis wants to use it; the first one opens the port. */
  attach(axis: AttachedAxis): AxisWire;
}

/** What an axis does with a fresh wire, before anything else may. */
export interface AttachedAxis {
  /** Sent at once: stops the axis. */
  greeting(): readonly string[];
  /** The wire is gone, and with it whatever was under way. */
  lost(error: VigilError): void;
  /** Holds once the drive has taken the greeting. Rejects: it has not; the wire is made anew. */
  verify(ask: Ask): Promise<void>;
}

export type Ask = <T>(question: string, parse: (reply: string) => T | undefined, options?: AskOptions) => Promise<T>;

/** One axis's use of the wire. */
export interface AxisWire {
  /** Settles when the axis can be commanded; waits for an attempt under way. @throws VigilError("driver") why not. */
  ready(): Promise<void>;
  /** Hands all lines to the port in this turn, or throws. @throws VigilError("driver") */
  command(lines: readonly string[]): void;
  /** The same for what may be missed: false where `command` throws. */
  offer(lines: readonly string[]): boolean;
  /** True while `command` can be given. */
  isReady(): boolean;
  ask: Ask;
  /** The axis is done with it; the last one closes the port. */
  detach(): void;
}

export interface DriveOptions {
  readonly path: string;
  readonly baudRate: number;
}

/** Between attempts to open a port that is gone, in ms: soon at first, so that a loose plug costs little. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 1000;
/** How often an idle wire is asked for life: a supply that was off and on must not leave a drive without its watchdog. */
const PROBE_PERIOD_MS = 1000;

type State =
  | { readonly kind: "closed" }
  | { readonly kind: "opening"; readonly done: Promise<void> }
  | { readonly kind: "open"; readonly port: SerialPort }
  | { readonly kind: "waiting"; readonly timer: Timer; readonly error: VigilError };

interface Member {
  readonly axis: AttachedAxis;
  /** Settled once the present wire has greeted it; undefined: no wire. */
  greeted: Promise<void> | undefined;
  ready: boolean;
}

export function createDrive(clock: Clock, { path, baudRate }: DriveOptions): Drive {
  const members = new Set<Member>();
  let state: State = { kind: "closed" };
  let retryMs = FIRST_RETRY_MS;
  let probe: Timer | undefined;
  /** Counts wires: what belongs to an older one is over. */
  let wire = 0;

  const notOpen = () =>
    state.kind === "waiting" ? state.error : new VigilError("driver", `serial port ${path} is not open yet`);
  const send = (text: string) => {
    if (state.kind !== "open") throw notOpen();
    state.port.write(text);
  };
  const questions: Questions = createQuestions({ clock, send, silent: (error) => lose(error) });
  const lines = createLineSplitter((line) => questions.receive(line), { maxLength: MAX_REPLY_LENGTH });
  const ask: Ask = (question, parse, options) =>
    state.kind === "open" ? questions.ask(question, parse, options) : Promise.reject(notOpen());

  function lose(error: VigilError): void {
    if (state.kind === "waiting" || state.kind === "closed") return;
    const port = state.kind === "open" ? state.port : undefined;
    wire += 1;
    probe?.cancel();
    state = { kind: "waiting", timer: clock.after(retryMs, open), error };
    retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    for (const member of members) {
      member.ready = false;
      member.greeted = undefined;
      member.axis.lost(error);
    }
    port?.close();
    questions.fail(error);
  }

  function open(): void {
    const mine = ++wire;
    const opening = openSerialPort(
      { data: (text) => wire === mine && lines.push(text), lost: (error) => wire === mine && lose(error) },
      { path, baudRate, tornLineEnd: VOID_LINE },
    );
    const done = opening.then(
      (port) => {
        if (wire !== mine) return port.close();
        state = { kind: "open", port };
        begin();
      },
      (error: unknown) => {
        if (wire === mine) lose(VigilError.from(error, "driver"));
      },
    );
    state = { kind: "opening", done };
  }

  function begin(): void {
    lines.reset();
    try {
      send(VOID_LINE);
    } catch (error) {
      return lose(VigilError.from(error, "driver"));
    }
    // Answers to questions of an earlier process may still come.
    questions.synchronise();
    for (const member of members) greet(member);
    probe = clock.after(PROBE_PERIOD_MS, look);
  }

  function greet(member: Member): void {
    const mine = wire;
    const greeting = async () => {
      send(member.axis.greeting().map(encodeLine).join(""));
      await member.axis.verify(ask);
      if (wire !== mine || !members.has(member)) return;
      member.ready = true;
      retryMs = FIRST_RETRY_MS;
    };
    member.greeted = greeting().catch((error: unknown) => {
      if (wire === mine && members.has(member)) lose(VigilError.from(error, "driver"));
    });
  }

  function look(): void {
    probe = clock.after(PROBE_PERIOD_MS, look);
    if (questions.waiting() > 0) return;
    // Its failure is dealt with where answers are missed.
    ask("r vbus_voltage", (reply) => reply).catch(() => undefined);
  }

  function close(): void {
    if (state.kind === "waiting") state.timer.cancel();
    const port = state.kind === "open" ? state.port : undefined;
    wire += 1;
    probe?.cancel();
    state = { kind: "closed" };
    port?.close();
    questions.fail(new VigilError("driver", `serial port ${path} was closed`));
  }

  return {
    attach(axis) {
      const member: Member = { axis, greeted: undefined, ready: false };
      members.add(member);
      if (state.kind === "closed") open();
      else if (state.kind === "open") greet(member);
      return {
        async ready() {
          if (state.kind === "opening") await state.done;
          await member.greeted;
          if (!member.ready) throw notOpen();
        },
        command(commands) {
          if (!member.ready) throw notOpen();
          send(commands.map(encodeLine).join(""));
        },
        offer(commands) {
          if (!member.ready) return false;
          try {
            send(commands.map(encodeLine).join(""));
            return true;
          } catch {
            return false;
          }
        },
        isReady: () => member.ready,
        ask: (question, parse, options) => (member.ready ? ask(question, parse, options) : Promise.reject(notOpen())),
        detach() {
          if (members.delete(member) && members.size === 0) close();
        },
      };
    },
  };
}

/** The drives of this process, by path: two axes are two resources on one port. */
export interface DriveSet {
  /** @throws VigilError("bad_request") if the port is in use with another baud rate. */
  get(clock: Clock, options: DriveOptions): Drive;
}

export function createDriveSet(): DriveSet {
  const drives = new Map<string, { readonly drive: Drive; readonly baudRate: number; axes: number }>();
  return {
    get(clock, options) {
      const { path, baudRate } = options;
      const entry = drives.get(path) ?? { drive: createDrive(clock, options), baudRate, axes: 0 };
      if (entry.baudRate !== baudRate) {
        const message = `serial_baud_rate is ${baudRate}, but another axis uses ${path} with ${entry.baudRate}: give both the same`;
        throw new VigilError("bad_request", message);
      }
      drives.set(path, entry);
      return {
        attach(axis) {
          const wire = entry.drive.attach(axis);
          entry.axes += 1;
          let attached = true;
          return {
            ...wire,
            detach() {
              if (!attached) return;
              attached = false;
              wire.detach();
              entry.axes -= 1;
              if (entry.axes === 0) drives.delete(path);
            },
          };
        },
      };
    },
  };
}
