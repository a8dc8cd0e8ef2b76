import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { readRelayed, TOKEN_KEY } from "@vigil/links";
import { type CallHandler, createMetadata, OK, type Status } from "@vigil/protocol";
import { DoCommandRequestSchema } from "@vigil/protocol/gen/viam/common/v1/common_pb.js";
import { createLogger, createSystemClock, systemRandom } from "@vigil/shared";
import { createOperations, type Operation } from "../admission/operations.js";
import { createResourceDirectory } from "../routing/resource-directory.js";
import { createPartCalls } from "./part-calls.js";

const SERVICE = "viam.component.motor.v1.MotorService";
const MOTOR = { namespace: "rdk", type: "component", subtype: "motor" };

/** A gateway with a motor on part "arm", and a session "s" whose lease stands in data set "i". */
function setUp() {
  const operations = createOperations(systemRandom);
  const directory = createResourceDirectory();
  directory.set({
    part: "arm",
    prefix: "",
    resources: [{ ...MOTOR, name: "wheel", error: "", policy: "stop", hasStop: true }],
    apis: [{ ...MOTOR, service: SERVICE, methods: { SetPower: "move_endless", IsMoving: "read", Stop: "stop" } }],
  });
  const reached: { method: string; relayed: ReturnType<typeof readRelayed> }[] = [];
  const warnings: string[] = [];
  let ended = false;
  /** Set: the part leaves the call open. */
  let hold = false;
  const cancelled: Status[] = [];
  const armCalls: CallHandler = (start, response) => {
    reached.push({ method: start.method, relayed: readRelayed(start.metadata) });
    return {
      message: () => hold || response.trailers(OK),
      end() {},
      cancel: (status) => cancelled.push(status),
    };
  };
  const partCalls = createPartCalls({
    clock: createSystemClock(),
    random: systemRandom,
    log: createLogger({ destination: { write: (line) => warnings.push(line) } }),
    operations,
    directory,
    nextOrder: () => 1,
    leased: (id) => (ended ? undefined : { id, incarnation: "i" }),
    callPart: () => ({ call: armCalls, fenceFor: () => "f" }),
  });
  const operation = (over: Partial<Operation> = {}): Operation => ({
    id: "op-1",
    method: "/viam.component.base.v1.BaseService/SetPower",
    connection: "c",
    startedAt: 0,
    session: "s",
    part: "main",
    parent: undefined,
    hops: 0,
    cancel() {},
    ...over,
  });
  const call = (part: string, method: string, metadata: Record<string, string | undefined> = {}) => {
    const got: { status: Status | undefined } = { status: undefined };
    const sink = partCalls(part)(
      { method: `/${SERVICE}/${method}`, metadata: createMetadata(metadata), timeoutMs: undefined },
      {
        headers() {},
        message() {},
        trailers(status) {
          got.status = status;
        },
      },
    );
    sink.message(toBinary(DoCommandRequestSchema, create(DoCommandRequestSchema, { name: "wheel" })));
    sink.end();
    return got;
  };
  return {
    operations,
    reached,
    warnings,
    cancelled,
    operation,
    call,
    endSession() {
      ended = true;
    },
    holdCalls() {
      hold = true;
    },
  };
}

test("with the token of a call that it serves, a part moves another one for the same session (scenario 38)", () => {
  const { operations, operation, call, reached } = setUp();
  operations.add(operation());
  const token = operations.mint("op-1", "main");
  assert.equal(call("main", "SetPower", { [TOKEN_KEY]: token }).status?.code, 0);
  assert.equal(reached[0]?.relayed.session, "s");
  assert.equal(reached[0]?.relayed.fence, "f");
  assert.equal(reached[0]?.relayed.connection, "c");
  assert.notEqual(reached[0]?.relayed.token, token);
});

test("without a token a part reads and stops others, and moves nothing", () => {
  const { call, reached } = setUp();
  assert.equal(call("main", "IsMoving").status?.code, 0);
  assert.equal(call("main", "Stop").status?.code, 0);
  const refused = call("main", "SetPower");
  assert.equal(refused.status?.code, 7);
  assert.match(refused.status?.message ?? "", /on behalf of a call/);
  assert.equal(reached.length, 2);
});

test("a token is worth nothing to another part, after its operation, or once the session has ended", () => {
  const { operations, operation, call, endSession, reached } = setUp();
  operations.add(operation());
  const token = operations.mint("op-1", "main");
  assert.equal(call("arm", "SetPower", { [TOKEN_KEY]: token }).status?.code, 7);
  endSession();
  assert.equal(call("main", "SetPower", { [TOKEN_KEY]: token }).status?.code, 3);
  operations.finish("op-1");
  assert.equal(call("main", "SetPower", { [TOKEN_KEY]: token }).status?.code, 7);
  assert.equal(reached.length, 0);
});

test("a part that names a client's session is not believed, and it is logged (scenario 39)", () => {
  const { call, warnings, reached } = setUp();
  assert.equal(call("main", "SetPower", { "viam-sid": "s" }).status?.code, 7);
  assert.equal(reached.length, 0);
  assert.match(warnings.join(), /named a client's session/);
});

test("what runs on behalf of a call ends with it", () => {
  const { operations, operation, call, cancelled, holdCalls } = setUp();
  operations.add(operation());
  const token = operations.mint("op-1", "main");
  holdCalls();
  const open = call("main", "SetPower", { [TOKEN_KEY]: token });
  const before = open.status;
  assert.equal(before, undefined);
  operations.finish("op-1");
  assert.equal(open.status?.code, 1);
  assert.equal(cancelled.length, 1);
  assert.deepEqual([...operations.all()], []);
});

test("a call that goes round in circles ends", () => {
  const { operations, operation, call } = setUp();
  operations.add(operation({ hops: 8 }));
  const token = operations.mint("op-1", "main");
  const refused = call("main", "SetPower", { [TOKEN_KEY]: token });
  assert.equal(refused.status?.code, 8);
  assert.match(refused.status?.message ?? "", /handed on/);
});
