import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createResourceDirectory, type PartInventory } from "./resource-directory.js";

const MOTOR = { namespace: "rdk", type: "component", subtype: "motor" };
const SENSOR = { namespace: "rdk", type: "component", subtype: "sensor" };
const MOTOR_SERVICE = "viam.component.motor.v1.MotorService";
const SENSOR_SERVICE = "viam.component.sensor.v1.SensorService";

function inventory(part: string, motors: string[], prefix = "", sensors: string[] = []): PartInventory {
  const resource = (api: typeof MOTOR, name: string) => ({ ...api, name, error: "", policy: "stop", hasStop: true });
  return {
    part,
    prefix,
    resources: [...motors.map((name) => resource(MOTOR, name)), ...sensors.map((name) => resource(SENSOR, name))],
    apis: [
      { ...MOTOR, service: MOTOR_SERVICE, methods: { SetPower: "move_endless", IsMoving: "read", Stop: "stop" } },
      { ...SENSOR, service: SENSOR_SERVICE, methods: { GetReadings: "read" } },
    ],
  };
}

const where = ({ part, name }: { part: string; name: string }) => `${part}:${name}`;
const noResource = (text: RegExp) => (error: unknown) =>
  error instanceof VigilError && error.reason === "no_resource" && text.test(error.message);

test("a bare name that is unique for its API is found, and always also as part:name", () => {
  const directory = createResourceDirectory();
  directory.set(inventory("main", ["left"]));
  directory.set(inventory("arm", ["wrist"], "", ["left"]));
  assert.equal(where(directory.resolve(MOTOR_SERVICE, "left")), "main:left");
  assert.equal(where(directory.resolve(SENSOR_SERVICE, "left")), "arm:left");
  assert.equal(where(directory.resolve(MOTOR_SERVICE, "arm:wrist")), "arm:wrist");
  assert.deepEqual(
    directory.list().map((resource) => resource.listedName),
    ["left", "wrist", "left"],
  );
});

test("a part's prefix is put in front, and taken off on the way to the part", () => {
  const directory = createResourceDirectory();
  directory.set(inventory("arm", ["wrist"], "a-"));
  assert.equal(where(directory.resolve(MOTOR_SERVICE, "a-wrist")), "arm:wrist");
  assert.throws(() => directory.resolve(MOTOR_SERVICE, "wrist"), noResource(/"wrist"/));
});

test("a bare name of two parts answers with the choices, both stay reachable, the dialled part's wins", () => {
  const directory = createResourceDirectory();
  directory.set(inventory("main", ["left"]));
  directory.set(inventory("arm", ["left"]));
  assert.throws(() => directory.resolve(MOTOR_SERVICE, "left"), noResource(/main:left, arm:left/));
  assert.equal(where(directory.resolve(MOTOR_SERVICE, "arm:left")), "arm:left");
  assert.equal(where(directory.resolve(MOTOR_SERVICE, "left", "arm")), "arm:left");
  assert.deepEqual(
    directory.list().map(({ listedName, ambiguous }) => [listedName, ambiguous]),
    [
      ["main:left", true],
      ["arm:left", true],
    ],
  );
  directory.remove("arm");
  assert.equal(where(directory.resolve(MOTOR_SERVICE, "left")), "main:left");
});

test("what no part has classified is a use", () => {
  const directory = createResourceDirectory();
  directory.set(inventory("main", ["left"]));
  assert.equal(directory.methodClass(MOTOR_SERVICE, "SetPower"), "move_endless");
  assert.equal(directory.methodClass(MOTOR_SERVICE, "Levitate"), "use");
  assert.equal(directory.methodClass("acme.v1.Unknown", "Do"), "use");
});
