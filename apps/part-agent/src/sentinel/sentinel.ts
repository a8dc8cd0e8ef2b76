import type { Clock } from "@vigil/shared";
import type { KnownProcess } from "./agent-process.js";
import { type CutLine, carryOut } from "./device-writes.js";
import { decodeMessage, type EmergencyPlan, type InheritedLine } from "./messages.js";

/** Without a beat this long the agent counts as frozen, in ms (rules.md, R7). */
const SILENCE_MS = 500;
/**
 * How often the agent is looked at, in ms. The kernel frees the memory of a dead process before it closes its pipes:
 * measured with 120 MB, half of their ends came later than 40 ms, and than 290 ms on a busy computer; its entry in /proc
 * tells of a SIGKILL at once.
 */
const LOOK_MS = 10;
/**
 * What one look adds to the silence at most, in ms. A sentinel that was paused together with its agent (a suspended
 * computer, a frozen container) must not take its own pause for the agent's.
 */
const MOST_PER_LOOK_MS = 50;
/** A frozen agent is ended this long after its emergency stops were begun even if they are not done, in ms. */
const KILL_AFTER_MS = 100;
/** How long the end of the agent's last thread is waited for, in ms, and how often it is looked for. */
const DEATH_LIMIT_MS = 1000;
const DEATH_LOOK_MS = 5;

/** Watches one part-agent from a process of its own, and stops its hardware when it is dead or frozen (rules.md, R7). */
export interface Sentinel {
  /** A line came from the agent. */
  line(text: string): void;
  /** The pipe has ended: the agent is dead. */
  ended(): void;
}

export interface SentinelDeps {
  readonly clock: Pick<Clock, "now" | "after">;
  know(pid: number): KnownProcess;
  /** Makes an inherited line inactive; throws what went wrong. */
  cutLine(line: InheritedLine): void | Promise<void>;
  /** Makes the file that tells the next agent that a person has to re-arm something; throws what went wrong. */
  leaveWord(file: string): void;
  /** It watches: to be told to the agent. */
  armed(): void;
  log(level: "info" | "error", fields: Readonly<Record<string, unknown>>, message: string): void;
  /** Nothing is left to do. */
  done(): void;
}

interface Watched {
  readonly part: string;
  readonly agent: KnownProcess;
  readonly resources: readonly EmergencyPlan[];
  readonly lines: readonly InheritedLine[];
}

export function createSentinel(deps: SentinelDeps): Sentinel {
  const { clock } = deps;
  let watched: Watched | undefined;
  let silentMs = 0;
  let isOver = false;
  let pipeEnded = false;

  const pause = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));

  /** All resources at once. Returns what went wrong. */
  async function stopHardware({ resources, lines }: Watched): Promise<string[]> {
    const cutLine: CutLine = ({ chip, line }) => {
      const inherited = lines.find((held) => held.chip === chip && held.line === line);
      if (!inherited) throw new Error("the agent did not hold the line");
      return deps.cutLine(inherited);
    };
    const done = await Promise.all(
      resources.map(async (plan) => {
        const failed = [...(await carryOut(clock, plan.emergencyStop, cutLine))];
        // Nobody is left who could try again, and the device may be moving: its power has to go.
        const isCut = failed.length > 0 && plan.eStop.length > 0;
        if (isCut) failed.push(...(await carryOut(clock, plan.eStop, cutLine)));
        return { plan, failed, waits: isCut || plan.emergencyStop.some((write) => "gpio" in write) };
      }),
    );
    // After all lines are cut: a disk that hangs must not put that off.
    return done.flatMap(({ plan, failed, waits }) => {
      const problems = waits ? [...failed, ...leaveWord(plan)] : failed;
      return problems.map((problem) => `${plan.name}: ${problem}`);
    });
  }

  function leaveWord({ waitsFile }: EmergencyPlan): string[] {
    if (waitsFile === undefined) return [];
    try {
      deps.leaveWord(waitsFile);
      return [];
    } catch (error) {
      return [`${waitsFile}: ${(error as Error).message}`];
    }
  }

  /** True: nothing of the agent runs any more. A thread of it may outlive its main one for a moment. */
  async function pipeEnds(): Promise<boolean> {
    for (const giveUpAt = clock.now() + DEATH_LIMIT_MS; !pipeEnded; ) {
      if (clock.now() >= giveUpAt) return false;
      await pause(DEATH_LOOK_MS);
    }
    return true;
  }

  async function act(cause: "dead" | "silent"): Promise<void> {
    if (isOver) return;
    isOver = true;
    if (!watched) return deps.done();
    const { part, agent } = watched;
    const begunAt = clock.now();
    const wasGone = pipeEnded;
    const stops = stopHardware(watched);
    if (cause === "silent") {
      await Promise.race([stops, pause(KILL_AFTER_MS)]);
      agent.kill();
    }
    const agentGone = await pipeEnds();
    let problems = await stops;
    // Until its end it may have moved something once more.
    if (!wasGone) problems = await stopHardware(watched);
    const fields = { part, cause, tookMs: clock.now() - begunAt, agentGone, problems };
    const clean = problems.length === 0 && agentGone;
    deps.log(clean ? "info" : "error", fields, `the part-agent is ${cause}: its emergency stops were carried out`);
    deps.done();
  }

  let lookedAt = clock.now();
  const look = () => {
    if (isOver) return;
    const now = clock.now();
    silentMs += Math.min(now - lookedAt, MOST_PER_LOOK_MS);
    lookedAt = now;
    if (watched && !watched.agent.isAlive()) void act("dead");
    else if (silentMs >= SILENCE_MS) void act("silent");
    else clock.after(LOOK_MS, look);
  };
  let looking = false;

  return {
    line(text) {
      const message = decodeMessage(text);
      if (message === undefined) {
        silentMs = 0;
        // Not before the first beat: until then the agent is still starting, and lets nothing move.
        if (!looking) {
          looking = true;
          lookedAt = clock.now();
          clock.after(LOOK_MS, look);
        }
      } else if (message.kind === "goodbye") {
        isOver = true;
        deps.done();
      } else {
        const { part, pid, resources, lines } = message;
        watched = { part, agent: watched?.agent ?? deps.know(pid), resources, lines };
        deps.armed();
      }
    },
    ended() {
      pipeEnded = true;
      void act("dead");
    },
  };
}
