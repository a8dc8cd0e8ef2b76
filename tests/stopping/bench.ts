// Measures P5: thirty motors whose Stop takes 100 ms, how long after the first the last one is commanded:
//   node tests/dist/stopping/bench.js [runs, default 50]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { startApp } from "../rig/app-process.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { createDeviceLog } from "../rig/device-log.js";
import { until } from "../rig/until.js";

const MOTORS = 30;
const STOP_DELAY_MS = 100;
const LIMIT_MS = 20;
const SECRET = "a secret for this bench alone";

const runs = Number(process.argv[2] ?? 50);
const directory = mkdtempSync(join(tmpdir(), "vigil-stopping-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const devices = createDeviceLog(join(directory, "devices.log"));
const write = (name: string, content: object) => {
  const file = join(directory, name);
  writeFileSync(file, JSON.stringify(content));
  return file;
};

const gateway = startApp(
  "gateway",
  write("gateway.json", {
    robot: "bench",
    network: { bind_address: "127.0.0.1:0", no_tls: true },
    parts: [{ name: "main", secret: SECRET }],
  }),
);
const { port } = await gateway.logged("that it serves", ({ msg }) => msg === "gateway serves");
const names = Array.from({ length: MOTORS }, (_, index) => `motor${index}`);
const part = startApp(
  "part-agent",
  write("part.json", {
    part: { name: "main", gateway: `ws://127.0.0.1:${port}`, secret: SECRET },
    leases: { store: "gateway" },
    metrics: { bind_address: "127.0.0.1:0" },
    components: names.map((name) => ({
      name,
      api: "rdk:component:motor",
      model: "fake",
      attributes: { log_path: devices.file, stop_delay_ms: STOP_DELAY_MS },
    })),
  }),
);
const url = `http://127.0.0.1:${port}`;
await until("the robot is ready", async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200);

/** Time from the first stop's command to the last one's, in ms. */
async function measure(): Promise<number> {
  const { call } = createRawCalls(url);
  const begun = devices.all().length;
  await Promise.all(
    names.map((name) => call("viam.component.motor.v1.MotorService/SetPower", { name, powerPct: 0.5 })),
  );
  const sessions = (await (await fetch(`${url}/vigil/v1/snapshot`)).json()) as { sessions: { id: string }[] };
  await Promise.all(
    sessions.sessions.map(({ id }) => fetch(`${url}/vigil/v1/sessions/${id}/revoke`, { method: "POST" })),
  );
  const stopped = await until("every motor has stopped", () => {
    const stops = devices.after(begun).filter(({ command }) => command === "stop");
    return new Set(stops.map(({ device }) => device)).size === MOTORS && devices.after(begun);
  });
  const commanded = stopped.filter(({ command }) => command === "stop_begun").map(({ t }) => t);
  // Each is stopped once more when its call has settled; what counts is the first command for each.
  const first = new Map<string, number>();
  for (const { device, command, t } of stopped)
    if (command === "stop_begun" && !first.has(device)) first.set(device, t);
  return Math.max(...first.values()) - Math.min(...commanded);
}

const times: number[] = [];
for (let run = 0; run < runs; run += 1) {
  times.push(await measure());
  await until("the robot is ready", async () => (await fetch(`${url}/readyz`)).status === 200);
}
await part.stop();
await gateway.stop();
times.sort((a, b) => a - b);
const p = (share: number) => times[Math.min(times.length - 1, Math.ceil(share * times.length) - 1)]!;
console.log(`${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${MOTORS} motors, ${runs} runs`);
console.log(
  `first to last stop command: p50 ${p(0.5).toFixed(2)} ms, p99 ${p(0.99).toFixed(2)} ms, max ${p(1).toFixed(2)} ms (limit ${LIMIT_MS} ms)`,
);
process.exit(p(1) > LIMIT_MS ? 1 : 0);
