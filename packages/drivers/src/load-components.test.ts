import assert from "node:assert/strict";
import { test } from "node:test";
import { getOption } from "@bufbuild/protobuf";
import { safety_heartbeat_monitored } from "@vigil/protocol/gen/viam/common/v1/common_pb.js";
import { methodClass } from "./component.js";
import { loadComponents } from "./load-components.js";

/** What this package promises to serve. There may be more: a further component needs no change here. */
const PROMISED = ["arm", "base", "camera", "generic", "gripper", "motor", "sensor", "servo"];

async function promised() {
  return (await loadComponents()).filter(({ api }) => PROMISED.includes(api.subtype));
}

test("the loader finds the folder of every component, in order", async () => {
  const found = (await loadComponents()).map(({ api }) => `${api.namespace}:${api.type}:${api.subtype}`);
  assert.deepEqual(found, found.toSorted());
  for (const subtype of PROMISED) assert.ok(found.includes(`rdk:component:${subtype}`), subtype);
});

test("services have Viam's names, and every method of theirs has a handler and a class", async () => {
  for (const component of await promised()) {
    const { subtype } = component.api;
    const service = `${subtype[0]!.toUpperCase()}${subtype.slice(1)}Service`;
    assert.equal(component.service.typeName, `viam.component.${subtype}.v1.${service}`);
    const names = component.service.methods.map(({ name }) => name).sort();
    assert.deepEqual(Object.keys(component.methods).sort(), names, `classes of ${subtype}`);
    const handled = component.service.methods.filter(({ localName }) => localName in component.handlers);
    assert.deepEqual(handled.map(({ name }) => name).sort(), names, `handlers of ${subtype}`);
  }
});

test("what Viam monitors is motion here, and only that", async () => {
  const monitored: string[] = [];
  for (const component of await loadComponents()) {
    for (const method of component.service.methods) {
      const isMotion = methodClass(component, method.name).startsWith("move");
      assert.equal(isMotion, getOption(method, safety_heartbeat_monitored), `${component.api.subtype}.${method.name}`);
      if (isMotion && PROMISED.includes(component.api.subtype))
        monitored.push(`${component.api.subtype}.${method.name}`);
    }
  }
  assert.deepEqual(monitored.sort(), [
    "arm.MoveThroughJointPositions",
    "arm.MoveThroughJointPositionsStreamed",
    "arm.MoveToJointPositions",
    "arm.MoveToPosition",
    "base.MoveStraight",
    "base.SetPower",
    "base.SetVelocity",
    "base.Spin",
    "gripper.GoToInputs",
    "gripper.Grab",
    "gripper.Open",
    "motor.GoFor",
    "motor.GoTo",
    "motor.SetPower",
    "motor.SetRPM",
    "servo.Move",
  ]);
});

test("motion without an end of its own is marked as such", async () => {
  const endless = (await promised()).flatMap(({ api, methods }) =>
    Object.entries(methods).flatMap(([name, kind]) => (kind === "move_endless" ? [`${api.subtype}.${name}`] : [])),
  );
  assert.deepEqual(endless.sort(), ["base.SetPower", "base.SetVelocity", "motor.SetPower", "motor.SetRPM"]);
});

test("a method that is not listed is a use", async () => {
  const [component] = await loadComponents();
  assert.equal(methodClass(component!, "MethodOfTheFuture"), "use");
  assert.equal(methodClass(component!, "constructor"), "use");
});
