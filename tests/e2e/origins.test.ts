import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { WebSocket } from "ws";
import { findChromium } from "../console/browser.js";
import { LIMIT } from "../rig/limit.js";
import { type Robot, startRobot } from "../rig/robot.js";

const ELSEWHERE = "https://elsewhere.example";

let robot: Robot;
before(async () => {
  robot = await startRobot();
});
after(() => robot.stop());

/** fetch() does not let a program set Host and Origin. */
async function statusOf(path: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  const call = request(`${robot.url}${path}`, { method, headers });
  call.end();
  const [response] = await once(call, "response");
  response.resume();
  return response.statusCode;
}

test("a page of another origin gets 403 for calls, API and metrics", LIMIT, async () => {
  for (const [path, method] of [
    ["/vigil/v1/snapshot", "GET"],
    ["/vigil/v1/stop", "POST"],
    ["/viam.robot.v1.RobotService/StopAll", "POST"],
    ["/metrics", "GET"],
  ] as const) {
    const headers = { origin: ELSEWHERE, "content-type": "application/grpc-web+proto" };
    assert.equal(await statusOf(path, headers, method), 403, path);
  }
  assert.equal(await statusOf("/vigil/v1/snapshot", { origin: robot.url }), 200, "its own origin is served");
});

test("a name that a foreign DNS points to this machine gets 403", LIMIT, async () => {
  assert.equal(await statusOf("/vigil/v1/snapshot", { host: "elsewhere.example" }), 403);
});

test("a WebSocket of another origin is refused, for events and for parts", LIMIT, async () => {
  for (const path of ["/vigil/v1/events", "/parts"]) {
    const socket = new WebSocket(`${robot.url.replace("http", "ws")}${path}`, { origin: ELSEWHERE });
    const [error] = (await once(socket, "error")) as [Error];
    assert.match(error.message, /403/, path);
  }
});

test("a real page of another origin cannot make the robot move", LIMIT, async (t) => {
  const executablePath = findChromium();
  if (!executablePath) return t.skip("BROWSER NOT TESTED: there is no Chromium on this machine");
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
  });
  try {
    const page = await browser.newPage();
    // Answered without a network: the page's origin is what matters.
    await page.route(`${ELSEWHERE}/**`, (route) =>
      route.fulfill({ contentType: "text/html", body: "<!doctype html>" }),
    );
    await page.goto(`${ELSEWHERE}/`);
    const before = robot.main.devices.all().length;
    const outcome = await page.evaluate(
      `fetch(${JSON.stringify(`${robot.url}/vigil/v1/stop`)}, { method: "POST", mode: "no-cors" }).then((r) => r.type + " " + r.status, (error) => String(error))`,
    );
    const socket = await page.evaluate(
      `new Promise((resolve) => { const s = new WebSocket(${JSON.stringify(`${robot.url.replace("http", "ws")}/vigil/v1/events`)}); s.onopen = () => resolve("open"); s.onerror = () => resolve("refused"); })`,
    );
    assert.notEqual(outcome, "basic 200");
    assert.equal(socket, "refused");
    assert.deepEqual(robot.main.devices.after(before), [], "nothing was stopped, nothing moved");
  } finally {
    await browser.close();
  }
});
