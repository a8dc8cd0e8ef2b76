import { setTimeout as sleep } from "node:timers/promises";
import { serveVerbs } from "@vigil/viam-client/serve-verbs";
import { createRawCalls } from "./raw-calls.js";

// A healthy client beside one that is lost: it goes on commanding motors of its own, or tries what it must not.

/** Ten commands a second, as an operator's joystick sends them. */
const PERIOD_MS = 100;
/** An answer that has not come by then is lost. */
const ANSWER_MS = 5000;

/** The arm of the rig needs a fifth of a second for it. */
const STEP_DEGREES = 2;

const MOTOR = "viam.component.motor.v1.MotorService";
const BASE = "viam.component.base.v1.BaseService";
const ARM = "viam.component.arm.v1.ArmService";
const SENSOR = "viam.component.sensor.v1.SensorService";
const ROBOT = "viam.robot.v1.RobotService";

/** What it noticed since `begin`. */
interface Report {
  sent: number;
  lost: number;
  /** Refused because they had been too long on their way: a busy machine does that without any fault. */
  late: number;
  slowestMs: number;
  errors: string[];
}

serveVerbs(async (_way, url) => {
  const { call } = createRawCalls(url!);
  // Who only reads has no session that could end, and a connection that no session of somebody's closes.
  let reader = createRawCalls(url!);
  const read = () => reader.call(`${SENSOR}/GetReadings`, { name: "sensor" });
  const nothing = (): Report => ({ sent: 0, lost: 0, late: 0, slowestMs: 0, errors: [] });
  let report = nothing();
  let loops: Promise<void>[] = [];
  let running = { on: false };
  let motors: string[] = [];

  const timed = async (what: string, perform: () => Promise<unknown>) => {
    const at = performance.now();
    report.sent += 1;
    const late = sleep(ANSWER_MS, "late", { ref: false }).then(() => {
      throw new Error(`no answer for ${ANSWER_MS} ms`);
    });
    try {
      await Promise.race([perform(), late]);
    } catch (error) {
      const { message } = error as Error;
      if (message.includes("it was delayed on its way")) report.late += 1;
      else {
        report.lost += 1;
        report.errors.push(`${what}: ${message}`);
      }
    }
    report.slowestMs = Math.max(report.slowestMs, performance.now() - at);
  };
  const repeat = async (what: string, perform: (turn: number) => Promise<unknown>) => {
    const mine = running;
    for (let turn = 0; mine.on; turn++) {
      const next = sleep(PERIOD_MS);
      await timed(what, () => perform(turn));
      await next;
    }
  };
  const end = async () => {
    running.on = false;
    await Promise.all(loops);
    loops = [];
  };

  await call(`${ROBOT}/ResourceNames`, {});
  return {
    /** Drives its motors and reads the sensor until `report`. */
    async begin(names: string[], readings: boolean) {
      await end();
      motors = names;
      report = nothing();
      running = { on: true };
      const power = (name: string, turn: number) =>
        call(`${MOTOR}/SetPower`, { name, powerPct: turn % 2 === 0 ? 0.1 : 0.2 });
      // Descriptions are asked for and the first leases are made before it counts.
      await Promise.all(motors.map((name) => power(name, 0)));
      reader.hangUp("fin");
      reader = createRawCalls(url!);
      await read();
      loops = motors.map((name) => repeat(`SetPower of ${name}`, (turn) => power(name, turn)));
      if (readings) loops.push(repeat("GetReadings", read));
    },
    async report() {
      await end();
      const noticed = report;
      await Promise.all(motors.map((name) => call(`${MOTOR}/Stop`, { name }))).catch((error: Error) => {
        noticed.errors.push(`Stop: ${error.message}`);
      });
      motors = [];
      return noticed;
    },
    /** New commands, as a client that dialled anew sends them. */
    async command() {
      await call(`${BASE}/SetPower`, { name: "base", linear: { y: 0.2 } });
      const { positions } = await call(`${ARM}/GetJointPositions`, { name: "arm" });
      const [first = 0, ...others] = (positions as { values: number[] }).values;
      const values = [first > 0 ? first - STEP_DEGREES : first + STEP_DEGREES, ...others];
      await call(`${ARM}/MoveToJointPositions`, { name: "arm", positions: { values } });
    },
    stopAll: () => call(`${ROBOT}/StopAll`, {}),
    /** Beats for and commands with somebody else's session, ten times a second, until `report`. */
    async usurp(sid: string, motor: string) {
      await end();
      report = nothing();
      running = { on: true };
      loops = [
        repeat("SendSessionHeartbeat", () => call(`${ROBOT}/SendSessionHeartbeat`, { id: sid })),
        repeat("SetPower", () => call(`${MOTOR}/SetPower`, { name: motor, powerPct: 0.1 }, { "viam-sid": sid })),
      ];
    },
  };
});
