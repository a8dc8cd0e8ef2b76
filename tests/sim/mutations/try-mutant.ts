import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Mutation } from "./mutations.js";

export interface Verdict {
  readonly caught: boolean;
  /** The violation, or the failed test. */
  readonly how: string;
}

const SIM = new URL("..", import.meta.url);
const BUILT_CORE = new URL("../../../../packages/safety/dist/", import.meta.url);
/** Not compiled: it stands beside the sources. */
const REDIRECT = new URL("../../../sim/mutations/redirect.mjs", import.meta.url);

/** A copy of the built core with the mutation in it; undefined: without one. */
async function withCopy<T>(mutation: Mutation | undefined, use: (copy: URL) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(`${tmpdir()}/vigil-mutant-`);
  try {
    await cp(fileURLToPath(BUILT_CORE), folder, { recursive: true });
    for (const edit of mutation ? [mutation, ...(mutation.more ?? [])] : []) {
      const file = `${folder}/${edit.file}`;
      const parts = (await readFile(file, "utf8")).split(edit.find);
      if (parts.length !== 2) {
        throw new Error(`"${mutation!.name}": ${edit.file} holds the text ${parts.length - 1} times, not once`);
      }
      await writeFile(file, parts.join(edit.replace));
    }
    await writeFile(`${folder}/package.json`, '{ "type": "module" }');
    return await use(pathToFileURL(`${folder}/`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(copy: URL, args: readonly string[], limitMs: number): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", REDIRECT.href, ...args], {
      env: { ...process.env, VIGIL_SAFETY: copy.href, NODE_TEST_CONTEXT: undefined },
      timeout: limitMs,
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ ok: code === 0, output }));
  });
}

/** Runs the simulator against the mutated core. */
export function trySimulator(
  mutation: Mutation | undefined,
  { seed, episodes }: { readonly seed: number; readonly episodes: number },
  limitMs: number,
): Promise<Verdict> {
  return withCopy(mutation, async (copy) => {
    const main = fileURLToPath(new URL("main.js", SIM));
    const { ok, output } = await run(copy, [main, "--seed", String(seed), "--episodes", String(episodes)], limitMs);
    return { caught: !ok, how: /^seed \d+: .*/m.exec(output)?.[0] ?? output.slice(0, 300) };
  });
}

/** Runs the core's own tests against the mutated core. */
export function tryUnitTests(mutation: Mutation | undefined, limitMs: number): Promise<Verdict> {
  return withCopy(mutation, async (copy) => {
    const folder = fileURLToPath(copy);
    for (const file of ["guard.test.js", "session-table.test.js", "stop-plan.test.js", "properties.test.js"]) {
      const { ok, output } = await run(copy, ["--test", `${folder}${file}`], limitMs);
      if (!ok) return { caught: true, how: /not ok \d+ - (.*)/.exec(output)?.[1] ?? `${file} failed` };
    }
    return { caught: false, how: "every test passed" };
  });
}
