import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createConfigContext, loadGatewayConfig, loadPartConfig } from "@vigil/shared";
import { inRepository, readRepositoryFile, run } from "./repository.js";

const loaders = { gateway: loadGatewayConfig, main: loadPartConfig, arm: loadPartConfig } as const;
type Name = keyof typeof loaders;

/** Hands on the text of an example whose secrets are where this machine can read them, and a directory to use. */
function withExample<T>(name: Name, action: (text: string, directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "vigil-config-"));
  try {
    const secrets = join(directory, "secrets");
    assert.equal(run("sh", ["deploy/docker/make-secrets.sh", secrets]).status, 0);
    const text = readRepositoryFile(`deploy/docker/${name}.json`).replaceAll("/run/secrets", secrets);
    return action(text, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs `vigil check` on a changed copy of an example. */
function check(name: Name, change: (text: string) => string): { status: number | null; output: string } {
  return withExample(name, (text, directory) => {
    const file = join(directory, `${name}.json`);
    writeFileSync(file, change(text));
    return run(process.execPath, [inRepository("apps/cli/dist/main.js"), "check", file]);
  });
}

for (const name of ["gateway", "main", "arm"] as const) {
  test(`${name}.json loads without a problem`, () => {
    const { config, problems } = withExample(name, (text, directory) =>
      loaders[name](text, createConfigContext({ directory, env: {} })),
    );
    assert.deepEqual(problems, []);
    assert.ok(config);
  });

  test(`vigil check passes ${name}.json without a warning`, () => {
    const { status, output } = check(name, (text) => text);
    assert.equal(status, 0, output);
    assert.match(output, /: 0 errors, 0 warnings$/m);
  });

  test(`vigil check refuses ${name}.json with a secret that is missing, and names a misspelt key`, () => {
    const missing = check(name, (text) => text.replaceAll("/secrets/part-", "/secrets/lost-"));
    assert.equal(missing.status, 2, missing.output);
    assert.match(missing.output, /secret/);
    const misspelt = check(name, (text) => text.replace('"bind_address"', '"bind_adress"'));
    assert.match(misspelt.output, /bind_address/);
  });
}
