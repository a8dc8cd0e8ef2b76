import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
const DEMO = fileURLToPath(new URL("../../../deploy/demo/robot.json", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "vigil-cli-"));
after(() => rmSync(directory, { recursive: true }));

function vigil(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const env = { ...process.env, ...options.env };
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", input: options.input ?? "", env });
}

function file(name: string, value: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

test("--help tells of every command, and of one", () => {
  const { status, stdout, stderr } = vigil(["--help"]);
  assert.equal(status, 0);
  assert.equal(stderr, "");
  for (const word of ["up", "gateway", "part-agent", "check", "--log-level", "Exit codes"])
    assert.ok(stdout.includes(word), word);
  for (const command of ["up", "gateway", "part-agent", "check"]) {
    const help = vigil([command, "--help"]);
    assert.equal(help.status, 0);
    assert.ok(help.stdout.startsWith(`Usage: vigil ${command}`), help.stdout);
  }
});

test("--version, also in Viam's form with one dash", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  for (const flag of ["--version", "-version"]) {
    const { status, stdout } = vigil([flag]);
    assert.equal(status, 0);
    assert.equal(stdout, `vigil ${manifest.version}\n`);
  }
});

test("wrong usage ends with 2 and says how it is meant", () => {
  for (const args of [
    [],
    ["fly"],
    ["up"],
    ["check"],
    ["check", "a", "b"],
    ["--nonsense"],
    ["up", "x", "--log-level", "loud"],
    ["-config"],
  ]) {
    const { status, stdout, stderr } = vigil(args);
    assert.equal(status, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /^vigil: .+\n\nUsage: vigil COMMAND/, args.join(" "));
  }
});

test("check: a good file ends with 0", () => {
  const { status, stdout } = vigil(["check", DEMO]);
  assert.equal(stdout, `${DEMO} (robot): 0 errors, 0 warnings\n`);
  assert.equal(status, 0);
});

test("check: warnings alone end with 0, and the unprotected are among them", () => {
  const board = { name: "b", api: "rdk:component:board", model: "fake" };
  const { status, stdout } = vigil(["check", "--config", file("warn.json", { components: [board], lof: [] })]);
  assert.equal(status, 0);
  assert.match(stdout, /warn\.json:1: warning: components\[0\]: "b": nothing stops a board/);
  assert.match(stdout, /warning: lof: unknown key, not used: did you mean "log"\?/);
  assert.match(stdout, /\(robot\): 0 errors, 2 warnings\n$/);
});

test("check: every problem with its line and path, and 2 at the end", () => {
  const path = file(
    "bad.json",
    `{
  // a gateway
  "parts": [ { "name": "main", "secret": { "env": "VIGIL_TEST_NO_SUCH" } } ],
  "network": { "bind_address": "0.0.0.0:8080", "sessions": { "heartbeat_window": 2 } },
  "leases": { "store": "radis" },
}`,
  );
  const { status, stdout } = vigil(["check", path]);
  assert.equal(status, 2);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.pop(), `${path} (gateway): 4 errors, 0 warnings`);
  assert.deepEqual(lines.map((line) => line.slice(path.length).match(/^:\d+: error: \S+(?=: )/)?.[0]).sort(), [
    ":3: error: parts[0].secret",
    ":4: error: network.bind_address",
    ":4: error: network.sessions.heartbeat_window",
    ":5: error: leases.store",
  ]);
});

test("check: one bad resource is an error too, though a robot would run without it", () => {
  const { status, stdout } = vigil([
    "check",
    file("resource.json", { components: [{ name: "m", type: "motor", model: "a:b" }] }),
  ]);
  assert.equal(status, 2);
  assert.match(stdout, /resource error: components\[0\]\.model/);
});

test("check: a file that is not there, and standard input", () => {
  const missing = vigil(["check", join(directory, "none.json")]);
  assert.equal(missing.status, 2);
  assert.match(missing.stdout, /cannot be read/);
  assert.equal(vigil(["check", "-"], { input: '{ "components": [] }' }).status, 0);
});

test("up refuses a bad file with 2, in JSON lines where stderr is no terminal", () => {
  const { status, stderr } = vigil([
    "-config",
    file("up.json", { components: [], stop_group: 1 }),
    "-debug",
    "-no-tls",
  ]);
  assert.equal(status, 2);
  const lines = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { level: string; msg: string });
  assert.ok(
    lines.some(({ level, msg }) => level === "error" && msg.startsWith("stop_group: must be one of")),
    stderr,
  );
});
