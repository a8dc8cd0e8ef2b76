import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { parse, stringify } from "yaml";
import {
  type DemoRobot,
  findFreePort,
  type RunningProgram,
  startDemoRobot,
  startProgram,
  waitForOk,
} from "./demo-robot.js";
import { vigilMetrics } from "./metric-table.js";
import { findProgram, inRepository, readRepositoryFile } from "./repository.js";

/** Longest wait for Prometheus to start, and for a value to be scraped at an interval of one second. */
const PATIENCE_MS = 30_000;
const POLL_MS = 200;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

test("Prometheus scrapes a running robot: every part is up, every rule evaluates, every metric is declared", async (t) => {
  const program = findProgram("prometheus");
  if (!program) return t.skip("PROMETHEUS IS MISSING: install the Debian package prometheus");
  const directory = mkdtempSync(join(tmpdir(), "vigil-prometheus-"));
  const robot = await startDemoRobot();
  try {
    const prometheus = await startPrometheus(program, directory, robot);
    try {
      const parts = await untilAnswer(prometheus.api, "vigil_part_up", (samples) => samples.length === 2);
      const values = parts.map(({ metric, value }) => [metric.part, value[1]]);
      assert.deepEqual(values.sort(), [
        ["arm", "1"],
        ["main", "1"],
      ]);
      const targets = await untilAnswer(prometheus.api, "up", (samples) => samples.length === 2);
      assert.deepEqual(
        targets.map(({ metric, value }) => [metric.job, value[1]]).sort(),
        [
          ["vigil-gateway", "1"],
          ["vigil-part", "1"],
        ],
        prometheus.running.output(),
      );
      await assertRulesHealthy(prometheus.api);
    } finally {
      await prometheus.running.stop();
    }
    await assertMetricsDeclared(robot);
  } finally {
    await robot.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

async function startPrometheus(
  program: string,
  directory: string,
  robot: DemoRobot,
): Promise<{ api: string; running: RunningProgram }> {
  const config = parse(readRepositoryFile("deploy/prometheus/prometheus.yml")) as {
    global: Record<string, string>;
    rule_files: string[];
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  config.global = { scrape_interval: "1s", evaluation_interval: "1s" };
  config.rule_files = [inRepository("deploy/prometheus/alerts.yml")];
  const targets: Record<string, string> = { "vigil-gateway": robot.gateway, "vigil-part": robot.armMetrics };
  for (const job of config.scrape_configs) job.static_configs = [{ targets: [targets[job.job_name]!] }];
  const file = join(directory, "prometheus.yml");
  writeFileSync(file, stringify(config));
  const address = `127.0.0.1:${await findFreePort()}`;
  const running = startProgram(program, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, "data")}`,
    `--web.listen-address=${address}`,
  ]);
  try {
    await waitForOk(`http://${address}/-/ready`, PATIENCE_MS, running);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return { api: `http://${address}/api/v1`, running };
}

async function untilAnswer(api: string, query: string, enough: (samples: Sample[]) => boolean): Promise<Sample[]> {
  let samples: Sample[] = [];
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    samples = (await ask<{ result: Sample[] }>(`${api}/query?query=${encodeURIComponent(query)}`)).result;
    if (enough(samples)) return samples;
    await delay(POLL_MS);
  }
  throw new Error(`${query} never held: ${JSON.stringify(samples)}`);
}

async function assertRulesHealthy(api: string): Promise<void> {
  const rules = async () =>
    (
      await ask<{ groups: { rules: { name: string; health: string; lastError?: string }[] }[] }>(`${api}/rules`)
    ).groups.flatMap((group) => group.rules);
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if ((await rules()).every(({ health }) => health !== "unknown")) break;
    await delay(POLL_MS);
  }
  const bad = (await rules()).filter(({ health }) => health !== "ok");
  assert.deepEqual(bad, []);
}

/** What the gateway and a part declare together is what the alerts and the dashboard rest on. */
async function assertMetricsDeclared(robot: DemoRobot): Promise<void> {
  const declared = new Map<string, string>();
  for (const target of [robot.gateway, robot.armMetrics]) {
    const text = await (await fetch(`http://${target}/metrics`)).text();
    for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) declared.set(name, type);
  }
  const missing = Object.entries(vigilMetrics).filter(([name, { type }]) => declared.get(name) !== type);
  assert.deepEqual(
    missing.map(([name, { type }]) => `${name} must be a ${type}, is ${declared.get(name) ?? "absent"}`),
    [],
  );
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url);
  const body = (await response.json()) as { status: string; data: T };
  assert.equal(body.status, "success", url);
  return body.data;
}
