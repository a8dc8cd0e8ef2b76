import { test } from "node:test";
import { dialChannel } from "../rig/clients/raw-channel.js";
import { LIMIT } from "../rig/limit.js";
import { LINK_SECRET, startLinkPart } from "../rig/link-part.js";
import { startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

test("vigil_webrtc_connections follows the data channels of parts and clients, up and down", LIMIT, async () => {
  const robot = await startRobot({
    absent: ["main", "arm"],
    unready: true,
    gateway: { parts: [{ name: "arm", secret: LINK_SECRET }] },
  });
  const becomes = (side: "part" | "client", value: number) =>
    until(
      `vigil_webrtc_connections of ${side} is ${value}`,
      async () => (await robot.metrics()).sum("vigil_webrtc_connections", { side }) === value,
    );
  const url = `ws://127.0.0.1:${robot.port}`;
  try {
    await becomes("part", 0);
    await becomes("client", 0);
    const part = startLinkPart({ url, carrier: "webrtc" });
    await becomes("part", 1);
    const client = await dialChannel(robot.url);
    await becomes("client", 1);
    part.close();
    await becomes("part", 0);
    await becomes("client", 1);
    await client.close();
    await becomes("client", 0);
    const wired = startLinkPart({ url, carrier: "websocket" });
    await until("the part is linked", () => wired.alive.length > 0);
    await becomes("part", 0);
    wired.close();
  } finally {
    await robot.stop();
  }
});
