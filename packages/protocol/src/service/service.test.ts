import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, VigilError } from "@vigil/shared";
import { createManualClock } from "@vigil/shared/testing";
import { type CallHandler, NO_METADATA, OK } from "../call.js";
import { createChannelClient } from "../channel/client.js";
import { createChannelServer } from "../channel/server.js";
import { Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import {
  BlockForOperationRequestSchema,
  file_viam_robot_v1_robot,
  RobotService,
  StartSessionResponseSchema,
  type TunnelRequest,
  TunnelRequestSchema,
} from "../gen/viam/robot/v1/robot_pb.js";
import { createMetadata } from "../metadata.js";
import { CallError } from "../status.js";
import { recordResponse } from "../testing/recorded-response.js";
import { createMessageQueue, MAX_QUEUED_MESSAGES } from "./message-queue.js";
import { serveMethods, serveTyped, type TypedHandlers } from "./serve-typed.js";
import { parseMethodPath, routeServices } from "./service-router.js";
import { createTypedClient } from "./typed-client.js";

const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
const STATES = [SERVING, NOT_SERVING, SERVING] as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));
const block = (id: string) => toBinary(BlockForOperationRequestSchema, create(BlockForOperationRequestSchema, { id }));
const BLOCK = "/viam.robot.v1.RobotService/BlockForOperation";
const TUNNEL = "/viam.robot.v1.RobotService/Tunnel";
const begin = (method: string, timeoutMs?: number) => ({ method, metadata: NO_METADATA, timeoutMs });

/** The same handler behind a data channel's framing. */
function overChannel(handler: CallHandler): CallHandler {
  const server = createChannelServer({ handler, send: (frame) => client.receive(frame) });
  const client = createChannelClient({ send: (frame) => server.receive(frame) });
  return client.call;
}

async function* list<T>(...items: T[]): AsyncIterable<T> {
  yield* items;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const isError = (code: Code, message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof CallError, String(error));
  assert.equal(error.code, code);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

for (const [where, wrap] of [
  ["directly", (handler: CallHandler) => handler],
  ["over a data channel", overChannel],
] as const) {
  test(`unary and both streams, ${where}`, async () => {
    const deps = { clock: createManualClock() };
    const handler = routeServices({
      [Health.typeName]: serveTyped(
        Health,
        {
          check(request, context) {
            context.setHeader("H", context.metadata.get("k")?.[0] ?? "");
            context.setTrailer("t", String(context.timeoutMs));
            if (request.service === "") throw new VigilError("permission", "not for you");
            return Promise.resolve({ status: SERVING });
          },
          async *watch() {
            for (const status of STATES) yield { status };
          },
        },
        deps,
      ),
      [RobotService.typeName]: serveTyped(
        RobotService,
        {
          async *tunnel(requests) {
            for await (const { data } of requests) yield { data };
          },
        },
        deps,
      ),
    });
    const call = wrap(handler);
    const health = createTypedClient(Health, call);
    const seen: unknown[] = [];
    const response = await health.check(
      { service: "x" },
      {
        metadata: createMetadata({ k: "v" }),
        timeoutMs: 1500,
        onHeaders: (headers) => seen.push(headers.get("h")),
        onTrailers: (trailers) => seen.push(trailers.get("t")),
      },
    );
    assert.equal(response.status, SERVING);
    assert.deepEqual(seen, [["v"], ["1500"]]);
    await assert.rejects(health.check({}), isError(Code.permissionDenied, "not for you"));
    assert.deepEqual(
      (await collect(health.watch({}))).map(({ status }) => status),
      [...STATES],
    );

    const robot = createTypedClient(RobotService, call);
    const requests = ["a", "bc", ""].map((text) => ({ data: Buffer.from(text) }));
    const echoed = await collect(robot.tunnel(list(...requests)));
    assert.deepEqual(
      echoed.map(({ data }) => Buffer.from(data).toString()),
      ["a", "bc", ""],
    );
    await assert.rejects(robot.shutdown({}), isError(Code.unimplemented, /RobotService\/Shutdown is not implemented/));
    const unknown = recordResponse();
    call(begin("/no.Such/Method"), unknown);
    assert.equal(unknown.ends[0]?.status.code, Code.unimplemented);
  });
}

test("client streams: one answer to many requests; handlers found per method", async () => {
  const file = create(FileDescriptorProtoSchema, {
    name: "test/upload.proto",
    package: "test",
    dependency: ["viam/robot/v1/robot.proto"],
    syntax: "proto3",
    service: [
      {
        name: "Upload",
        method: [
          {
            name: "Put",
            inputType: ".viam.robot.v1.TunnelRequest",
            outputType: ".viam.robot.v1.StartSessionResponse",
            clientStreaming: true,
          },
        ],
      },
    ],
  });
  const service: DescService = createFileRegistry(file, () => file_viam_robot_v1_robot).getService("test.Upload")!;
  const asked: string[] = [];
  const handler = serveMethods(
    service,
    (method) => {
      asked.push(method.name);
      return async (requests) => {
        let bytes = 0;
        for await (const request of requests as AsyncIterable<TunnelRequest>) bytes += request.data.length;
        return create(StartSessionResponseSchema, { id: String(bytes) });
      };
    },
    { clock: createManualClock() },
  );
  const client = createTypedClient(service, overChannel(handler));
  const put = client.put as unknown as (requests: AsyncIterable<unknown>) => Promise<{ id: string }>;
  assert.equal((await put(list({ data: new Uint8Array(40_000) }, { data: new Uint8Array(2) }))).id, "40002");
  assert.deepEqual(asked, ["Put"]);
});

/** A handler that waits until its call is aborted. */
function waiting() {
  const clock = createManualClock();
  const seen: { aborted: unknown[]; started: number } = { aborted: [], started: 0 };
  const handler = serveTyped(
    RobotService,
    {
      blockForOperation: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          seen.started++;
          signal.addEventListener("abort", () => {
            seen.aborted.push(signal.reason);
            reject(signal.reason);
          });
        }),
      async *tunnel(requests) {
        seen.started++;
        try {
          for await (const { data } of requests) yield { data };
        } catch (error) {
          seen.aborted.push(error);
          throw error;
        }
      },
    },
    { clock },
  );
  return { clock, seen, handler };
}

test("a deadline aborts the handler and answers at once", async () => {
  const { clock, seen, handler } = waiting();
  const response = recordResponse();
  handler(begin(BLOCK, 250), response).message(block("x"));
  clock.advance(249);
  assert.deepEqual([seen.started, response.ends], [1, []]);
  clock.advance(1);
  assert.equal(response.ends[0]?.status.code, Code.deadlineExceeded);
  assert.ok(seen.aborted[0] instanceof VigilError && seen.aborted[0].reason === "deadline");
  await turn();
  assert.equal(response.ends.length, 1);

  const late = recordResponse();
  handler(begin(BLOCK, 0), late).message(block("x"));
  assert.deepEqual([late.ends[0]?.status.code, seen.started], [Code.deadlineExceeded, 1]);

  const stream = recordResponse();
  handler(begin(TUNNEL, 100), stream);
  await turn();
  clock.advance(100);
  await turn();
  assert.equal(stream.ends[0]?.status.code, Code.deadlineExceeded);
  assert.ok(seen.aborted[1] instanceof VigilError);
});

test("a cancel aborts the handler, is answered by nothing and leaves no timer", async () => {
  const { clock, seen, handler } = waiting();
  for (const method of [BLOCK, TUNNEL]) {
    const response = recordResponse();
    const request = handler(begin(method, 1000), response);
    if (method === BLOCK) request.message(block("x"));
    assert.equal(clock.timers, 1);
    await turn();
    request.cancel({ code: Code.cancelled, message: "enough" });
    await turn();
    assert.deepEqual([response.ends, response.messages, clock.timers], [[], [], 0]);
  }
  assert.deepEqual(
    seen.aborted.map((error) => error instanceof VigilError && [error.reason, error.message]),
    [
      ["cancelled", "enough"],
      ["cancelled", "enough"],
    ],
  );
});

test("a signal that is first asked for after the abort is aborted already", async () => {
  let late: AbortSignal | undefined;
  const handler = serveTyped(
    RobotService,
    {
      async blockForOperation(_request, context) {
        await turn();
        late = context.signal;
        return {};
      },
    },
    { clock: createManualClock() },
  );
  const request = handler(begin(BLOCK), recordResponse());
  request.message(block("x"));
  request.cancel(OK);
  await turn();
  await turn();
  assert.equal(late?.aborted, true);
});

test("requests that break the rules are told how", async () => {
  const { seen, handler } = waiting();
  const ask = (method: string, act: (request: ReturnType<CallHandler>) => void) => {
    const response = recordResponse();
    act(handler(begin(method), response));
    return response.ends[0]?.status;
  };
  const garbled = ask(BLOCK, (request) => request.message(Uint8Array.from([0x0a, 0x05, 1])));
  assert.deepEqual([garbled?.code, garbled?.message.includes("viam.robot.v1.BlockForOperationRequest")], [3, true]);
  assert.match(
    ask(TUNNEL, (request) => request.message(Uint8Array.from([0x12, 0x05])))?.message ?? "",
    /TunnelRequest/,
  );
  const second = ask(BLOCK, (request) => {
    request.message(block("x"));
    request.message(block("y"));
  });
  assert.equal(second?.code, 3);
  assert.equal(ask(BLOCK, (request) => request.end())?.code, 3);
  await turn();
  assert.deepEqual([seen.started, seen.aborted.length], [2, 2], "what had been started is aborted");
});

test("errors of handlers: UNKNOWN with their text, INTERNAL for a response that is none, sync or not", async () => {
  const errors: NonNullable<TypedHandlers<typeof Health>["check"]>[] = [
    () => {
      throw new Error("caf\u00e9");
    },
    () => Promise.reject(new Error("caf\u00e9")),
    () => ({ status: "wrong" as unknown as typeof SERVING }),
    () => {
      throw new CallError({ code: Code.notFound, message: "gone" });
    },
  ];
  const codes: unknown[] = [];
  for (const check of errors) {
    const client = createTypedClient(Health, serveTyped(Health, { check }, { clock: createManualClock() }));
    await assert.rejects(client.check({}), (error) => {
      assert.ok(error instanceof CallError);
      codes.push(error.code === Code.internal ? [13] : [error.code, error.message]);
      return true;
    });
  }
  assert.deepEqual(codes, [[2, "caf?"], [2, "caf?"], [13], [5, "gone"]]);
});

test("a stream's requests are bounded: the reader that is too slow loses its call", () => {
  const response = recordResponse();
  const stuck = serveTyped(
    RobotService,
    { tunnel: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }) },
    { clock: createManualClock() },
  );
  const request = stuck(begin(TUNNEL), response);
  const message = toBinary(TunnelRequestSchema, create(TunnelRequestSchema, { data: new Uint8Array(1) }));
  for (let count = 0; count < MAX_QUEUED_MESSAGES; count++) request.message(message);
  assert.equal(response.ends.length, 0);
  request.message(message);
  assert.equal(response.ends[0]?.status.code, Code.resourceExhausted);
});

test("leaving a stream early, or aborting, cancels it at the server", async () => {
  let left = 0;
  const handler = serveTyped(
    Health,
    {
      async *watch(_request, { signal }) {
        signal.addEventListener("abort", () => left++);
        for (;;) {
          yield { status: SERVING };
          await turn();
        }
      },
    },
    { clock: createManualClock() },
  );
  const client = createTypedClient(Health, overChannel(handler));
  for await (const { status } of client.watch({})) {
    assert.equal(status, SERVING);
    break;
  }
  assert.equal(left, 1);
  const abort = new AbortController();
  await assert.rejects(
    async () => {
      for await (const _ of client.watch({}, { signal: abort.signal })) abort.abort();
    },
    isError(Code.cancelled, "the caller aborted the call"),
  );
  assert.equal(left, 2);
  await assert.rejects(collect(client.watch({}, { signal: AbortSignal.abort() })), isError(Code.cancelled, /aborted/));
});

test("an error of the request source ends the client's call with that error", async () => {
  const { handler } = waiting();
  const client = createTypedClient(RobotService, overChannel(handler));
  async function* failing() {
    yield { data: new Uint8Array(1) };
    throw new Error("the source broke");
  }
  await assert.rejects(collect(client.tunnel(failing())), /the source broke/);
});

test("method paths", () => {
  assert.deepEqual(parseMethodPath("/a.B/C"), { service: "a.B", method: "C" });
  for (const path of ["", "/", "//", "a.B/C", "/a.B", "/a.B/", "//C", "/a/b/c"])
    assert.equal(parseMethodPath(path), undefined, path);
});

test("a queue keeps order through its steps and takes one message of any size", async () => {
  const queue = createMessageQueue<number>({ maxMessages: 600, maxBytes: 1000 });
  assert.equal(queue.push(-1, 5000), true);
  assert.equal(queue.push(-2, 1), false);
  const iterator = queue.messages[Symbol.asyncIterator]();
  assert.equal((await iterator.next()).value, -1);
  for (let at = 0; at < 600; at++) assert.equal(queue.push(at, 1), true);
  assert.equal(queue.push(600, 1), false);
  queue.end();
  const rest = [];
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) rest.push(next.value);
  assert.deepEqual(
    rest,
    Array.from({ length: 600 }, (_, at) => at),
  );
});
