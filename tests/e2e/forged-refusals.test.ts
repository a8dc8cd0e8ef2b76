import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isStop } from "../rig/device-log.js";
import { LIMIT } from "../rig/limit.js";
import { keep } from "../rig/living.js";
import { mark } from "../rig/motion.js";
import { createNetwork, namespacesMissing } from "../rig/network.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

const CLIENT = fileURLToPath(new URL("../rig/far-channel-process.js", import.meta.url));
/** A program, which is source: tsc does not copy it. */
const FORGE = fileURLToPath(new URL("../../rig/python/forge-icmp.py", import.meta.url));

test(
  "refusals forged in a live client's name, and 400 ms without it: at most a suspension (scenario 28)",
  LIMIT,
  async (t) => {
    const missing = namespacesMissing() ?? toolsMissing();
    if (missing) return t.skip(missing);
    const network = createNetwork(["client", "attacker"]);
    try {
      const robot = await startRobot({ window: "2s", network });
      const client = startClient(network.namespaces.client!, robot.url);
      try {
        await until("the client has dialled", () => client.said[0] === "open");
        const before = mark(robot);
        assert.equal(await client.power(0.3), "0");
        await robot.main.devices.came("motion", ({ device }) => device === "left", before.get(robot.main));
        const [session] = (await robot.snapshot()).sessions;
        assert.ok(session);

        const live = mark(robot);
        await forge(network.namespaces.attacker!, robot, session.remoteAddress, 40);
        assert.deepEqual(robot.main.devices.after(live.get(robot.main)!).filter(isStop), [], "a live client moves on");

        const inClient = (...rule: string[]) =>
          spawnSync("ip", ["netns", "exec", network.namespaces.client!, "iptables", ...rule]);
        const forging = forge(network.namespaces.attacker!, robot, session.remoteAddress, 40);
        inClient("-I", "OUTPUT", "-p", "udp", "-j", "DROP");
        inClient("-I", "INPUT", "-p", "udp", "-j", "REJECT");
        await sleep(400);
        inClient("-F");
        await forging;
        const again = mark(robot);
        assert.equal(await client.power(0.2), "0", "it commands anew");
        await robot.main.devices.came("motion", (command) => !isStop(command), again.get(robot.main));
        assert.deepEqual(
          (await robot.snapshot()).sessions.map(({ id }) => id),
          [session.id],
          "in the same session",
        );
        // Suspensions stand in the list too, without a reason.
        const ends = (await robot.ends()).filter(({ reason }) => reason !== null);
        assert.deepEqual(ends, []);
      } finally {
        await client.close();
        await robot.stop();
      }
    } finally {
      network.remove();
    }
  },
);

function toolsMissing(): string | undefined {
  for (const tool of ["iptables", "python3"]) {
    if (spawnSync(tool, ["--version"]).error) return `FORGED REFUSALS NOT TESTED: there is no ${tool} on this machine`;
  }
  return undefined;
}

/** A client on a data channel, in a network namespace. */
function startClient(namespace: string, url: string) {
  const child = keep(
    spawn("ip", ["netns", "exec", namespace, process.execPath, CLIENT, url], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const said: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => said.push(line));
  return {
    said,
    /** Resolves with the code of the answer. */
    async power(power: number): Promise<string> {
      const before = said.length;
      child.stdin!.write(`${power}\n`);
      return until("the command is answered", () => said[before]);
    },
    async close() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

/** A hundred a second for each UDP port of the gateway, all in the client's name. */
async function forge(namespace: string, robot: Robot, clientAddress: string, count: number): Promise<void> {
  const ports = udpPortsOf(robot.gateway.pid);
  assert.ok(ports.length > 0, "the gateway has UDP ports");
  const [address, port] = clientAddress.split(":");
  const gateway = new URL(robot.url).hostname;
  await Promise.all(
    ports.map(async (own) => {
      const args = [FORGE, address!, gateway, own, port!, String(count)];
      const child = keep(spawn("ip", ["netns", "exec", namespace, "python3", ...args], { stdio: "inherit" }));
      assert.deepEqual(await once(child, "exit"), [0, null]);
    }),
  );
}

/** As Linux has them in /proc: each open socket of a process by its inode, and each UDP socket with its own. */
function udpPortsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const inodes = new Set(
    readdirSync(folder).map((descriptor) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${descriptor}`))?.[1]),
  );
  return readFileSync(`/proc/${pid}/net/udp`, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[9] !== undefined && inodes.has(fields[9]))
    .map((fields) => String(Number.parseInt(fields[1]!.split(":")[1]!, 16)));
}
