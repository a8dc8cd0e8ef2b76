import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withClient } from "../rig/clients/index.js";
import { isStop } from "../rig/device-log.js";
import { type Robot, startRobot } from "../rig/robot.js";

// Scenario 32 of rules.md: the agent dies, freezes or hangs while a motor runs. How fast is measured by bench.ts.

const TROUBLES = [
  { what: "is killed", signal: "SIGKILL", cause: "dead" },
  { what: "is stopped by SIGSTOP", signal: "SIGSTOP", cause: "silent" },
  { what: "blocks its event loop", signal: "SIGUSR2", cause: "silent" },
] as const;

let robot: Robot;
before(async () => {
  // For every start of the part, also the later ones.
  process.env.NODE_OPTIONS = `--import=${new URL("./block-on-signal.js", import.meta.url).href}`;
  robot = await startRobot();
});
after(() => robot.stop());

for (const { what, signal, cause } of TROUBLES) {
  test(`the agent ${what} while a motor runs: the sentinel stops the hardware and ends it; the next start stops again`, async () => {
    const { main } = robot;
    await withClient(robot, "raw-grpc", async (client) => {
      const begun = main.devices.all().length;
      await client.drive(0.5);
      await main.devices.came(
        "power at the left wheel",
        ({ device, command }) => device === "left" && !/stop/.test(command),
        begun,
      );
      const seen = main.devices.all().length;
      main.process.signal(signal);
      for (const name of ["left", "right", "base"]) {
        const named = `an emergency stop of ${name}`;
        await main.devices.came(named, ({ device, command }) => device === name && command === "emergency_stop", seen);
      }
      assert.equal(await main.process.ended, "SIGKILL");
      const told = main.process.log.find(({ app }) => app === "sentinel");
      assert.equal(told?.cause, cause, JSON.stringify(told));
      assert.deepEqual(told?.problems, []);

      const dead = main.devices.all().length;
      main.restart();
      await robot.ready();
      const first = main.devices.after(dead);
      assert.deepEqual(new Set(first.map(({ command }) => command)), new Set(["stop"]), "nothing moves by itself");
      for (const name of ["left", "right"]) assert.ok(first.some((line) => line.device === name && isStop(line)));
    });
    const served = main.devices.all().length;
    await withClient(robot, "raw-grpc", async (client) => {
      await client.drive(0.2);
      await main.devices.came("power after the restart", ({ command }) => !isStop({ command } as never), served);
    });
  });
}

test("an agent that is asked to end says goodbye: it stops its actuators itself and no emergency stop is written", async () => {
  const { main } = robot;
  const seen = main.devices.all().length;
  assert.equal(await main.process.stop(), 0);
  const commands = main.devices.after(seen).map(({ command }) => command);
  assert.ok(commands.includes("stop"));
  assert.ok(!commands.includes("emergency_stop"), commands.join());
  assert.ok(!main.process.log.some(({ app }) => app === "sentinel"));
  main.restart();
  await robot.ready();
});
