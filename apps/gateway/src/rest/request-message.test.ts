import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescMessage, fromBinary, type MessageShape, toJson } from "@bufbuild/protobuf";
import { DoCommandRequestSchema } from "@vigil/protocol/gen/viam/common/v1/common_pb.js";
import {
  GetPoseRequestSchema,
  LogRequestSchema,
  RestartModuleRequestSchema,
  StreamStatusRequestSchema,
  TransformPCDRequestSchema,
  TransformPoseRequestSchema,
} from "@vigil/protocol/gen/viam/robot/v1/robot_pb.js";
import { VigilError } from "@vigil/shared";
import fc from "fast-check";
import { type RequestParts, readRequest } from "./request-message.js";

type Given = Partial<Omit<RequestParts, "body">> & { readonly body?: string | Uint8Array };

function read<Desc extends DescMessage>(schema: Desc, { body = "", ...given }: Given): MessageShape<Desc> {
  const parts: RequestParts = {
    body: typeof body === "string" ? Buffer.from(body) : body,
    contentType: undefined,
    query: "",
    fields: new Map(),
    ...given,
  };
  return fromBinary(schema, readRequest(schema, parts));
}

const refused = (text: RegExp) => (error: unknown) =>
  error instanceof VigilError && error.reason === "bad_request" && text.test(error.message);

const FORM = "application/x-www-form-urlencoded";

test("a body is read by both forms of a name, and what it has too much is dropped", () => {
  for (const body of [
    `{"component_name":"a","destination_frame":"b"}`,
    `{"componentName":"a","destinationFrame":"b"}`,
  ]) {
    const { componentName, destinationFrame } = read(GetPoseRequestSchema, { body });
    assert.deepEqual([componentName, destinationFrame], ["a", "b"]);
  }
  assert.equal(read(GetPoseRequestSchema, { body: `{"nonsense":{"x":[1]},"component_name":"a"}` }).componentName, "a");
});

test("the query gives fields as Viam's rules have it: nested, repeated, and Struct as JSON", () => {
  const pose = read(TransformPoseRequestSchema, {
    query: "source.reference_frame=world&source.pose.x=1.5&source.pose.oZ=-2e3&destination=arm&unknown=1&source.no=2",
  });
  assert.equal(pose.source?.referenceFrame, "world");
  assert.equal(pose.source?.pose?.x, 1.5);
  assert.equal(pose.source?.pose?.oZ, -2000);
  assert.equal(pose.destination, "arm");
  const query = new URLSearchParams({ command: `{"move":{"to":[1,"x",null,true]}}` }).toString();
  assert.deepEqual(read(DoCommandRequestSchema, { query }).command, { move: { to: [1, "x", null, true] } });
  assert.equal(read(StreamStatusRequestSchema, { query: "every=1.5s" }).every?.nanos, 500_000_000);
});

test("repeated messages, bytes and timestamps come by the query too", () => {
  const logs = read(LogRequestSchema, {
    query: new URLSearchParams([
      ["logs", `{"message":"one","time":"2026-01-02T03:04:05Z"}`],
      ["logs", `{"message":"two"}`],
    ]).toString(),
  }).logs;
  assert.deepEqual(
    logs.map(({ message }) => message),
    ["one", "two"],
  );
  assert.deepEqual([...read(TransformPCDRequestSchema, { query: "point_cloud_pcd=AQID" }).pointCloudPcd], [1, 2, 3]);
});

test("the query wins over the body, the path over both", () => {
  const message = read(GetPoseRequestSchema, {
    body: `{"componentName":"body","destinationFrame":"body","extra":{"a":1}}`,
    query: "component_name=query&destination_frame=query",
    fields: new Map([["component_name", "path"]]),
  });
  assert.deepEqual([message.componentName, message.destinationFrame, message.extra], ["path", "query", { a: 1 }]);
});

test("a form is a query, but JSON is JSON even if curl calls it a form", () => {
  assert.equal(read(GetPoseRequestSchema, { body: "component_name=a%20b", contentType: FORM }).componentName, "a b");
  const json = `  {"component_name":"a"}\n`;
  assert.equal(read(GetPoseRequestSchema, { body: json, contentType: `${FORM}; charset=utf-8` }).componentName, "a");
});

test("what cannot be read is refused with words that say where", () => {
  const body = (text: string | Uint8Array) => () => read(TransformPoseRequestSchema, { body: text });
  const query = (text: string) => () => read(TransformPoseRequestSchema, { query: text });
  assert.throws(body(`{"source":`), refused(/the body is not JSON/));
  assert.throws(body(`[]`), refused(/TransformPoseRequest/));
  assert.throws(body(`{"destination":5}`), refused(/TransformPoseRequest\.destination/));
  assert.throws(body(`{"source":{"pose":{"x":"far"}}}`), refused(/Pose\.x/));
  assert.throws(body(Uint8Array.of(0xff)), refused(/UTF-8/));
  assert.throws(query("source.pose.x=far"), refused(/"source\.pose\.x": "far" is no number/));
  assert.throws(query("destination.x=1"), refused(/"destination\.x": destination has no field x/));
  assert.throws(query("destination=a&destination=b"), refused(/"destination" is given more than once/));
  assert.throws(query("source=5&source.pose.x=1"), refused(/given as a whole/));
  assert.throws(query("source=%7B"), refused(/"source" must be JSON/));
  assert.throws(() => read(RestartModuleRequestSchema, { query: "module_id=a&module_name=b" }), refused(/oneof/));
});

test("no text makes anything but a message or a refusal", () => {
  const piece = fc.constantFrom(
    "source",
    "pose",
    "x",
    ".",
    "=",
    "&",
    "%",
    "{",
    "}",
    "[",
    "]",
    '"',
    ":",
    "1",
    "é",
    "null",
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
    fc.json(),
    fc.string(),
  );
  fc.assert(
    fc.property(text, text, fc.constantFrom(FORM, undefined), (body, query, contentType) => {
      try {
        toJson(TransformPoseRequestSchema, read(TransformPoseRequestSchema, { body, query, contentType }));
      } catch (error) {
        assert.ok(error instanceof VigilError && error.reason === "bad_request", String(error));
      }
    }),
  );
});

test("JSON nested without end is refused, not a crash", () => {
  const deep = `{"command":${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}}`;
  assert.throws(() => read(DoCommandRequestSchema, { body: deep }), refused(/./));
});
