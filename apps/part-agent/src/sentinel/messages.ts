import type { DeviceWrite } from "@vigil/shared";

/** One line each from the agent to its sentinel. An empty line is a beat: the guard's tick has run. */
export type SentinelMessage =
  | {
      readonly kind: "plan";
      readonly part: string;
      /** Of the agent. */
      readonly pid: number;
      readonly resources: readonly EmergencyPlan[];
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
