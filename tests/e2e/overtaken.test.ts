import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type BenchRobot, startBenchRobot } from "../bench/bench-robot.js";
import { createSignaling, dialLight } from "../bench/light-client.js";
import { nameRequest, SET_POWER, setPowerRequest, withPadding } from "../bench/wire.js";
import { isStop } from "../rig/device-log.js";
import { LIMIT } from "../rig/limit.js";

const STOP = "/viam.component.motor.v1.MotorService/Stop";
/** More than a link takes at once: the rest of the command waits at the gateway, and what is small goes before it. */
const LARGE_BYTES = 2 ** 20;

let robot: BenchRobot;
before(async () => {
  robot = await startBenchRobot({ motors: ["motor0"] });
});
after(() => robot.stop());

test("a Stop that overtakes a larger command of the same client is the last word", LIMIT, async () => {
  const client = await dialLight(createSignaling(robot.url), robot.windowMs);
  try {
    await client.startSession();
    await client.call(SET_POWER, setPowerRequest("motor0", 0.1));
    for (let run = 0; run < 5; run++) {
      const from = robot.devices.all().length;
      const command = client.call(SET_POWER, withPadding(setPowerRequest("motor0", 1), LARGE_BYTES));
      const refused = command.then(
        () => undefined,
        (error: Error) => error,
      );
      await client.call(STOP, nameRequest("motor0"));
      await refused;
      const commands = robot.devices.after(from);
      assert.ok(commands.some(isStop), "the Stop reached the motor");
      const last = commands.findLastIndex((command) => !isStop(command));
      assert.ok(
        last < commands.findLastIndex(isStop),
        `the motor moves on after the Stop: ${commands.map(({ command }) => command).join(", ")}`,
      );
    }
  } finally {
    client.close();
  }
});
