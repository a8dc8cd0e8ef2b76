import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createSystemClock } from "./clock.js";
import { createServiceManager } from "./service-manager.js";

/** A stand-in for systemd's end of the socket; Node itself cannot bind one. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1) if sys.argv[1].startswith("@") else sys.argv[1])
print("bound", flush=True)
while True: print(s.recv(256).decode(), flush=True)
`;

for (const kind of ["path", "abstract"]) {
  test(`systemd hears of ready, the watchdog's feed and stopping (${kind} socket)`, async (t) => {
    if (spawnSync("python3", ["--version"]).status !== 0) return t.skip("python3 is missing: it plays systemd here");
    const directory = mkdtempSync(join(tmpdir(), "vigil-notify-"));
    const path = kind === "path" ? join(directory, "notify") : `@vigil-notify-${process.pid}`;
    const listener = spawn("python3", ["-c", LISTENER, path], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const lines = createInterface({ input: listener.stdout })[Symbol.asyncIterator]();
      const next = async () => (await lines.next()).value;
      assert.equal(await next(), "bound");
      const manager = await createServiceManager(createSystemClock(), {
        NOTIFY_SOCKET: path,
        WATCHDOG_USEC: "60000000",
      });
      manager.ready();
      manager.alive();
      manager.alive();
      manager.stopping();
      assert.deepEqual([await next(), await next(), await next()], ["READY=1", "WATCHDOG=1", "STOPPING=1"]);
    } finally {
      listener.kill();
      rmSync(directory, { recursive: true });
    }
  });
}

test("without NOTIFY_SOCKET nothing is done", async () => {
  const manager = await createServiceManager(createSystemClock(), {});
  manager.ready();
  manager.alive();
  manager.stopping();
});
