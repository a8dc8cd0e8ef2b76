// What `npm start` and `npm test` share: a fresh clone is installed and built, an up-to-date one is left alone.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { env } from "node:process";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MIN_NODE = [20, 19];
/** Holds the hash of the lock file that was installed: times alone do not survive a copy or a checkout. */
const STAMP = `${ROOT}node_modules/.vigil-lock-hash`;

/** Installs what is missing and builds. Output goes to stderr, so that stdout holds results alone. */
export async function prepare() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
    throw new Error(`this is Node ${process.versions.node}: install Node ${MIN_NODE.join(".")} or later`);
  }
  if (!isInstalled()) {
    process.stderr.write("installing dependencies\n");
    const npm = env.npm_execpath;
    const [command, args] = npm?.endsWith("js") ? [process.execPath, [npm]] : ["npm", []];
    await runStep(command, [...args, "install", "--include=dev"]);
    writeFileSync(STAMP, lockHash());
  }
  process.stderr.write("building\n");
  await runStep(`${ROOT}node_modules/.bin/turbo`, ["run", "build", "--output-logs=errors-only"]);
}

function isInstalled() {
  const hidden = statSync(`${ROOT}node_modules/.package-lock.json`, { throwIfNoEntry: false });
  if (hidden === undefined) return false;
  try {
    if (readFileSync(STAMP, "utf8") === lockHash()) return true;
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return hidden.mtimeMs >= statSync(`${ROOT}package-lock.json`).mtimeMs;
}

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(`${ROOT}package-lock.json`))
    .digest("hex");
}

/**
 * Runs a command to its end. It gets a process group of its own, which is ended with this process: npm passes SIGTERM
 * to its child alone, and grandchildren would stay behind.
 */
function runStep(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ["ignore", process.stderr, process.stderr],
      env: { ...env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" },
      detached: true,
    });
    const forget = onEnd((code) => {
      killGroup(child.pid);
      process.exit(code);
    });
    child.once("error", (error) => {
      forget();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      forget();
      if (code === 0) resolve();
      else reject(new Error(`"${args.join(" ")}" failed (${signal ?? `exit code ${code}`}): see above`));
    });
  });
}

function killGroup(pid) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Calls `end` when this process is asked to stop, or npm above it is gone. @returns what takes it back. */
export function onEnd(end) {
  const parent = process.ppid;
  const terminated = () => end(143);
  const interrupted = () => end(130);
  process.on("SIGTERM", terminated);
  process.on("SIGHUP", terminated);
  process.on("SIGINT", interrupted);
  // Only below npm: a script started by hand with nohup may well outlive its shell.
  const underNpm = env.npm_lifecycle_event !== undefined;
  const watch = setInterval(() => underNpm && process.ppid !== parent && terminated(), 100);
  return () => {
    clearInterval(watch);
    process.off("SIGTERM", terminated);
    process.off("SIGHUP", terminated);
    process.off("SIGINT", interrupted);
  };
}

/**
 * Installs and builds what is missing, unless `--no-build` is given, then runs a built program with all else that was
 * given, and ends as it ends.
 * @param program its path from the root.
 * @param first gives the arguments that come before those given.
 */
export async function runBuilt(program, first = () => []) {
  const given = process.argv.slice(2);
  if (!given.includes("--no-build")) await prepare();
  const rest = given.filter((argument) => argument !== "--no-build");
  const child = spawn(process.execPath, [`${ROOT}${program}`, ...first(rest), ...rest], { stdio: "inherit" });
  onEnd(() => child.kill("SIGTERM"));
  child.on("close", (code, signal) => process.exit(signal ? 1 : code));
}
