import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:http2";
import { type TestContext, test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type CallHandler, type CallStart, IGNORE_REQUESTS, type ResponseSink, type Status } from "@vigil/protocol";
import {
  GetPoseRequestSchema,
  GetPoseResponseSchema,
  RobotService,
  StreamStatusResponseSchema,
} from "@vigil/protocol/gen/viam/robot/v1/robot_pb.js";
import { Code, createSystemClock, systemRandom } from "@vigil/shared";
import type { HttpCaller } from "../peers/clients.js";
import { createPort } from "../port/index.js";
import { createRestMethods } from "./rest-methods.js";
import { registerRest } from "./rest-routes.js";
import { ROBOT_RULES } from "./robot-rules.js";

/** A port with the robot's REST paths and the given handler behind all of them. */
async function serve(t: TestContext, handler: CallHandler): Promise<{ url: string; callers: HttpCaller[] }> {
  const port = createPort(
    { clock: createSystemClock(), random: systemRandom, log: { debug() {} }, handler: () => handler },
    {
      host: "127.0.0.1",
      port: 0,
      proxied: false,
      origins: { authenticated: false, allowedOrigins: [], allowedHosts: [] },
    },
  );
  const callers: HttpCaller[] = [];
  const own = [{ service: RobotService, rules: ROBOT_RULES }];
  await registerRest(port.fastify, {
    methods: createRestMethods({ log: { warn() {} }, own, files: () => [], apis: () => [] }),
    proxied: false,
    connectionOf: port.connectionOf,
    call(caller, start, response) {
      callers.push(caller);
      return handler(start, response);
    },
  });
  const { address, port: number } = await port.listen();
  t.after(() => port.close());
  return { url: `http://${address}:${number}/api/v1`, callers };
}

type Pose = MessageInitShape<typeof GetPoseResponseSchema>;
const poseBytes = (pose: Pose) => toBinary(GetPoseResponseSchema, create(GetPoseResponseSchema, pose));
const statusBytes = (name: string) =>
  toBinary(StreamStatusResponseSchema, create(StreamStatusResponseSchema, { status: [{ name: { name } }] }));

/** Answers a unary call with what it makes of the request. */
function answering(answer: (request: Uint8Array, start: CallStart, response: ResponseSink) => void): CallHandler {
  return (start, response) => {
    let message: Uint8Array | undefined;
    return {
      message(bytes) {
        message = bytes;
      },
      end: () => answer(message!, start, response),
      cancel() {},
    };
  };
}

test("a call's connection is told, over HTTP/1.1 and over HTTP/2", async (t) => {
  const { url, callers } = await serve(
    t,
    answering((_request, _start, response) => response.trailers({ code: Code.unimplemented, message: "not here" })),
  );
  const { origin, pathname } = new URL(`${url}/version`);
  await fetch(origin + pathname);
  const session = connect(origin);
  const stream = session.request({ ":path": pathname });
  await once(stream, "response");
  session.destroy();
  assert.deepEqual(
    callers.map(({ connection }) => connection?.httpVersion),
    ["1.1", "2"],
  );
});

test("a request becomes a call, and its answer JSON with the names of the .proto", async (t) => {
  const { url, callers } = await serve(
    t,
    answering((bytes, start, response) => {
      const { componentName } = fromBinary(GetPoseRequestSchema, bytes);
      assert.equal(start.method, "/viam.robot.v1.RobotService/GetPose");
      response.headers(new Map([["opid", ["some-id"]]]));
      response.message(poseBytes({ pose: { referenceFrame: componentName, pose: { x: 1 } } }));
      response.trailers({ code: Code.ok, message: "" });
    }),
  );
  const answer = await fetch(`${url}/frame_system/pose?component_name=arm`, { headers: { "user-agent": "tester" } });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  assert.equal(answer.headers.get("grpc-metadata-opid"), "some-id");
  assert.deepEqual(await answer.json(), { pose: { reference_frame: "arm", pose: { x: 1 } } });
  assert.equal(callers[0]?.userAgent, "tester");
  assert.equal(callers[0]?.remoteAddress, "127.0.0.1");
});

test("metadata and the deadline come by their own names and by grpc-gateway's", async (t) => {
  const starts: CallStart[] = [];
  const { url } = await serve(
    t,
    answering((_bytes, start, response) => {
      starts.push(start);
      response.trailers({ code: Code.unavailable, message: "" });
    }),
  );
  await fetch(`${url}/version`, {
    headers: { "viam-sid": "a", "grpc-metadata-opid": "b", "Grpc-Metadata-Host": "c", "grpc-timeout": "5S" },
  });
  assert.deepEqual(starts[0]?.metadata.get("viam-sid"), ["a"]);
  assert.deepEqual(starts[0]?.metadata.get("opid"), ["b"]);
  assert.equal(starts[0]?.metadata.has("host"), false, "fields of the hop are no metadata under any name");
  assert.equal(starts[0]?.timeoutMs, 5000);
  const bad = await fetch(`${url}/version`, { headers: { "grpc-timeout": "soon" } });
  assert.equal(bad.status, 400);
});

test("every code has grpc-gateway's HTTP status and its body", async (t) => {
  const { url } = await serve(
    t,
    answering((bytes, _start, response) => {
      response.trailers({
        code: Number(fromBinary(GetPoseRequestSchema, bytes).componentName) as Code,
        message: "why",
      });
    }),
  );
  const expected = [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
  for (const [at, status] of [...expected, 500].entries()) {
    const code = at + 1;
    const answer = await fetch(`${url}/frame_system/pose?component_name=${code}`);
    assert.equal(answer.status, status, `code ${code}`);
    assert.deepEqual(await answer.json(), { code, message: "why", details: [] });
  }
});

test("unknown paths, wrong verbs and refused origins are told apart", async (t) => {
  const { url } = await serve(t, () => assert.fail("no call may come of it"));
  const about = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${url}${path}`, init);
    return [answer.status, await answer.text()];
  };
  const missing = `{"code":5,"message":"Not Found","details":[]}`;
  const wrongVerb = `{"code":12,"message":"Method Not Allowed","details":[]}`;
  assert.deepEqual(await about("/nope"), [404, missing]);
  assert.deepEqual(await about("/../v2/version"), [404, missing]);
  assert.deepEqual(await about("/version", { method: "POST", body: "{}" }), [501, wrongVerb]);
  assert.deepEqual(await about("/version", { method: "OPTIONS" }), [501, wrongVerb]);
  const [status] = await about("/version", { headers: { origin: "https://evil.example" } });
  assert.equal(status, 403);
});

test("a call that is refused is answered before its body has come", async (t) => {
  const { url } = await serve(t, (_start, response) => {
    response.trailers({ code: Code.unauthenticated, message: "authentication required" });
    return IGNORE_REQUESTS;
  });
  const sending = request(`${url}/sessions`, { method: "POST", headers: { "content-length": "1000" } });
  sending.on("error", () => undefined);
  sending.write("{");
  const [answer] = (await once(sending, "response")) as [IncomingMessage];
  assert.equal(answer.statusCode, 401);
  assert.equal(answer.headers["www-authenticate"], "Bearer");
  sending.destroy();
});

test("what cannot be read ends the call with words, and the handler hears of it", async (t) => {
  let cancelled: Status | undefined;
  const { url } = await serve(t, () => ({
    message: () => assert.fail("no message may come of it"),
    end() {},
    cancel(status) {
      cancelled = status;
    },
  }));
  const about = async (body: string | Uint8Array, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${url}/log`, { method: "POST", body, headers });
    const { message } = (await answer.json()) as { message: string };
    return [answer.status, message];
  };
  assert.deepEqual(await about(`{"logs":`), [400, "the body is not JSON: Unexpected end of JSON input"]);
  assert.equal(cancelled?.code, Code.invalidArgument);
  assert.equal((await about(`{"logs":[{"message":1}]}`))[0], 400);
  assert.deepEqual(await about("x", { "content-encoding": "br" }), [
    400,
    "the body is encoded as br: send it as it is",
  ]);
  const large = Buffer.alloc(2 ** 25 + 1, " ");
  assert.deepEqual(await about(large), [429, "the body is larger than 33554432 bytes"]);
  const chunked = new ReadableStream({
    start(controller) {
      controller.enqueue(large);
      controller.close();
    },
  });
  const answer = await fetch(`${url}/log`, { method: "POST", body: chunked, duplex: "half" } as RequestInit);
  assert.equal(answer.status, 429);
});

test("a client that goes cancels its call", async (t) => {
  let opened = () => {};
  let cancelled = (_status: Status) => {};
  const isOpen = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const wasCancelled = new Promise<Status>((resolve) => {
    cancelled = resolve;
  });
  const { url } = await serve(t, () => ({ message: () => opened(), end() {}, cancel: (status) => cancelled(status) }));
  const abort = new AbortController();
  const answer = fetch(`${url}/version`, { signal: abort.signal });
  await isOpen;
  abort.abort();
  await assert.rejects(answer);
  assert.equal((await wasCancelled).code, Code.cancelled);
});

test("a stream answers line by line, and ends with its error", async (t) => {
  let failing = false;
  const { url } = await serve(
    t,
    answering((_bytes, _start, response) => {
      response.message(statusBytes("a"));
      response.message(statusBytes("b"));
      response.trailers(failing ? { code: Code.unavailable, message: "lost" } : { code: Code.ok, message: "" });
    }),
  );
  const lines = [`{"result":{"status":[{"name":{"name":"a"}}]}}`, `{"result":{"status":[{"name":{"name":"b"}}]}}`];
  assert.equal(await (await fetch(`${url}/status/stream`)).text(), `${lines.join("\n")}\n`);
  failing = true;
  const error = `{"error":{"code":14,"message":"lost","details":[]}}`;
  assert.equal(await (await fetch(`${url}/status/stream`)).text(), `${[...lines, error].join("\n")}\n`);
});

test("a stream whose client reads nothing ends instead of filling the memory", async (t) => {
  const line = statusBytes("x".repeat(2 ** 20));
  let sent = 0;
  let cancelled: Status | undefined;
  let ended = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const { url } = await serve(t, (_start, response) => ({
    message() {
      while (!cancelled && sent < 1000) {
        sent += 1;
        response.message(line);
      }
      ended();
    },
    end() {},
    cancel(status) {
      cancelled = status;
    },
  }));
  const reading = request(`${url}/status/stream`);
  const cut = once(reading, "close");
  reading.on("error", () => undefined);
  reading.end();
  await end;
  await cut;
  assert.equal(cancelled?.code, Code.resourceExhausted);
  assert.ok(sent < 20, `${sent} MiB were taken`);
});
