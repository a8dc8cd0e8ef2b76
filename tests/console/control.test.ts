import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { type Browser, findChromium, openBrowser, watchPage } from "./browser.js";
import { createFixtureGateway, type FixtureGateway } from "./fixture-gateway.js";
import { createFixtureRobot, FIXTURE_SESSION_ID, type FixtureRobot } from "./fixture-robot.js";
import { end, fixtureSnapshot, resource } from "./fixture-snapshot.js";
import { until } from "./until.js";

/** The page's own driving: Viam's SDK in Chromium, over WebRTC, against a robot that records what it is told. */

const chromium = findChromium();
const SKIPPED = chromium === null ? "SKIPPED LOUDLY: no Chromium on this machine; set CHROMIUM to its path" : false;

let browser: Browser;
before(async () => {
  if (chromium !== null) browser = await openBrowser(chromium);
});
after(() => browser?.close());

interface Driven {
  gateway: FixtureGateway;
  robot: FixtureRobot;
  page: Page;
  sins: string[];
  calls(method: string): { session: string | null; numbers: number[] }[];
}

interface RobotOptions {
  cameras?: readonly string[];
  key?: { id: string; secret: string };
}

async function withRobot(body: (driven: Driven) => Promise<void>, { cameras = [], key }: RobotOptions = {}) {
  const robot = createFixtureRobot();
  const snapshot = fixtureSnapshot();
  for (const name of cameras) snapshot.resources.push(resource("main", "camera", name));
  const gateway = await createFixtureGateway(snapshot, { robot, key });
  const page = await browser.context.newPage();
  try {
    const sins = watchPage(page, gateway.origin);
    await page.goto(gateway.origin);
    await page.getByRole("button", { name: key === undefined ? "Take control" : "Log in" }).waitFor();
    await body({ gateway, robot, page, sins, calls: (method) => robot.calls.filter((call) => call.method === method) });
  } finally {
    await page.close();
    await gateway.close();
    await robot.close();
  }
}

async function takeControl(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Take control" }).click();
  await page.getByText(`In control, session ${FIXTURE_SESSION_ID.slice(0, 8)}.`).waitFor();
}

test(
  "a page that only watches opens no connection; control opens a session and releasing it says goodbye",
  { skip: SKIPPED },
  () =>
    withRobot(async ({ robot, page, sins }) => {
      assert.equal(robot.connections(), 0);
      await takeControl(page);
      assert.equal(robot.connections(), 1);
      await until(() => robot.heartbeats.length >= 2);
      assert.equal(robot.heartbeats[0], FIXTURE_SESSION_ID);
      await page.getByRole("button", { name: "Release control" }).click();
      await until(() => robot.connections() === 0);
      assert.deepEqual(sins, []);
    }),
);

test("a held key drives again and again with the session, letting go stops", { skip: SKIPPED }, () =>
  withRobot(async ({ page, calls }) => {
    await takeControl(page);
    await page.keyboard.down("w");
    await until(() => calls("BaseService/SetPower").length >= 5);
    assert.deepEqual(calls("BaseService/SetPower")[0], {
      method: "BaseService/SetPower",
      session: FIXTURE_SESSION_ID,
      numbers: [0.4],
    });
    await page.keyboard.down("ArrowLeft");
    await until(() => calls("BaseService/SetPower").at(-1)?.numbers.length === 2);
    await page.keyboard.up("ArrowLeft");
    await page.keyboard.up("w");
    await until(() => calls("BaseService/Stop").length === 1);
    const driven = calls("BaseService/SetPower").length;
    await page.waitForTimeout(400);
    assert.equal(calls("BaseService/SetPower").length, driven);
  }),
);

test("STOP lets go of a held key, and so does leaving the window", { skip: SKIPPED }, () =>
  withRobot(async ({ gateway, page, calls }) => {
    await takeControl(page);
    await page.keyboard.down("d");
    await until(() => calls("BaseService/SetPower").length >= 2);
    await page.keyboard.press("Escape");
    await until(() => calls("BaseService/Stop").length === 1 && gateway.posts.includes("/vigil/v1/stop"));
    const driven = calls("BaseService/SetPower").length;
    await page.waitForTimeout(300);
    assert.equal(calls("BaseService/SetPower").length, driven);
    await page.keyboard.up("d");

    await page.keyboard.down("s");
    await until(() => calls("BaseService/SetPower").length > driven);
    await page.evaluate("window.dispatchEvent(new Event('blur'))");
    await until(() => calls("BaseService/Stop").length === 2);
  }),
);

test("the touch pad drives while a finger is on it", { skip: SKIPPED }, () =>
  withRobot(async ({ page, calls }) => {
    await takeControl(page);
    await page.getByRole("button", { name: "Turn right" }).hover();
    await page.mouse.down();
    await until(() => calls("BaseService/SetPower").length >= 3);
    assert.deepEqual(calls("BaseService/SetPower")[0]?.numbers, [-0.4]);
    await page.mouse.up();
    await until(() => calls("BaseService/Stop").length === 1);
  }),
);

test("arm, gripper and servo move by their own controls", { skip: SKIPPED }, () =>
  withRobot(async ({ page, calls }) => {
    await takeControl(page);
    const second = page.getByRole("slider", { name: /Joint 2/ });
    await second.focus();
    await page.keyboard.press("ArrowRight");
    await until(() => calls("ArmService/MoveToJointPositions").length === 1);
    assert.deepEqual(calls("ArmService/MoveToJointPositions")[0]?.numbers, [10, -19, 30]);
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.getByText("Open.", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Grab", exact: true }).click();
    await page.getByText("Grabbed.").waitFor();
    await page.getByRole("slider", { name: /Angle/ }).focus();
    await page.keyboard.press("End");
    await until(() => calls("ServoService/Move").length === 1);
    assert.deepEqual(calls("ServoService/Move")[0]?.numbers, [180]);
    assert.equal(calls("BaseService/SetPower").length, 0);
  }),
);

test("control is lost in words when the session ends, and can be taken again", { skip: SKIPPED }, () =>
  withRobot(async ({ gateway, robot, page }) => {
    await takeControl(page);
    gateway.send({ type: "end", end: end(FIXTURE_SESSION_ID.slice(0, 8), { reason: "revoked", cause: "revoked" }) });
    await page.getByText("Control lost: the session ended: revoked.").waitFor();
    await until(() => robot.connections() === 0);

    await takeControl(page);
    robot.refuseWith = "SESSION_EXPIRED";
    await page.keyboard.down("w");
    await page.getByText("Control lost: the session ended.").waitFor();
    await page.keyboard.up("w");

    robot.refuseWith = null;
    await takeControl(page);
    await robot.close();
    await page.getByText(/Control lost: the connection to the robot closed/).waitFor();
  }),
);

test("camera pictures come over a connection without a session", { skip: SKIPPED }, () =>
  withRobot(
    async ({ robot, page, sins, calls }) => {
      for (const name of ["front", "rear"]) {
        const picture = page.getByRole("img", { name: `Picture of camera ${name}` });
        await until(
          async () => (await picture.locator("canvas").getAttribute("width")) === (name === "front" ? "2" : "1"),
        );
      }
      await until(() => calls("CameraService/GetImages").length >= 6);
      assert.ok(calls("CameraService/GetImages").every((call) => call.session === null));
      assert.deepEqual(robot.heartbeats, []);
      assert.deepEqual(sins, []);
    },
    { cameras: ["front", "rear"] },
  ),
);

test("a page that goes says goodbye", { skip: SKIPPED }, () =>
  withRobot(async ({ robot, page }) => {
    await takeControl(page);
    await page.close({ runBeforeUnload: true });
    await until(() => robot.connections() === 0);
  }),
);

test("with authentication the connection is made with the token of the log-in", { skip: SKIPPED }, () =>
  withRobot(
    async ({ robot, page }) => {
      await page.getByLabel("Key id").fill("key-1");
      await page.getByLabel("Key", { exact: true }).fill("secret-1");
      await page.getByRole("button", { name: "Log in" }).click();
      await takeControl(page);
      await page.getByRole("button", { name: "Log out" }).click();
      await until(() => robot.connections() === 0);
    },
    { key: { id: "key-1", secret: "secret-1" } },
  ),
);
