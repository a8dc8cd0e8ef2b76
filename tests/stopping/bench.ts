// Measures P5: thirty motors whose Stop takes 100 ms, how long after the first the last one is commanded. By itself:
//   node tests/dist/stopping/bench.js [runs, default 50]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AppProcess, startApp } from "../rig/app-process.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { createDeviceLog } from "../rig/device-log.js";
import { until } from "../rig/until.js";

export const MOTORS = 30;
export const STOP_DELAY_MS = 100;
export const LIMIT_MS = 20;
const SECRET = "a secret for this bench alone";

/** Time from the first stop's command to the last one's in each run, in ms; Infinity: one never came. */
export async function measureStops(runs: number): Promise<number[]> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-stopping-bench-"));
  const apps: AppProcess[] = [];
  try {
    const devices = createDeviceLog(join(directory, "devices.log"));
    const start = async (app: "gateway" | "part-agent", config: object): Promise<AppProcess> => {
      const file = join(directory, `${app}.json`);
      writeFileSync(file, JSON.stringify(config));
      const started = startApp(app, file);
      apps.push(started);
      return started;
    };
    const gateway = await start("gateway", {
      robot: "bench",
      network: { bind_address: "127.0.0.1:0", no_tls: true },
      parts: [{ name: "main", secret: SECRET }],
    });
    const { port } = await gateway.logged("that it serves", ({ msg }) => msg === "gateway serves");
    const names = Array.from({ length: MOTORS }, (_, index) => `motor${index}`);
    await start("part-agent", {
      part: { name: "main", gateway: `ws://127.0.0.1:${port}`, secret: SECRET },
      leases: { store: "gateway" },
      metrics: { bind_address: "127.0.0.1:0" },
      components: names.map((name) => ({
        name,
        api: "rdk:component:motor",
        model: "fake",
        attributes: { log_path: devices.file, stop_delay_ms: STOP_DELAY_MS },
      })),
    });
    const url = `http://127.0.0.1:${port}`;
    const ready = () =>
      until("the robot is ready", async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200);
    const times: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      await ready();
      times.push(await measureOnce(url, names, devices).catch(neverStopped));
    }
    return times;
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
}

function neverStopped(error: Error): number {
  process.stderr.write(`${error.message}\n`);
  return Infinity;
}

async function measureOnce(
  url: string,
  names: readonly string[],
  devices: ReturnType<typeof createDeviceLog>,
): Promise<number> {
  const { call } = createRawCalls(url);
  let begun = 0;
  await until("all motors turn", async () => {
    begun = devices.all().length;
    // A busy machine may delay a command for longer than it is accepted: nothing is measured yet.
    const outcomes = await Promise.allSettled(
      names.map((name) => call("viam.component.motor.v1.MotorService/SetPower", { name, powerPct: 0.5 })),
    );
    return outcomes.every(({ status }) => status === "fulfilled");
  });
  const sessions = (await (await fetch(`${url}/vigil/v1/snapshot`)).json()) as { sessions: { id: string }[] };
  await Promise.all(
    sessions.sessions.map(({ id }) => fetch(`${url}/vigil/v1/sessions/${id}/revoke`, { method: "POST" })),
  );
  const stopped = await until("every motor has stopped", () => {
    const stops = devices.after(begun).filter(({ command }) => command === "stop");
    return new Set(stops.map(({ device }) => device)).size === MOTORS && devices.after(begun);
  });
  // Each is stopped once more when its call has settled; what counts is the first command for each.
  const first = new Map<string, number>();
  for (const { device, command, t } of stopped)
    if (command === "stop_begun" && !first.has(device)) first.set(device, t);
  return first.size === MOTORS ? Math.max(...first.values()) - Math.min(...first.values()) : Infinity;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const times = (await measureStops(Number(process.argv[2] ?? 50))).sort((a, b) => a - b);
  const p = (share: number) => times[Math.min(times.length - 1, Math.ceil(share * times.length) - 1)]!;
  console.log(
    `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${MOTORS} motors, ${times.length} runs`,
  );
  console.log(
    `first to last stop command: p50 ${p(0.5).toFixed(2)} ms, p99 ${p(0.99).toFixed(2)} ms, max ${p(1).toFixed(2)} ms (limit ${LIMIT_MS} ms)`,
  );
  process.exit(p(1) > LIMIT_MS ? 1 : 0);
}
