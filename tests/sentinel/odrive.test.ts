import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, withClient } from "../rig/clients/index.js";
import { type OdriveSimulator, startOdriveSimulator } from "../rig/odrive/odrive-simulator.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

// A base whose left wheel is a drive on a serial port, which outlives the agent: what becomes of it is seen at the drive.

const NEEDS_PYTHON = "NEEDS python3 for the simulated drive: install it";
const hasPython = spawnSync("python3", ["--version"]).status === 0;
/** More of them than a watchdog of 500 ms lasts without: the guard feeds every 50 ms. */
const FEEDS = 25;
/** Four times the watchdog. */
const OUT_MS = 2000;

interface Rig {
  readonly robot: Robot;
  readonly drive: OdriveSimulator;
  /** What the drive noted after the first `from` entries. */
  events(from: number): string[];
  isMoving(): Promise<boolean>;
  move(client: Client): Promise<void>;
}

async function withDrive(use: (rig: Rig) => Promise<void>): Promise<void> {
  const drive = await startOdriveSimulator();
  try {
    await withRobot(drive, use);
  } finally {
    await drive.stop();
  }
}

async function withRobot(drive: OdriveSimulator, use: (rig: Rig) => Promise<void>): Promise<void> {
  const robot = await startRobot({
    components: {
      left: { model: "odrive", attributes: { serial_path: drive.path, axis: 0, max_rpm: 100, watchdog: "500ms" } },
    },
  });
  const isMoving = async () => (await drive.state())[0]!.moving;
  try {
    await use({
      robot,
      drive,
      isMoving,
      events: (from) =>
        drive
          .log()
          .slice(from)
          .map(({ command, args }) => (command === "line" ? String(args.line) : command)),
      async move(client) {
        await client.drive(0.5);
        await until("the axis turns", isMoving);
      },
    });
  } finally {
    await robot.stop();
  }
}

test("the drive's watchdog is fed while a live lease lets it move, and ceases to be when its session ends", async (t) => {
  if (!hasPython) return t.skip(NEEDS_PYTHON);
  await withDrive(async ({ drive, move, events, isMoving, robot }) => {
    let begun = 0;
    await withClient(robot, "raw-grpc", async (client) => {
      await until("it is fed throughout one motion", async () => {
        // At first; and when a busy machine has led to a suspension, after which a client has to command anew.
        if (!(await isMoving())) {
          await move(client);
          begun = drive.log().length;
        }
        return events(begun).filter((line) => line === "u 0").length >= FEEDS;
      });
      assert.equal(await isMoving(), true);
      assert.ok(!events(begun).includes("watchdog"));
    });
    await until("it stands", async () => !(await isMoving()));
    const stopped = events(begun);
    assert.ok(stopped.includes("v 0 0") && !stopped.includes("watchdog"), "by its stop");
    await until("its watchdog has ended its power", () => events(begun).includes("watchdog"));
  });
});

test("the cable is out for two seconds while the drive turns: its watchdog stops it; back, it is stopped before anything else", async (t) => {
  if (!hasPython) return t.skip(NEEDS_PYTHON);
  await withDrive(async ({ robot, drive, move, isMoving }) => {
    await withClient(robot, "raw-grpc", async (client) => {
      await move(client);
      const out = drive.log().length;
      await drive.unplug();
      // The client goes on asking for speed, as one does that looks at no answer.
      let asks = true;
      const asking = (async () => {
        while (asks) {
          await client.drive(0.5).catch(() => undefined);
          await sleep(50);
        }
      })();
      await sleep(OUT_MS);
      const back = drive.log().length;
      await drive.plug();
      await until("it turns again, for the client that goes on asking", isMoving);
      asks = false;
      await asking;
      const events = drive.log();
      const at = (what: string, from: number) => {
        const found = events.slice(from).find(({ device, command }) => device === "axis0" && command === what);
        assert.ok(found, `${what}: ${JSON.stringify(events.slice(from))}`);
        return found.t;
      };
      const [unplugged, plugged] = ["unplugged", "plugged"].map(
        (what) => events.slice(out).find(({ device, command }) => device === "port" && command === what)!.t,
      );
      assert.ok(at("watchdog", out) < plugged!, "by its own watchdog, while nobody could reach it");
      assert.ok(at("still", out) < plugged!);
      assert.ok(at("stop", back) < at("moving", back), "stopped before it moves");
      const lines = events.slice(back).flatMap(({ command, args }) => (command === "line" ? [String(args.line)] : []));
      assert.ok(
        lines.indexOf("v 0 0") < lines.findIndex((line) => line.startsWith("v 0 ") && Number(line.split(" ")[2]) !== 0),
        lines.join(),
      );
      const ms = (from: number, to: number) => `${(to - from).toFixed(0)} ms`;
      t.diagnostic(
        `cable out to watchdog: ${ms(unplugged!, at("watchdog", out))}; to standstill: ${ms(unplugged!, at("still", out))}`,
      );
      t.diagnostic(
        `cable back to stop: ${ms(plugged!, at("stop", back))}; to motion: ${ms(plugged!, at("moving", back))}`,
      );
    });
  });
});

test("the agent is killed while the drive turns: the sentinel's stop comes before the drive's own watchdog", async (t) => {
  if (!hasPython) return t.skip(NEEDS_PYTHON);
  await withDrive(async ({ robot, drive, move, events, isMoving }) => {
    await withClient(robot, "raw-grpc", async (client) => {
      await move(client);
      const killed = drive.log().length;
      await robot.main.process.kill();
      await until("the axis stands", async () => !(await isMoving()));
      const after = events(killed);
      assert.ok(after.includes("v 0 0"), after.join());
      assert.ok(!after.slice(0, after.indexOf("still")).includes("watchdog"), after.join());

      const dead = drive.log().length;
      robot.main.restart();
      await robot.ready();
      assert.ok(events(dead).includes("v 0 0"), "stopped at its start");
      assert.equal(await isMoving(), false);
    });
  });
});

test("the agent is frozen while the drive turns: it is stopped, the agent ended", async (t) => {
  if (!hasPython) return t.skip(NEEDS_PYTHON);
  await withDrive(async ({ robot, drive, move, events, isMoving }) => {
    await withClient(robot, "raw-grpc", async (client) => {
      await move(client);
      const frozen = drive.log().length;
      robot.main.process.signal("SIGSTOP");
      assert.equal(await robot.main.process.ended, "SIGKILL");
      await until("the axis stands", async () => !(await isMoving()));
      assert.ok(events(frozen).includes("v 0 0"));
    });
  });
});
