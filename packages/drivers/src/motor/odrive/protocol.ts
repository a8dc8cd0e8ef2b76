/**
 * The ASCII protocol of ODrive v3, firmware 0.5
 * (https://docs.odriverobotics.com/v/0.5.6/ascii-protocol.html). Lengths are turns, speeds turns per second.
 */

/** The axes of one drive. */
export type AxisNumber = 0 | 1;

/** Axis states, of those that matter here (enum AxisState). */
export const AXIS_IDLE = 1;
export const AXIS_CLOSED_LOOP = 8;

/** Controller input modes (enum InputMode): the setpoint as it is given, or along a trajectory. */
const INPUT_PASSTHROUGH = 1;
/** Controller control mode (enum ControlMode). */
const CONTROL_POSITION = 3;

/**
 * Voids whatever part of a line the drive may have received so far: it drops a line whose checksum is wrong, and no
 * checksum (0 to 255) can come out of these digits, wherever the line before was cut. By itself it does nothing.
 */
export const VOID_LINE = "999*999\n";

/** Longer lines are garbage: the firmware answers with 64 characters at most. */
export const MAX_REPLY_LENGTH = 80;

/** With its checksum: a line damaged on its way is dropped by the drive, and its reply comes with a checksum too. */
export function encodeLine(command: string): string {
  return `${command}*${checksum(command)}\n`;
}

/** What a reply says; undefined: it is damaged, or an answer to something else. */
export function decodeLine(line: string): string | undefined {
  const match = /^([^*]*)\*(\d{1,3})$/.exec(line);
  return match && Number(match[2]) === checksum(match[1]!) ? match[1] : undefined;
}

/** All characters before the asterisk, xor-ed. */
function checksum(text: string): number {
  let sum = 0;
  for (let index = 0; index < text.length; index += 1) sum ^= text.charCodeAt(index) & 0xff;
  return sum;
}

/** Texts with which the firmware answers what it does not take. */
const COMPLAINTS = [
  "unknown command",
  "invalid command format",
  "invalid property",
  "invalid motor",
  "not implemented",
];

export function isComplaint(reply: string): boolean {
  return COMPLAINTS.some((complaint) => reply.startsWith(complaint));
}

/** The question whose answer nothing else looks like: what comes before it answered older questions. */
export const SYNC_QUESTION = "i";
/** Its last line (firmware 0.5). */
export const isSyncAnswer = (reply: string): boolean => reply.startsWith("Serial number:");

/** A number as the firmware's scanf takes it: plain decimals, micro-turns. */
const plain = (value: number) => (Math.abs(value) < 5e-7 ? "0" : value.toFixed(6).replace(/\.?0+$/, ""));

/** What is sent to one axis. */
export interface AxisCommands {
  /** Turn at this speed. `fromTrajectory`: a trajectory may be under way, which a bare velocity does not end. */
  velocity(turnsPerSecond: number, fromTrajectory: boolean): readonly string[];
  /** Stand still, whatever the axis does. */
  stop(): readonly string[];
  /** Go to a position along a trajectory; the axis stands still. */
  trajectory(turns: number, turnsPerSecond: number): readonly string[];
  /** Set the watchdog and arm it. */
  watchdog(timeoutMs: number): readonly string[];
  feed(): readonly string[];
  /** Enter closed loop, standing still. The drive needs a fed watchdog and no axis error for it. */
  enterClosedLoop(watchdogMs: number): readonly string[];
  read(property: string): string;
  feedback(): string;
}

export function axisCommands(axis: AxisNumber): AxisCommands {
  const property = (name: string) => `axis${axis}.${name}`;
  const set = (name: string, value: number) => `w ${property(name)} ${plain(value)}`;
  const velocity = (value: number) => `v ${axis} ${plain(value)}`;
  const feed = `u ${axis}`;
  const passthrough = set("controller.config.input_mode", INPUT_PASSTHROUGH);
  // The velocity comes first, so that no older setpoint acts when the trajectory is left, and once more after it: a
  // trajectory that ends between the two lines would put the axis back into position control.
  const stop = [velocity(0), passthrough, velocity(0)];
  const watchdog = (timeoutMs: number) => [
    set("config.watchdog_timeout", timeoutMs / 1000),
    feed,
    set("config.enable_watchdog", 1),
  ];
  return {
    velocity: (value, fromTrajectory) =>
      fromTrajectory ? [velocity(0), passthrough, velocity(value)] : [velocity(value)],
    stop: () => stop,
    trajectory: (turns, turnsPerSecond) => [
      // Makes the present position the setpoint, from which the trajectory is planned.
      set("controller.config.control_mode", CONTROL_POSITION),
      set("trap_traj.config.vel_limit", turnsPerSecond),
      `t ${axis} ${plain(turns)}`,
    ],
    watchdog,
    feed: () => [feed],
    enterClosedLoop: (watchdogMs) => [
      ...stop,
      ...watchdog(watchdogMs),
      // An unfed watchdog expires in idle too; its error would keep the axis from closed loop.
      set("error", 0),
      set("requested_state", AXIS_CLOSED_LOOP),
    ],
    read: (name) => `r ${property(name)}`,
    feedback: () => `f ${axis}`,
  };
}

/** What makes an axis safe without anybody's answer: braked, then without power. For a process that knows no ODrive. */
export function emergencyLines(axis: AxisNumber): string {
  return `${VOID_LINE}v ${axis} 0\nw axis${axis}.requested_state ${AXIS_IDLE}\n`;
}

/** Position and velocity of a reply to `f`; undefined: it is none. */
export function parseFeedback(reply: string): { readonly turns: number; readonly turnsPerSecond: number } | undefined {
  const match = /^(-?\d+(?:\.\d+)?) (-?\d+(?:\.\d+)?)$/.exec(reply.trim());
  return match ? { turns: Number(match[1]), turnsPerSecond: Number(match[2]) } : undefined;
}

/** The number of a reply to `r`; undefined: it is none. */
export function parseNumber(reply: string): number | undefined {
  return /^-?\d+(?:\.\d*)?$/.test(reply.trim()) ? Number(reply) : undefined;
}
