import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescFile } from "@bufbuild/protobuf";
import { AuthService } from "@vigil/protocol/gen/proto/rpc/v1/auth_pb.js";
import { StreamService } from "@vigil/protocol/gen/proto/stream/v1/stream_pb.js";
import { RobotService } from "@vigil/protocol/gen/viam/robot/v1/robot_pb.js";
import { createRestMethods } from "./rest-methods.js";
import { ROBOT_RULES } from "./robot-rules.js";

function methods(
  apis: { service: string; rest?: Readonly<Record<string, string>> }[],
  files: () => readonly DescFile[],
) {
  const warned: object[] = [];
  const table = createRestMethods({
    log: { warn: (fields: object) => void warned.push(fields) },
    own: [{ service: RobotService, rules: ROBOT_RULES }],
    files,
    apis: () => apis,
  });
  const target = (verb: string, path: string) => {
    const match = table.match(verb, path);
    return match.kind === "found" ? match.target.name : match.kind;
  };
  return { target, warned };
}

test("the robot's own paths are all there before any part is", () => {
  const { target, warned } = methods([], () => []);
  for (const [method, rule] of Object.entries(ROBOT_RULES)) {
    const [verb, path] = rule.split(" ") as [string, string];
    assert.equal(target(verb, path.replace("{id}", "x")), `/viam.robot.v1.RobotService/${method}`);
  }
  const without = RobotService.methods.filter(({ name }) => !(name in ROBOT_RULES)).map(({ name }) => name);
  assert.deepEqual(without, ["Tunnel"]);
  assert.deepEqual(warned, []);
});

test("what a part announces is served from then on, and cannot take the robot's own paths", () => {
  let files: DescFile[] = [];
  const apis: { service: string; rest?: Readonly<Record<string, string>> }[] = [
    { service: StreamService.typeName, rest: { ListStreams: "GET /streams", AddStream: "GET /resources/list" } },
    { service: AuthService.typeName },
    { service: "not.described.Service", rest: { Do: "GET /do" } },
  ];
  const { target } = methods(apis, () => files);
  assert.equal(target("GET", "/streams"), "none");
  files = [StreamService.file, AuthService.file];
  assert.equal(target("GET", "/streams"), `/${StreamService.typeName}/ListStreams`);
  assert.equal(target("GET", "/resources/list"), "/viam.robot.v1.RobotService/ResourceNames");
  assert.equal(target("GET", "/do"), "none");
});

test("a rule that nobody understands costs that rule alone", () => {
  const rest = { ListStreams: "GET /streams", AddStream: "SHOUT /streams", NoSuchMethod: "GET /nothing" };
  const files = [StreamService.file];
  const { target, warned } = methods([{ service: StreamService.typeName, rest }], () => files);
  assert.equal(target("GET", "/streams"), `/${StreamService.typeName}/ListStreams`);
  assert.equal(target("GET", "/nothing"), "none");
  assert.equal(warned.length, 2);
});
