import type { Clock, DeviceWrite, Logger, Timer } from "@vigil/shared";
import { VigilError } from "@vigil/shared";
import { type CutLine, carryOut } from "../sentinel/device-writes.js";
import type { EmergencyPlan } from "../sentinel/messages.js";
import type { GuardedResource } from "./part-resources.js";

/** What may follow on a stop that is not acknowledged, in this order (rules.md, R7). */
export type EscalationStep = "end_process" | "emergency_stop" | "e_stop";

/** The steps beyond Stop: end the driver's process, run its emergency stop, then cut the e-stop line. */
export interface Escalation {
  /** The resource's stop is not acknowledged in time. */
  begin(resource: GuardedResource): void;
  /** Runs the emergency stop of these resources at once. True: each has one, and all of it was written. */
  emergencyStop(resources: readonly GuardedResource[]): Promise<boolean>;
  close(): void;
}

export interface EscalationDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** A step was taken; `ok`: nothing went wrong. */
  taken(resource: GuardedResource, step: EscalationStep, ok: boolean): void;
  isAcknowledged(key: string): boolean;
  /** The e-stop line is cut: only a person lets the resource's group move again. Resolves when that is remembered. */
  requireRearm(key: string): Promise<void>;
  /** Makes an output line inactive. */
  readonly cutLine: CutLine;
}

/** Its process is ended in this time, or the emergency stop goes ahead without that, in ms. */
const END_PROCESS_LIMIT_MS = 100;

export function createEscalation(deps: EscalationDeps): Escalation {
  const { clock, log } = deps;
  const timers = new Map<string, Timer>();

  function take(
    resource: GuardedResource,
    step: EscalationStep,
    problems: readonly string[],
    message: string,
  ): boolean {
    const ok = problems.length === 0;
    log.error({ resource: resource.key, step, problems }, message);
    deps.taken(resource, step, ok);
    return ok;
  }

  async function endProcess(resource: GuardedResource): Promise<void> {
    const { resource: driver, settings } = resource;
    if (!driver.endProcess || !settings.safety.escalate.endProcess) return;
    const problems: string[] = [];
    const late = new Promise<void>((resolve) =>
      clock.after(END_PROCESS_LIMIT_MS, () => {
        problems.push(`it has not ended within ${END_PROCESS_LIMIT_MS} ms`);
        resolve();
      }),
    );
    const ended = driver.endProcess().catch((error: unknown) => {
      problems.push(VigilError.from(error, "driver").message);
    });
    await Promise.race([ended, late]);
    take(resource, "end_process", [...problems], "a stop is not acknowledged: its driver's process was ended");
  }

  /** A line that is cut, as e-stop or as output line of a chip, stays so until a person re-arms the resource. */
  async function write(
    { key }: GuardedResource,
    writes: readonly DeviceWrite[],
    isLine = writes.some((step) => "gpio" in step),
  ): Promise<readonly string[]> {
    // Before the line is cut, so that nothing can be commanded between the two; the disk holds nothing up.
    const remembered = isLine ? deps.requireRearm(key) : Promise.resolve();
    const problems = await carryOut(clock, writes, deps.cutLine);
    await remembered;
    return problems;
  }

  async function writeEmergencyStop(resource: GuardedResource): Promise<boolean> {
    const writes = emergencyWrites(resource);
    if (writes.length === 0) return false;
    const problems = await write(resource, writes);
    return take(resource, "emergency_stop", problems, "a stop is not acknowledged: its emergency stop was carried out");
  }

  async function cutLine(resource: GuardedResource): Promise<void> {
    const { key, settings } = resource;
    const { eStop } = settings.safety.escalate;
    if (eStop.length === 0) {
      log.error({ resource: key }, "a stop is not acknowledged and there is no e-stop line: cut its power if it moves");
      return;
    }
    const problems = await write(resource, eStop, true);
    take(resource, "e_stop", problems, "a stop is not acknowledged: its e-stop line was cut; re-arm it at the machine");
  }

  async function run(resource: GuardedResource): Promise<void> {
    const { key, escalateAfterMs } = resource;
    await endProcess(resource);
    const written = await writeEmergencyStop(resource);
    if (deps.isAcknowledged(key)) return;
    // What was written gets as long to show as the stop had; where nothing was, there is nothing to wait for.
    if (!written) return cutLine(resource);
    timers.get(key)?.cancel();
    timers.set(
      key,
      clock.after(escalateAfterMs, () => {
        timers.delete(key);
        if (!deps.isAcknowledged(key)) void cutLine(resource);
      }),
    );
  }

  return {
    begin: (resource) => void run(resource),
    async emergencyStop(resources) {
      return (await Promise.all(resources.map(writeEmergencyStop))).every((written) => written);
    },
    close() {
      for (const timer of timers.values()) timer.cancel();
    },
  };
}

/** What stops a resource past its driver: the driver's own writes first, then those of the configuration. */
function emergencyWrites({ resource, settings }: GuardedResource): readonly DeviceWrite[] {
  return [...(resource.emergencyStop?.() ?? []), ...settings.safety.escalate.emergencyStop];
}

/**
 * What the sentinel has to know of a part's resources: those that can be stopped past the agent.
 * @param waitsFile the file that says that the resource waits to be re-armed.
 */
export function emergencyPlans(
  resources: readonly GuardedResource[],
  waitsFile: (key: string) => string | undefined,
): EmergencyPlan[] {
  return resources
    .filter(({ isStoppable }) => isStoppable)
    .map((resource) => {
      const file = waitsFile(resource.key);
      return {
        name: resource.key,
        emergencyStop: emergencyWrites(resource),
        eStop: resource.settings.safety.escalate.eStop,
        ...(file !== undefined && { waitsFile: file }),
      };
    })
    .filter(({ emergencyStop }) => emergencyStop.length > 0);
}
