import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CallStart, createChannelClient } from "@vigil/protocol";
import { SignalingService } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import { createSystemClock, systemRandom } from "@vigil/shared";
import { createAnswerer, createChallenger } from "@vigil/transport";
import { findChromium, openBrowser } from "../console/browser.js";
import { type BrowserPeer, openBrowserPeer } from "../rig/browser-peer.js";
import { isStop } from "../rig/device-log.js";
import { message } from "../rig/grpc-web-bytes.js";
import { LIMIT } from "../rig/limit.js";
import { mark } from "../rig/motion.js";
import { ROBOT, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

function withBrowser(what: string, use: (browser: BrowserPeer) => Promise<void>): void {
  test(what, LIMIT, async (t) => {
    const executablePath = findChromium();
    if (!executablePath) return t.skip("BROWSER NOT TESTED: there is no Chromium on this machine");
    const browser = await openBrowser(executablePath);
    try {
      await use(await openBrowserPeer(await browser.context.newPage()));
    } finally {
      await browser.close();
    }
  });
}

withBrowser(
  "Chromium and the transport alone: an echo, challenges, a restart of ICE (scenario 29)",
  async (browser) => {
    const deps = { clock: createSystemClock(), random: systemRandom };
    const answerer = createAnswerer(deps, { hostAddresses: ["127.0.0.1"] });
    try {
      const { answer, peer } = await answerer.answer(await browser.offer());
      peer.data.onMessage((bytes) => peer.data.send(bytes));
      const closed: string[] = [];
      peer.on("closed", ({ cause }) => closed.push(cause));
      const answeredAt: number[] = [];
      peer.on("evidence", ({ kind, atMs }) => kind === "transport" && answeredAt.push(atMs));
      await browser.accept({ type: "answer", sdp: answer.sdp });
      await echoes(browser, 20);

      const challenger = createChallenger({ clock: deps.clock, peer }, { intervalMs: 50 });
      for (let round = 0; round < 3; round += 1) {
        const before = peer.remoteAddress()!;
        await browser.restartIce();
        await until("the browser has another port", () => peer.remoteAddress() !== before);
        const from = deps.clock.now();
        await until("challenges are answered there", () => (answeredAt.at(-1) ?? 0) > from);
        await echoes(browser, 5);
      }
      challenger.stop();
      assert.deepEqual(closed, []);
      assert.equal(peer.isRenegotiating, false);
    } finally {
      await answerer.close();
    }
  },
);

async function echoes(browser: BrowserPeer, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const bytes = Buffer.alloc(1 + index * 997, index);
    await browser.send(bytes);
    assert.deepEqual(await browser.receive(), bytes);
  }
}

withBrowser("a browser that restarts ICE keeps its session and its motion (scenario 29)", async (browser) => {
  const robot = await startRobot({ window: "1s" });
  try {
    const { sdp } = await dial(robot.url, await browser.offer());
    await browser.accept({ type: "answer", sdp });
    const client = createChannelClient({ send: (frame) => void browser.send(frame) });
    void (async () => {
      for (;;) client.receive(await browser.receive());
    })().catch(() => undefined);
    const before = mark(robot);
    const setPower = message([
      [1, "base"],
      [2, message([[2, 0.3]])],
    ]);
    assert.equal(await statusOf(client, "/viam.component.base.v1.BaseService/SetPower", setPower), 0);
    await robot.main.devices.came("motion", ({ device }) => device === "left", before.get(robot.main));
    const moving = mark(robot);
    const [session] = (await robot.snapshot()).sessions;
    assert.ok(session);
    for (let round = 0; round < 3; round += 1) {
      await browser.restartIce();
      // Longer than the window: what did not answer meanwhile would have lapsed.
      await sleep(1300);
    }
    assert.deepEqual(robot.main.devices.after(moving.get(robot.main)!).filter(isStop), []);
    const sessions = (await robot.snapshot()).sessions.map(({ id }) => id);
    assert.deepEqual(sessions, [session.id]);
  } finally {
    await robot.stop();
  }
});

async function dial(url: string, offer: { sdp: string }): Promise<{ sdp: string }> {
  const signaling = createClient(SignalingService, createGrpcTransport({ baseUrl: url }));
  const sdp = Buffer.from(JSON.stringify(offer)).toString("base64");
  let answer: { sdp: string } | undefined;
  for await (const { stage } of signaling.call({ sdp }, { headers: { "rpc-host": ROBOT } })) {
    if (stage.case === "init") answer = JSON.parse(Buffer.from(stage.value.sdp, "base64").toString("utf8"));
  }
  assert.ok(answer, "the offer was not answered");
  return answer;
}

function statusOf(client: ReturnType<typeof createChannelClient>, method: string, request: Uint8Array) {
  const start: CallStart = { method, metadata: new Map(), timeoutMs: undefined };
  return new Promise<number>((resolve) => {
    const sink = client.call(start, { headers() {}, message() {}, trailers: ({ code }) => resolve(code) });
    sink.message(request);
    sink.end();
  });
}
