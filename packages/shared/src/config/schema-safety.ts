import { z } from "zod";
import { duration } from "./schema-common.js";

/** More than any chip has; the kernel takes 32 bits. */
const MAX_GPIO_LINE = 65_535;

const gpioSchema = z
  .object({
    chip: z
      .string({ error: 'must be the path of a GPIO chip, such as "/dev/gpiochip0"' })
      .regex(/^\//, { error: 'must be an absolute path, such as "/dev/gpiochip0"' })
      .describe("Character device of the GPIO chip, such as /dev/gpiochip0."),
    line: z
      .int({ error: "must be the number of a line of the chip, such as 17" })
      .min(0)
      .max(MAX_GPIO_LINE)
      .describe("Number of the line on that chip, as gpioinfo lists it."),
    active_low: z
      .boolean({ error: "must be true or false" })
      .optional()
      .describe("True: low lets the machine run and high stops it. Default false: high lets it run."),
  })
  .describe(
    "An output line that Vigil holds as long as it runs. Active lets the machine run; the step makes it inactive, and a re-arm makes it active again.",
  );

/** Bytes to a device, or an output line to set: an emergency stop as data, which the sentinel can carry out alone (rules.md, R7). */
const deviceWriteSchema = z
  .object({
    path: z
      .string({ error: "must be the path of a device or file" })
      .min(1)
      .optional()
      .describe("Device or file that is written: a serial port, or the value file of an output line."),
    text: z.string().min(1).optional().describe("What is written, as text."),
    hex: z
      .string()
      .regex(/^(?:[0-9a-fA-F]{2})+$/, { error: 'must be pairs of hexadecimal digits, such as "0d0a"' })
      .optional()
      .describe("What is written, as pairs of hexadecimal digits."),
    baud_rate: z
      .int({ error: "must be a whole number, such as 115200" })
      .positive()
      .optional()
      .describe("Speed, if the device is a serial port that nothing else has set up."),
    gpio: gpioSchema.optional(),
  })
  .refine((write) => (write.gpio === undefined) !== (write.path === undefined), {
    error: "must hold either the path of a device or gpio, and not both",
  })
  .refine(({ gpio, text, hex, baud_rate: baudRate }) => !gpio || (text ?? hex ?? baudRate) === undefined, {
    error: "must hold nothing beside gpio: the line is made inactive",
  })
  .refine(({ gpio, text, hex }) => gpio !== undefined || (text === undefined) !== (hex === undefined), {
    error: "must hold either text or hex, and not both",
  })
  .meta({ oneOf: [{ required: ["gpio"] }, { required: ["path", "text"] }, { required: ["path", "hex"] }] });

const escalateSchema = z.object({
  after: duration(
    "How long after the stop was commanded, without an acknowledgement, the next step is taken. Default: 500 ms for a driver that is a process of its own, else stop_timeout. A ramp's duration is added.",
    "10ms",
    "1m",
  ).optional(),
  end_process: z
    .boolean({ error: "must be true or false" })
    .optional()
    .describe("End the driver's process, if it is one. Default true."),
  emergency_stop: z
    .array(deviceWriteSchema, { error: "must be a list of writes" })
    .optional()
    .describe("What stops the hardware past its driver: carried out in this order, also when the agent itself dies."),
  e_stop: z
    .array(deviceWriteSchema, { error: "must be a list of writes" })
    .optional()
    .describe("The last step: cuts the emergency-stop line, which only a person re-arms."),
});

/** The `safety` key of a component or service. */
export const safetySchema = z
  .object({
    policy: z
      .enum(["stop", "hold", "ramp", "do_command", "none"])
      .optional()
      .describe("What is done when the session that moved this resource is lost. Default stop, where it has a Stop."),
    stop_timeout: duration(
      "How long one attempt to stop may take before it is made again. Default 1s.",
      "1ms",
      "1m",
    ).optional(),
    retries: z
      .int({ error: "must be a whole number" })
      .min(0)
      .max(1000)
      .optional()
      .describe(
        "Failed attempts after the first before an alert says that the stop failed: with 0 the first failure does. Attempts go on in any case. Default 3.",
      ),
    rearm: z
      .enum(["auto", "manual"])
      .optional()
      .describe("After a loss: moves again on the next command (auto, default), or only after a deliberate re-arm."),
    monitored: z
      .array(z.string().regex(/^[A-Z]\w*$/, { error: 'must be the name of a method, such as "DoCommand"' }), {
        error: "must be a list of method names",
      })
      .optional()
      .describe("Methods that make their caller the owner, as if Viam's API had marked them safety-monitored."),
    hold: z
      .object({
        release_after: duration(
          "After this long the hold becomes a plain stop. Absent: holds until commanded anew.",
          "1ms",
        ).optional(),
      })
      .optional()
      .describe("For policy hold: the resource is commanded to where it is, and stays under power."),
    ramp: z
      .object({
        duration: duration(
          "From the present speed down to none. It shifts stop_timeout and escalate.after.",
          "1ms",
          "1m",
        ),
      })
      .optional()
      .describe("For policy ramp: the speed is brought down evenly, then the resource is stopped."),
    do_command: z
      .object({
        command: z.record(z.string(), z.unknown(), { error: "must be an object: the command" }),
      })
      .optional()
      .describe("For policy do_command: this command stops the resource; it is acknowledged when it returns."),
    escalate: escalateSchema.optional().describe("What is done when the stop is not acknowledged."),
  })
  .describe("How this resource is stopped when the session that moved it is lost.");
export type SafetyFile = z.output<typeof safetySchema>;
export type WriteFile = z.output<typeof deviceWriteSchema>;
