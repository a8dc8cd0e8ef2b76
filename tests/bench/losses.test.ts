import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMIT } from "../rig/limit.js";
import { startRobot } from "../rig/robot.js";
import { monotonicMs } from "../rig/until.js";
import { startBareClient } from "./bare-clients.js";
import { type LossKind, loseMany } from "./lose-once.js";
import { childrenOf } from "./processes.js";

/** Long past every bound of a robot with a window of 1 s. */
const PATIENCE_MS = 5000;

test("a client is lost on a real robot: the time to its stop; a robot that cannot stop: infinite", LIMIT, async () => {
  const robot = await startRobot({ window: "1s" });
  const lanes = [{ robot, namespace: undefined }];
  const killed: LossKind = {
    name: "SIGKILL",
    start: startBareClient,
    lose(client) {
      const at = monotonicMs();
      client.signal("SIGKILL");
      return at;
    },
  };
  const frozen: number[] = [];
  try {
    const [outcome] = await loseMany(lanes, killed, 1, () => undefined);
    assert.equal(outcome!.failed, false);
    assert.equal(outcome!.actsAfterStop, 0);
    assert.ok(outcome!.fromLossMs > 0 && Number.isFinite(outcome!.fromLossMs));
    assert.ok(outcome!.fromSignMs > 0 && Number.isFinite(outcome!.skewMs));

    const [never] = await loseMany(
      lanes,
      {
        ...killed,
        lose(client, { main }) {
          const { pid } = main.process;
          // Nobody is left on the part: neither the agent nor its sentinel.
          frozen.push(...childrenOf(pid), pid);
          for (const frozenPid of frozen) process.kill(frozenPid, "SIGSTOP");
          return killed.lose(client, robot);
        },
      },
      1,
      () => undefined,
      PATIENCE_MS,
    );
    assert.deepEqual([never!.failed, never!.fromLossMs, never!.fromSignMs], [true, Infinity, Infinity]);
  } finally {
    for (const pid of frozen) process.kill(pid, "SIGCONT");
    await robot.stop();
  }
});
