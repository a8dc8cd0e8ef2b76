import { parseDurationMs } from "../duration.js";
import type { Path, ProblemList } from "./problem.js";
import type { SafetyFile, WriteFile } from "./schema-safety.js";

export type StopPolicy = "stop" | "hold" | "ramp" | "do_command" | "none";

/** One step of an emergency stop as data. */
export type DeviceWrite = ByteWrite | LineCut;

/** Bytes to a device, or a value to the file of an output line. */
export interface ByteWrite {
  readonly path: string;
  /** The bytes, in hexadecimal. */
  readonly hex: string;
  readonly baudRate?: number;
}

/** An output line of a GPIO chip is made inactive. */
export interface LineCut {
  readonly gpio: GpioLine;
}

/** An output line that is active while the machine may run. */
export interface GpioLine {
  /** Path of the chip's character device. */
  readonly chip: string;
  readonly line: number;
  readonly activeLow: boolean;
}

/** How a resource is stopped, compiled from its `safety` key (rules.md, R7). */
export interface SafetyConfig {
  /** What is done; "none" where nothing was said and the resource has no Stop. */
  readonly policy: StopPolicy;
  readonly stopTimeoutMs: number;
  /** Failed attempts after the first until the stop counts as failed; attempts go on. */
  readonly retries: number;
  readonly rearm: "auto" | "manual";
  /** Methods that make their caller the owner, besides those that the API marks. */
  readonly monitored: readonly string[];
  /** Present for policy "hold". No `releaseAfterMs`: holds until commanded anew. */
  readonly hold?: { readonly releaseAfterMs?: number };
  /** Present for policy "ramp". */
  readonly ramp?: { readonly durationMs: number };
  /** Present for policy "do_command". */
  readonly doCommand?: { readonly command: Readonly<Record<string, unknown>> };
  readonly escalate: EscalateConfig;
}

export interface EscalateConfig {
  /** Absent: the driver decides (500 ms for a process, else stopTimeoutMs). A ramp's duration is not in it yet. */
  readonly afterMs?: number;
  readonly endProcess: boolean;
  readonly emergencyStop: readonly DeviceWrite[];
  readonly eStop: readonly DeviceWrite[];
}

const DEFAULT_STOP_TIMEOUT_MS = 1000;
const DEFAULT_RETRIES = 3;

/** Component APIs that have a Stop (viam-rpcs.txt). */
const STOPPABLE = new Set(["arm", "base", "gantry", "gripper", "motor", "servo"]);
/** Components that only look, or at most make a sound: there is nothing to stop. */
const PASSIVE = new Set([
  "audio_in",
  "audio_out",
  "camera",
  "encoder",
  "input_controller",
  "movement_sensor",
  "pose_tracker",
  "posetracker",
  "power_sensor",
  "sensor",
]);
/** What has a position to hold. */
const HOLDABLE = new Set(["arm", "gantry", "gripper", "motor", "servo"]);
/** What has a speed to bring down. */
const RAMPABLE = new Set(["base", "motor"]);

interface SafetyApi {
  readonly namespace: string;
  readonly type: string;
  readonly subtype: string;
}

const isViamComponent = (api: SafetyApi) => api.namespace === "rdk" && api.type === "component";
const hasStop = (api: SafetyApi) => isViamComponent(api) && STOPPABLE.has(api.subtype);

/** Compiles `safety`; each relation between its keys that does not hold is a fatal problem. */
export function compileSafety(
  file: SafetyFile | undefined,
  api: SafetyApi | undefined,
  problems: ProblemList,
  path: Path,
): SafetyConfig {
  const policy = file?.policy ?? (api === undefined || hasStop(api) ? "stop" : "none");
  if (file !== undefined) checkRelations(file, policy, api, problems, path);
  const escalate = file?.escalate;
  return {
    policy,
    stopTimeoutMs: optionalMs(file?.stop_timeout) ?? DEFAULT_STOP_TIMEOUT_MS,
    retries: file?.retries ?? DEFAULT_RETRIES,
    rearm: file?.rearm ?? "auto",
    monitored: [...(file?.monitored ?? [])],
    ...(policy === "hold" && { hold: optionalKey("releaseAfterMs", optionalMs(file?.hold?.release_after)) }),
    ...(policy === "ramp" && { ramp: { durationMs: optionalMs(file?.ramp?.duration) ?? 0 } }),
    ...(policy === "do_command" && { doCommand: { command: file?.do_command?.command ?? {} } }),
    escalate: {
      ...optionalKey("afterMs", optionalMs(escalate?.after)),
      endProcess: escalate?.end_process ?? true,
      emergencyStop: (escalate?.emergency_stop ?? []).map(compileWrite),
      eStop: (escalate?.e_stop ?? []).map(compileWrite),
    },
  };
}

function checkRelations(
  file: SafetyFile,
  policy: StopPolicy,
  api: SafetyApi | undefined,
  problems: ProblemList,
  path: Path,
): void {
  if (policy === "ramp" && file.ramp === undefined) {
    problems.add("fatal", [...path, "ramp"], 'policy "ramp" needs its duration: add "ramp": { "duration": "500ms" }');
  }
  if (policy === "do_command" && file.do_command === undefined) {
    const message = 'policy "do_command" needs its command: add "do_command": { "command": { ... } }';
    problems.add("fatal", [...path, "do_command"], message);
  }
  for (const key of ["hold", "ramp", "do_command"] as const) {
    if (file[key] !== undefined && policy !== key) {
      problems.add(
        "warning",
        [...path, key],
        `has no effect with policy "${policy}": remove it, or set policy to "${key}"`,
      );
    }
  }
  if (api === undefined || !isViamComponent(api)) return;
  const usable = { stop: STOPPABLE, hold: HOLDABLE, ramp: RAMPABLE }[policy as string];
  if (file.policy !== undefined && usable !== undefined && !usable.has(api.subtype)) {
    const message = `a ${api.subtype} cannot do "${policy}": only ${[...usable].join(", ")} can; use "do_command" or "none"`;
    problems.add("fatal", [...path, "policy"], message);
  }
}

/** One line is held once: whoever names it must mean the same by it. */
export function checkLines(
  resources: readonly {
    readonly path: Path;
    readonly config: { readonly name: string; readonly safety: SafetyConfig };
  }[],
  problems: ProblemList,
): void {
  const first = new Map<string, { readonly name: string; readonly activeLow: boolean }>();
  for (const { path, config } of resources) {
    for (const { chip, line, activeLow } of linesOf(config.safety.escalate)) {
      const key = `${chip}:${line}`;
      const other = first.get(key);
      if (!other) first.set(key, { name: config.name, activeLow });
      else if (other.activeLow !== activeLow) {
        const message = `line ${line} of ${chip} is active_low for "${activeLow ? config.name : other.name}" only: say the same for both`;
        problems.add("fatal", [...path, "safety", "escalate"], message);
      }
    }
  }
}

/**
 * Why nothing protects a resource when its session is lost; undefined when something does, or nothing of it moves.
 * For `vigil check` (rules.md, R5).
 */
export function whyUnprotected(api: SafetyApi, safety: SafetyConfig): string | undefined {
  if (safety.policy !== "none" || api.type !== "component") return undefined;
  if (hasStop(api)) return 'its safety.policy is "none", so nothing stops it when its session is lost';
  if (isViamComponent(api) && PASSIVE.has(api.subtype)) return undefined;
  return (
    `nothing stops a ${api.subtype} when its session is lost, since it has no Stop: ` +
    'set safety.policy to "do_command" with the command that makes it safe'
  );
}

/** The output lines among the steps of escalations. */
export function linesOf({ emergencyStop, eStop }: Pick<EscalateConfig, "emergencyStop" | "eStop">): GpioLine[] {
  return [...emergencyStop, ...eStop].flatMap((write) => ("gpio" in write ? [write.gpio] : []));
}

function compileWrite(write: WriteFile): DeviceWrite {
  const { path, gpio } = write;
  if (gpio !== undefined || path === undefined) {
    return { gpio: { chip: gpio?.chip ?? "", line: gpio?.line ?? 0, activeLow: gpio?.active_low ?? false } };
  }
  const hex = write.hex ?? Buffer.from(write.text ?? "", "utf8").toString("hex");
  return { path, hex: hex.toLowerCase(), ...optionalKey("baudRate", write.baud_rate) };
}

function optionalMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}

function optionalKey<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}
