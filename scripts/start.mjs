// `npm start`: the demo robot, from a fresh clone. PORT chooses the gateway's port (8080); Ctrl-C ends everything.
import { readFileSync } from "node:fs";
import { env } from "node:process";
import { prepare, ROOT } from "./prepare.mjs";

// Read before anything else: later it could already be another.
const parent = process.ppid;
try {
  await prepare();
} catch (error) {
  process.stderr.write(`npm start: ${error.message}\n`);
  process.exit(1);
}
// In this very process, so that there is one less between npm and the robot to pass a signal on.
const { runCli } = await import("../apps/cli/dist/index.js");
// npm passes SIGTERM to a shell that does not pass it on: the robot watches that shell instead.
const underNpm = env.npm_lifecycle_event !== undefined;
if (underNpm) watchNpm();
const robotEnv = underNpm ? { ...env, VIGIL_PARENT_PID: String(parent) } : env;
process.exitCode = await runCli(["up", `${ROOT}deploy/demo/robot.json`, ...process.argv.slice(2)], robotEnv);

/** Ends the robot when npm itself was killed: the shell between lives on then, which watching our own parent misses. */
function watchNpm() {
  const npm = parentOf(parent);
  if (npm === undefined) return;
  const watch = setInterval(() => {
    if (parentOf(parent) === npm) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 250);
  watch.unref();
}

/** The parent of another process; undefined where there is no /proc, or no such process. */
function parentOf(pid) {
  try {
    // "pid (name) state ppid ...", and the name may hold anything.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1];
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return undefined;
    throw error;
  }
}
