import type { DeviceWrite, GpioLine } from "@vigil/shared";

/** One line each from the agent to its sentinel. An empty line is a beat: the guard's tick has run. */
export type SentinelMessage =
  | {
      readonly kind: "plan";
      readonly part: string;
      /** Of the agent. */
      readonly pid: number;
      readonly resources: readonly EmergencyPlan[];
      readonly lines: readonly InheritedLine[];
    }
  /** The actuators are stopped and the agent ends: nothing is to be done. */
  | { readonly kind: "goodbye" };

/** What stops one resource past the agent. */
export interface EmergencyPlan {
  readonly name: string;
  /** Carried out when the agent is dead or frozen. */
  readonly emergencyStop: readonly DeviceWrite[];
  /** Carried out when the emergency stop could not be. */
  readonly eStop: readonly DeviceWrite[];
  /** File to be made when its e-stop or an output line was cut: it waits for a person from then on. */
  readonly waitsFile?: string;
}

/** An output line that the sentinel holds together with the agent, and goes on holding without it. */
export interface InheritedLine extends GpioLine {
  /** Of the sentinel. */
  readonly fd: number;
}

export const BEAT = "\n";
/** The sentinel's answer to a plan: from now on it watches. */
export const ARMED = "armed";

export function encodeMessage(message: SentinelMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** Undefined: a beat. */
export function decodeMessage(line: string): SentinelMessage | undefined {
  return line === "" ? undefined : (JSON.parse(line) as SentinelMessage);
}
