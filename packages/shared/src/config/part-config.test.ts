import assert from "node:assert/strict";
import { test } from "node:test";
import { contextOf, places, VALID_PART } from "./config-fixtures.js";
import { loadPartConfig } from "./part-config.js";

const load = (value: unknown, env = {}) => loadPartConfig(JSON.stringify(value), contextOf(env));
const part = VALID_PART.part;
const motor = (more: object) => ({ name: "m", api: "rdk:component:motor", model: "fake", ...more });
const first = (component: object) => load({ part, components: [component] });

test("a gateway on the same machine is linked by a WebSocket, another by a data channel, unless the file says so", () => {
  const carrier = (key: object) => load({ part: { ...part, ...key } }).config?.part.carrier;
  assert.equal(carrier({ gateway: "ws://127.0.0.1:8080" }), "websocket");
  assert.equal(carrier({ gateway: "ws://[::1]:8080" }), "websocket");
  assert.equal(carrier({ gateway: "ws://10.0.0.5:8080" }), "webrtc");
  assert.equal(carrier({ gateway: "ws://127.0.0.1:8080", carrier: "webrtc" }), "webrtc");
  assert.equal(carrier({ gateway: "ws://10.0.0.5:8080", carrier: "websocket" }), "websocket");
  assert.deepEqual(places(load({ part: { ...part, carrier: "pigeon" } }).problems), ["fatal part.carrier"]);
});

test("a part is compiled: old and new resource forms, defaults, frozen", () => {
  const { config, problems } = load(VALID_PART);
  assert.deepEqual(problems, []);
  assert.deepEqual(config?.part, { ...part, tlsVerify: true, carrier: "websocket" });
  assert.deepEqual(config?.leases, { store: "gateway" });
  assert.deepEqual(config?.metricsBind, { host: "127.0.0.1", port: 9464 });
  assert.equal(config?.networkWindowMs, 3000);
  const [left, base, motion] = config?.resources ?? [];
  assert.deepEqual(left?.api, { namespace: "rdk", type: "component", subtype: "motor" });
  assert.equal(left?.model, "rdk:builtin:fake");
  assert.deepEqual(left?.safety, {
    policy: "ramp",
    stopTimeoutMs: 1000,
    retries: 3,
    rearm: "manual",
    monitored: [],
    ramp: { durationMs: 300 },
    escalate: { endProcess: true, emergencyStop: [], eStop: [] },
  });
  assert.equal(base?.safety.policy, "stop");
  assert.deepEqual(base?.dependsOn, ["left"]);
  assert.deepEqual(motion?.api, { namespace: "rdk", type: "service", subtype: "motion" });
  assert.equal(`${motion?.name} ${motion?.model} ${motion?.safety.policy}`, "builtin rdk:builtin:builtin none");
  assert.deepEqual(config?.modules[0], {
    name: "mod",
    executablePath: "/opt/mod",
    type: "local",
    env: { A: "b" },
    tcpMode: false,
    firstRunTimeoutMs: 3_600_000,
  });
  assert.equal(config?.remotes[0]?.reconnectIntervalMs, 1000);
  assert.ok(Object.isFrozen(left?.safety.escalate));
});

test("one bad resource carries its problem and leaves the rest running", () => {
  const bad = [
    [motor({ name: "a b" }), "name"],
    [motor({ name: `x${"y".repeat(60)}` }), "name"],
    [motor({ model: "a:b" }), "model"],
    [motor({ model: undefined }), "model"],
    [motor({ api: "motor" }), "api"],
    [motor({ api: undefined }), "api"],
    [motor({ api: "rdk:service:motion" }), "api"],
    [motor({ attributes: [] }), "attributes"],
    [motor({ depends_on: ["m"] }), "depends_on"],
    [motor({ attributes: { port: "$" + "{environment.NONE}" } }), "attributes.port"],
    [motor({ attributes: { path: "$" + "{packages.model}" } }), "attributes.path"],
  ] as const;
  for (const [component, key] of bad) {
    const { config, problems } = load({ part, components: [component, motor({ name: "good" })] });
    assert.deepEqual(places(problems), [`resource components[0].${key}`], key);
    assert.ok(config?.resources[0]?.problem, key);
    assert.equal(config?.resources[1]?.problem, undefined, key);
  }
});

test("an entry that is no object still shows up", () => {
  const { config, problems } = load({ part, components: [7, motor({})] });
  assert.deepEqual(places(problems), ["resource components[0]"]);
  assert.deepEqual(
    config?.resources.map((resource) => resource.name),
    ["unnamed-component-0", "m"],
  );
});

test("two resources with one API and name: neither; another API may share the name", () => {
  const { config } = load({ part, components: [motor({}), motor({}), motor({ api: "rdk:component:sensor" })] });
  assert.deepEqual(
    config?.resources.map((resource) => resource.problem !== undefined),
    [true, true, false],
  );
});

test("every member of a dependency cycle is told, and only they", () => {
  const { config, problems } = load({
    part,
    components: [
      motor({ name: "a", depends_on: ["b"] }),
      motor({ name: "b", depends_on: ["rdk:component:motor/c"] }),
      motor({ name: "c", depends_on: ["a"] }),
      motor({ name: "d", depends_on: ["a"] }),
    ],
  });
  assert.deepEqual(
    config?.resources.map((resource) => resource.problem !== undefined),
    [true, true, true, false],
  );
  assert.match(problems[0]?.message ?? "", /a -> b -> c -> a/);
});

const GPIO = { chip: "/dev/gpiochip0", line: 17 };

test("safety: an output line of a GPIO chip is a step of its own; whoever names it means the same by it", () => {
  const cut = (gpio: object) => motor({ safety: { escalate: { e_stop: [{ gpio }] } } });
  const { config, problems } = first(cut(GPIO));
  assert.deepEqual(problems, []);
  assert.deepEqual(config?.resources[0]?.safety.escalate.eStop, [{ gpio: { ...GPIO, activeLow: false } }]);
  const both = (other: object) => load({ part, components: [cut(GPIO), { ...cut(other), name: "n" }] }).problems;
  assert.deepEqual(both(GPIO), []);
  assert.deepEqual(both({ ...GPIO, line: 18, active_low: true }), []);
  const clash = both({ ...GPIO, active_low: true });
  assert.deepEqual(places(clash), ["fatal components[1].safety.escalate"]);
  assert.match(clash[0]?.message ?? "", /line 17 of \/dev\/gpiochip0 is active_low for "n" only/);
  assert.deepEqual(places(first(cut({ ...GPIO, activelow: true })).problems), [
    "warning components[0].safety.escalate.e_stop[0].gpio.activelow",
  ]);
});

test("what waits for a person is remembered where the file says, or its service manager, or else beside the file", () => {
  const stateOf = (file: object, env: Readonly<Record<string, string>> = {}, directory?: string) => {
    const context = { ...contextOf(env), ...(directory !== undefined && { directory }) };
    return loadPartConfig(JSON.stringify({ part, ...file }), context).config?.stateDirectory;
  };
  const env = { STATE_DIRECTORY: "/var/lib/vigil-part-arm:/var/lib/other" };
  assert.equal(stateOf({}), undefined);
  assert.equal(stateOf({}, {}, "/etc/vigil"), "/etc/vigil/.vigil");
  assert.equal(stateOf({}, env, "/etc/vigil"), "/var/lib/vigil-part-arm");
  assert.equal(stateOf({ state_directory: "kept" }, env, "/etc/vigil"), "/etc/vigil/kept");
  assert.equal(stateOf({ state_directory: "/srv/kept" }, env, "/etc/vigil"), "/srv/kept");
});

test("safety: what cannot be meant is fatal", () => {
  const bad: [object, string][] = [
    [{ policy: "ramp" }, "ramp"],
    [{ policy: "do_command" }, "do_command"],
    [{ policy: "halt" }, "policy"],
    [{ stop_timeout: "0s" }, "stop_timeout"],
    [{ stop_timeout: 1 }, "stop_timeout"],
    [{ stop_timeout: "2m" }, "stop_timeout"],
    [{ retries: -1 }, "retries"],
    [{ retries: 1.5 }, "retries"],
    [{ rearm: "never" }, "rearm"],
    [{ monitored: "DoCommand" }, "monitored"],
    [{ monitored: ["do command"] }, "monitored[0]"],
    [{ escalate: { after: "5" } }, "escalate.after"],
    [{ escalate: { emergency_stop: [{ path: "/dev/ttyACM0" }] } }, "escalate.emergency_stop[0]"],
    [{ escalate: { e_stop: [{ path: "/dev/x", hex: "0" }] } }, "escalate.e_stop[0].hex"],
    [{ escalate: { e_stop: [{ text: "0" }] } }, "escalate.e_stop[0]"],
    [{ escalate: { e_stop: [{ gpio: { chip: "/dev/gpiochip0" } }] } }, "escalate.e_stop[0].gpio.line"],
    [{ escalate: { e_stop: [{ gpio: { chip: "gpiochip0", line: 1 } }] } }, "escalate.e_stop[0].gpio.chip"],
    [{ escalate: { e_stop: [{ gpio: { ...GPIO, line: -1 } }] } }, "escalate.e_stop[0].gpio.line"],
    [{ escalate: { e_stop: [{ gpio: { ...GPIO, line: 1.5 } }] } }, "escalate.e_stop[0].gpio.line"],
    [{ escalate: { e_stop: [{ gpio: { ...GPIO, active_low: 1 } }] } }, "escalate.e_stop[0].gpio.active_low"],
    [{ escalate: { e_stop: [{ gpio: GPIO, text: "0" }] } }, "escalate.e_stop[0]"],
    [{ escalate: { emergency_stop: [{ gpio: GPIO, path: "/dev/x", text: "0" }] } }, "escalate.emergency_stop[0]"],
  ];
  for (const [safety, key] of bad) {
    const { config, problems } = first(motor({ safety }));
    assert.equal(config, undefined, key);
    assert.ok(places(problems, "fatal").includes(`fatal components[0].safety.${key}`), `${key}: ${places(problems)}`);
  }
  assert.deepEqual(places(first(motor({ safety: 5 })).problems), ["fatal components[0].safety"]);
  const board = motor({ api: "rdk:component:board", safety: { policy: "stop" } });
  assert.deepEqual(places(first(board).problems, "fatal"), ["fatal components[0].safety.policy"]);
});

test("safety: shapes of hold, do_command and escalate", () => {
  const hold = first(motor({ safety: { policy: "hold", hold: { release_after: "5s" } } }));
  assert.deepEqual(hold.problems, []);
  assert.deepEqual(hold.config?.resources[0]?.safety.hold, { releaseAfterMs: 5000 });
  const board = motor({
    api: "rdk:component:board",
    safety: {
      policy: "do_command",
      do_command: { command: { pins: "off" } },
      escalate: { after: "400ms", end_process: false, e_stop: [{ path: "/dev/ttyS0", text: "x\n", baud_rate: 9600 }] },
    },
  });
  const { config, problems } = first(board);
  assert.deepEqual(problems, []);
  assert.deepEqual(config?.resources[0]?.safety.doCommand, { command: { pins: "off" } });
  assert.deepEqual(config?.resources[0]?.safety.escalate, {
    afterMs: 400,
    endProcess: false,
    emergencyStop: [],
    eStop: [{ path: "/dev/ttyS0", hex: "780a", baudRate: 9600 }],
  });
  assert.deepEqual(places(first(motor({ safety: { ramp: { duration: "1s" } } })).problems), [
    "warning components[0].safety.ramp",
  ]);
});

test("actuators that nothing protects are warned of", () => {
  for (const subtype of ["board", "switch", "button", "generic"]) {
    const unprotected = motor({ api: `rdk:component:${subtype}` });
    assert.deepEqual(places(first(unprotected).problems), ["warning components[0]"], subtype);
    const safety = { policy: "do_command", do_command: { command: {} } };
    assert.deepEqual(first({ ...unprotected, safety }).problems, [], subtype);
  }
  for (const subtype of ["camera", "sensor", "motor", "arm", "movement_sensor"]) {
    assert.deepEqual(first(motor({ api: `rdk:component:${subtype}` })).problems, [], subtype);
  }
  assert.deepEqual(places(first(motor({ safety: { policy: "none" } })).problems), ["warning components[0]"]);
  assert.deepEqual(places(first(motor({ api: "acme:component:lift" })).problems), ["warning components[0]"]);
});

test("modules and remotes: a bad one is its own problem", () => {
  const { config, problems } = load({
    part,
    modules: [{ name: "parent", executable_path: "/a" }, { name: "x", executable_path: "/a" }, { name: "y" }],
    remotes: [{ name: "r" }, { name: "s", address: "h:1", secret: { env: "NONE" } }],
  });
  assert.deepEqual(
    [...new Set(places(problems))],
    [
      "resource modules[0].name",
      "resource modules[1].executable_path",
      "resource modules[2].executable_path",
      "resource remotes[0].address",
      "resource remotes[1].secret",
    ],
  );
  assert.ok(config?.modules.every((module) => module.problem !== undefined));
  assert.ok(config?.remotes.every((remote) => remote.problem !== undefined));
});

test("a stub of Viam's cloud says how to export the machine's configuration", () => {
  const { config, problems } = load({ cloud: { id: "x", secret: "y", app_address: "https://app.viam.com" } });
  assert.equal(config, undefined);
  assert.match(problems[0]?.message ?? "", /Export it: .*CONFIGURE and JSON/);
});

test("no message holds anything but ASCII, whatever the file holds", () => {
  const { problems } = load({ part, components: [motor({ name: "müll", depends_on: ["größe"] })], ключ: 1 });
  assert.ok(problems.length >= 3);
  for (const problem of problems) assert.match(problem.path + problem.message, /^[\x20-\x7e]*$/);
});
