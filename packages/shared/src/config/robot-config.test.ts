import assert from "node:assert/strict";
import { test } from "node:test";
import { contextOf, places, SECRET } from "./config-fixtures.js";
import { loadGatewayConfig } from "./gateway-config.js";
import { loadPartConfig, type PartConfig } from "./part-config.js";
import { loadRobotConfig } from "./robot-config.js";

const load = (value: unknown) =>
  loadRobotConfig(JSON.stringify(value), contextOf(), { secretOf: (part) => `${SECRET}-${part}`, port: 4567 });
const motor = (name: string, more = {}) => ({ name, type: "motor", model: "fake", ...more });

test("a plain Viam machine config is a robot with the part main", () => {
  const { config, problems } = load({
    network: { fqdn: "bot.local", bind_address: ":9090" },
    components: [{ name: "m", namespace: "rdk", type: "motor", model: "fake", attributes: {} }],
    services: [],
    allow_unauthenticated: true,
  });
  assert.deepEqual(problems, []);
  assert.equal(config?.gateway.robot, "bot.local");
  assert.deepEqual(
    config?.parts.map((part) => part.part),
    [
      {
        name: "main",
        gateway: "ws://127.0.0.1:9090",
        secret: `${SECRET}-main`,
        tlsVerify: false,
        carrier: "websocket",
      },
    ],
  );
  assert.equal(config?.parts[0]?.resources[0]?.name, "m");
});

test("the files for the children load into the same configuration", () => {
  const { config } = load({
    robot: "bot",
    network: { bind_address: "127.0.0.1:0", sessions: { heartbeat_window: "1s" } },
    leases: { store: "redis", url: "redis://127.0.0.1:6379", prefix: "x:" },
    implicit: { quiet_limit: "3s" },
    stop_group: "part",
    components: [motor("left", { safety: { rearm: "manual" } })],
    parts: {
      arm: {
        components: [motor("j1")],
        prefix: "arm-",
        max_command_age: "100ms",
        metrics: { bind_address: "127.0.0.1:9999" },
      },
    },
  });
  assert.ok(config);
  assert.equal(config.gateway.bind.port, 4567);
  const gateway = loadGatewayConfig(JSON.stringify(config.files.gateway), contextOf());
  assert.deepEqual(gateway, { config: config.gateway, problems: [] });
  // `path` tells the place in the file that was read, which is another one here.
  const withoutPath = (part?: PartConfig) => ({
    ...part,
    resources: part?.resources.map((resource) => ({ ...resource, path: "" })),
  });
  for (const [index, file] of config.files.parts.entries()) {
    const part = loadPartConfig(JSON.stringify(file), contextOf());
    assert.deepEqual(part.problems, []);
    assert.deepEqual(withoutPath(part.config), withoutPath(config.parts[index]));
  }
  assert.equal(config.parts[1]?.leases.store, "redis");
  assert.equal(config.gateway.parts[1]?.prefix, "arm-");
  assert.equal(config.gateway.parts[1]?.maxCommandAgeMs, 100);
});

test("two parts with one bare name are warned of, unless a prefix parts them", () => {
  const robot = (arm: object) =>
    load({ components: [motor("m")], parts: { arm: { components: [motor("m")], ...arm } } });
  const { config, problems } = robot({});
  assert.ok(config);
  assert.deepEqual(places(problems), ["warning parts.arm.components[0].name"]);
  assert.match(problems[0]?.message ?? "", /"main:m" or "arm:m"/);
  assert.deepEqual(robot({ prefix: "a-" }).problems, []);
});

test("dependencies may name resources of other parts; what is nowhere is the resource's problem", () => {
  const robot = (dependency: string, more = {}) =>
    load({
      components: [motor("m", { depends_on: [dependency] })],
      parts: { arm: { components: [motor("j")] } },
      ...more,
    });
  for (const name of ["j", "arm:j", "rdk:component:motor/j"]) assert.deepEqual(robot(name).problems, [], name);
  assert.deepEqual(places(robot("x").problems), ["resource components[0].depends_on[0]"]);
  const remotes = [{ name: "far", address: "h:1" }];
  assert.deepEqual(places(robot("x", { remotes }).problems), ["warning components[0].depends_on[0]"]);
});

test("problems of a part are told at their place in the robot's file", () => {
  const { config, problems } = load({
    components: [],
    parts: {
      main: {},
      "bad name": {},
      list: [],
      arm: {
        components: [motor("j", { safety: { stop_timeout: "never" } })],
        network: { sessions: { heartbeat_window: "5s" } },
      },
    },
  });
  assert.equal(config, undefined);
  assert.deepEqual(places(problems), [
    "fatal parts.arm.components[0].safety.stop_timeout",
    "fatal parts.list",
    "fatal parts.main",
    'fatal parts["bad name"]',
    "warning parts.arm.network.sessions.heartbeat_window",
  ]);
});

test("Viam's keys that are not acted on are said, not dropped in silence", () => {
  const { config, problems } = load({
    components: [],
    jobs: [{ name: "j" }],
    packages: [],
    debug: true,
    revision: "7",
  });
  assert.deepEqual(places(problems), ["warning jobs"]);
  assert.equal(config?.parts[0]?.debug, true);
});
