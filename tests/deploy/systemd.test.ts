import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram, type Outcome, readRepositoryFile, run } from "./repository.js";

/** Source file, and the name under which an instance of it is checked. */
const units = [
  ["vigil-gateway.service", "vigil-gateway.service"],
  ["vigil-part-agent@.service", "vigil-part-agent@arm.service"],
] as const;

/** Highest exposure let through, of 100, where systemd calls everything below 20 "OK": network and JIT are the rest. */
const MAX_EXPOSURE = 19;

const MISSING = "SYSTEMD-ANALYZE IS MISSING: install the Debian package systemd";

for (const [source, instance] of units) {
  const text = readRepositoryFile(`deploy/systemd/${source}`);

  test(`${source}: systemd finds nothing to say about it`, (t) => {
    const program = findProgram("systemd-analyze");
    if (!program) return t.skip(MISSING);
    assert.deepEqual(verify(program, instance, text), { status: 0, output: "" });
  });

  test(`${source}: a misspelt key or value would be noticed`, (t) => {
    const program = findProgram("systemd-analyze");
    if (!program) return t.skip(MISSING);
    for (const [right, wrong] of [
      ["Restart=always", "Restart=allways"],
      ["WatchdogSec=2s", "WatchdogSec=2 sheep"],
      ["SystemCallFilter=@system-service", "SystemCallFilter=@system-servce"],
      ["ProtectHome=yes", "ProtectHose=yes"],
    ] as const) {
      assert.ok(text.includes(right), right);
      assert.notEqual(verify(program, instance, text.replace(right, wrong)).output, "", wrong);
    }
  });

  test(`${source}: it is exposed no more than ${MAX_EXPOSURE} of 100`, (t) => {
    const program = findProgram("systemd-analyze");
    if (!program) return t.skip(MISSING);
    const security = (unit: string) =>
      withUnit(instance, unit, (path) =>
        run(program, ["security", "--offline=true", `--threshold=${MAX_EXPOSURE}`, "--no-pager", path]),
      );
    const { status, output } = security(text);
    assert.equal(status, 0, output);
    assert.notEqual(security(text.replace("CapabilityBoundingSet=\n", "")).status, 0, "the threshold lets all through");
  });

  test(`${source}: restarts at once and without limit, is watched, and may compile at run time`, () => {
    const { Unit = {}, Service = {} } = readUnit(text);
    assert.deepEqual(Unit.StartLimitIntervalSec, ["0"]);
    assert.deepEqual(Service.Type, ["notify"]);
    assert.deepEqual(Service.Restart, ["always"]);
    assert.deepEqual(Service.RestartSec, ["100ms"]);
    assert.equal(Service.RestartPreventExitStatus, undefined);
    assert.deepEqual(Service.WatchdogSec, ["2s"]);
    // Only this signal ends a stopped process.
    assert.deepEqual(Service.WatchdogSignal, ["SIGKILL"]);
    assert.deepEqual(Service.MemoryDenyWriteExecute, ["no"]);
    const command = source.startsWith("vigil-gateway")
      ? "/usr/bin/vigil gateway --config /etc/vigil/gateway.json"
      : "/usr/bin/vigil part-agent --config /etc/vigil/part-%i.json";
    assert.deepEqual(Service.ExecStart, [command]);
  });
}

test("a part's sentinel is not killed with the agent, and its drivers outlive a deliberate stop of the agent", () => {
  const { Service = {} } = readUnit(readRepositoryFile("deploy/systemd/vigil-part-agent@.service"));
  assert.deepEqual(Service.KillMode, ["control-group"]);
  assert.match(Service.ExecStop?.[0] ?? "", /kill -TERM "\$MAINPID"; while kill -0 "\$MAINPID"/);
});

test("a part and its sentinel come before what else runs on the computer, and have a folder that outlives them", () => {
  const { Service = {} } = readUnit(readRepositoryFile("deploy/systemd/vigil-part-agent@.service"));
  assert.ok(Number(Service.Nice?.[0]) <= -10);
  assert.ok(Number(Service.CPUWeight?.[0]) >= 1000);
  // Named to the part as $STATE_DIRECTORY (systemd.exec(5)).
  assert.deepEqual(Service.StateDirectory, ["vigil-part-%i"]);
});

test("a part may open serial devices and nothing else", () => {
  const { Service = {} } = readUnit(readRepositoryFile("deploy/systemd/vigil-part-agent@.service"));
  assert.deepEqual(Service.DevicePolicy, ["closed"]);
  for (const device of Service.DeviceAllow ?? []) assert.match(device, /^char-tty(ACM|USB|AMA|S) rw$/);
  assert.ok((Service.DeviceAllow ?? []).includes("char-ttyACM rw"));
});

function verify(program: string, instance: string, text: string): Outcome {
  return withUnit(instance, text, (path) => run(program, ["verify", "--man=no", path]));
}

/** Hands on a copy of the unit whose executable exists. */
function withUnit(instance: string, text: string, action: (path: string) => Outcome): Outcome {
  const directory = mkdtempSync(join(tmpdir(), "vigil-units-"));
  try {
    const executable = join(directory, "vigil");
    writeFileSync(executable, "#!/bin/sh\n");
    chmodSync(executable, 0o755);
    const path = join(directory, instance);
    writeFileSync(path, text.replaceAll("/usr/bin/vigil", executable));
    return action(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function readUnit(text: string): Record<string, Record<string, string[]>> {
  const sections: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> = {};
  for (const line of text.split("\n")) {
    const [, title] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (title !== undefined) {
      section = {};
      sections[title] = section;
    }
    const [, key, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined) section[key] = [...(section[key] ?? []), value];
  }
  return sections;
}
