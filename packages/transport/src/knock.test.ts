import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { isDirectlyAttached } from "./attached-networks.js";
import { knock } from "./knock.js";
import { deps } from "./testing/rig.js";

async function boundSocket() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

test("a port that a process holds is silent", async () => {
  const socket = await boundSocket();
  let probes = 0;
  socket.on("message", () => probes++);
  assert.equal(await knock(deps, { address: "127.0.0.1", port: socket.address().port }), "silent");
  assert.ok(probes >= 3);
  socket.close();
});

test("a port that nobody holds any more refuses, but not before 60 ms have passed", async () => {
  const socket = await boundSocket();
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  const startedMs = deps.clock.now();
  assert.equal(await knock(deps, { address: "127.0.0.1", port }), "refused");
  assert.ok(deps.clock.now() - startedMs >= 60);
});

test("nothing is sent to an address beyond a router", async () => {
  assert.equal(await knock(deps, { address: "203.0.113.1", port: 9 }), "silent");
  assert.equal(await knock(deps, { address: "robot.local", port: 9 }), "silent");
});

test("directly attached is what an interface's prefix covers, and loopback", () => {
  const eth = { netmask: "", mac: "", internal: false };
  const interfaces = {
    eth0: [
      { ...eth, address: "10.1.2.3", family: "IPv4" as const, cidr: "10.1.2.3/24" },
      { ...eth, address: "fd00::1", family: "IPv6" as const, cidr: "fd00::1/64", scopeid: 0 },
    ],
  };
  const attached = ["10.1.2.254", "127.0.0.1", "127.9.9.9", "::1", "fd00::abcd"];
  const beyond = ["10.1.3.1", "8.8.8.8", "fd01::1", "", "host.local"];
  for (const address of attached) assert.equal(isDirectlyAttached(address, interfaces), true, address);
  for (const address of beyond) assert.equal(isDirectlyAttached(address, interfaces), false, address);
});
