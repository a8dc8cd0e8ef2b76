import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { loadComponents } from "./load-components.js";
import { createResourceSet, type ResourceConfig } from "./resource-set.js";
import { config, createBench, type Entry, refusal } from "./testing/bench.js";
import { createVirtualClock } from "./testing/virtual-clock.js";

async function build(...configs: readonly ResourceConfig[]) {
  const set = createResourceSet({ components: await loadComponents(), clock: createVirtualClock() }, configs);
  const failures = Object.fromEntries(set.failures.map(({ name, error }) => [name, error.message]));
  return { set, failures, names: set.built.map((built) => built.config.name) };
}
const entries = (...list: readonly Entry[]) => build(...list.map(config));
const api = (subtype: string) => ({ namespace: "rdk", type: "component", subtype }) as const;

test("dependencies come first, whether the model or depends_on names them, short or full", async () => {
  const { names, failures } = await entries(
    ["base/b", { left: "l", right: "r" }],
    ["generic/last", {}, ["rdk:component:base/b"]],
    ["motor/r"],
    ["motor/l"],
  );
  assert.deepEqual(failures, {});
  assert.ok(names.indexOf("b") > Math.max(names.indexOf("l"), names.indexOf("r")));
  assert.ok(names.indexOf("last") > names.indexOf("b"));
});

test("one bad resource fails with its reason, and so does what needs it; the rest is built", async () => {
  const { names, failures } = await entries(
    ["generic/third", {}, ["second"]],
    ["generic/second", {}, ["first"]],
    ["motor/first", { max_rpm: "fast" }],
    ["sensor/fine"],
  );
  assert.deepEqual(names, ["fine"]);
  assert.match(failures.first!, /attribute "max_rpm" of "first" is "fast": give a number from/);
  assert.match(failures.second!, /depends on "first", which could not be built/);
  assert.match(failures.third!, /depends on "second", which could not be built/);
});

test("missing and circular dependencies are told apart", async () => {
  const { failures } = await entries(
    ["generic/a", {}, ["b"]],
    ["generic/b", {}, ["a"]],
    ["generic/c", {}, ["nowhere"]],
  );
  assert.match(failures.a!, /circle/);
  assert.match(failures.b!, /circle/);
  assert.match(failures.c!, /"nowhere", not in the configuration/);
});

test("unknown APIs and models say what there is", async () => {
  const motor = config(["motor/m"]);
  const { failures } = await build({ ...motor, model: "acme:arm:x" }, config(["toaster/t"]));
  assert.match(failures.m!, /model "acme:arm:x" of "m" is unknown .*: use fake or rdk:builtin:fake/);
  assert.match(failures.t!, /API rdk:component:toaster of "t" is unknown: use one of rdk:component:arm, /);
});

test("a bare model name means the built-in one", async () => {
  const { names } = await build({ ...config(["motor/m"]), model: "fake" });
  assert.deepEqual(names, ["m"]);
});

test("a name given twice for one API reaches neither; another API may have it too", async () => {
  const { set, failures } = await entries(["motor/x"], ["motor/x"], ["motor/y"], ["sensor/y"]);
  assert.match(failures.x!, /"x" is given twice for rdk:component:motor/);
  assert.throws(
    () => set.get(api("motor"), "x"),
    refusal("no_resource", /rdk:component:motor\/x not available; reason=/),
  );
  assert.deepEqual(
    set
      .find("y")
      .map((built) => built.component.api.subtype)
      .sort(),
    ["motor", "sensor"],
  );
  assert.equal(set.get(api("sensor"), "y").config.api.subtype, "sensor");
  assert.throws(() => set.get(api("arm"), "y"), refusal("no_resource", /no resource rdk:component:arm\/y/));
});

test("a dependency that two APIs answer to must be written in full", async () => {
  const wheels = { left: "x", right: "x" };
  const { failures } = await entries(["motor/x"], ["sensor/x"], ["base/b", wheels]);
  assert.match(failures.b!, /"x", which is ambiguous: write one of rdk:component:motor\/x, rdk:component:sensor\/x/);
});

test("a base with something that is no motor as its wheel fails", async () => {
  const { failures } = await entries(["sensor/s"], ["base/b", { left: "s", right: "s" }]);
  assert.match(failures.b!, /names "s" as a wheel: name a motor/);
  assert.match((await entries(["base/b", { left: "s" }])).failures.b!, /on one side only/);
});

test("close goes backwards through the dependencies, to the end, and tells what failed", async () => {
  const bench = await createBench(["motor/l"], ["motor/r"], ["base/b", { left: "l", right: "r" }]);
  const closed: string[] = [];
  for (const { resource } of bench.set.built) {
    Object.assign(resource, {
      async close() {
        closed.push(resource.name);
        if (resource.name === "b") throw new VigilError("driver", "stuck");
      },
    });
  }
  await assert.rejects(bench.set.close(), refusal("driver", /could not close "b": stuck/));
  assert.deepEqual(closed, ["b", "r", "l"]);
});
