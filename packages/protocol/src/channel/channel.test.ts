import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code } from "@vigil/shared";
import {
  type CallHandler,
  type CallStart,
  IGNORE_REQUESTS,
  NO_METADATA,
  OK,
  type RequestSink,
  type ResponseSink,
  type Status,
} from "../call.js";
import { RequestSchema, type Response, ResponseSchema } from "../gen/proto/rpc/webrtc/v1/grpc_pb.js";
import { createMetadata } from "../metadata.js";
import { createStatus } from "../status.js";
import { recordResponse } from "../testing/recorded-response.js";
import { createChannelClient } from "./client.js";
import { decodeResponse } from "./decode.js";
import { type BadFrame, type ChannelLimits, MAX_FRAME_BYTES, MAX_PACKET_DATA_BYTES } from "./limits.js";
import { createChannelServer } from "./server.js";

const METHOD = "/viam.component.motor.v1.MotorService/SetPower";
const bytesOf = (length: number, seed = 1) => Uint8Array.from({ length }, (_, at) => (at * 31 + seed) & 0xff);

/** What a handler was told, in order. */
interface Call {
  readonly start: CallStart;
  readonly response: ResponseSink;
  readonly events: (readonly ["message", Uint8Array] | readonly ["end"] | readonly ["cancel", Status])[];
}

function recordCalls(): { calls: Call[]; handler: CallHandler } {
  const calls: Call[] = [];
  return {
    calls,
    handler(start, response): RequestSink {
      const events: Call["events"] = [];
      calls.push({ start, response, events });
      return {
        message: (bytes) => events.push(["message", bytes]),
        end: () => events.push(["end"]),
        cancel: (status) => events.push(["cancel", status]),
      };
    },
  };
}

/** A server fed with frames of the generated code, and its answers read by the generated code. */
function serverBench(handler: CallHandler, limits?: ChannelLimits) {
  const sent: Response[] = [];
  const bad: BadFrame[] = [];
  const server = createChannelServer(
    {
      handler,
      send(frame) {
        assert.ok(frame.length <= MAX_FRAME_BYTES);
        assert.equal(frame.byteLength, frame.buffer.byteLength, "a frame is an array of its own");
        sent.push(fromBinary(ResponseSchema, frame));
      },
      onBadFrame: (reason) => bad.push(reason),
    },
    limits,
  );
  const put = (id: number, type: MessageInitShape<typeof RequestSchema>["type"]) =>
    server.receive(toBinary(RequestSchema, create(RequestSchema, { stream: { id: BigInt(id) }, type })));
  return {
    server,
    sent,
    bad,
    headers: (id: number, extra: { md?: Record<string, string>; timeoutMs?: number; method?: string } = {}) =>
      put(id, {
        case: "headers",
        value: {
          method: extra.method ?? METHOD,
          metadata: { md: Object.fromEntries(Object.entries(extra.md ?? {}).map(([k, v]) => [k, { values: [v] }])) },
          ...(extra.timeoutMs === undefined
            ? {}
            : {
                timeout: { seconds: BigInt(Math.floor(extra.timeoutMs / 1000)), nanos: (extra.timeoutMs % 1000) * 1e6 },
              }),
        },
      }),
    packet: (id: number, data: Uint8Array, eom: boolean, eos = false) =>
      put(id, { case: "message", value: { hasMessage: true, packetMessage: { data, eom }, eos } }),
    end: (id: number) => put(id, { case: "message", value: { hasMessage: false, eos: true } }),
    reset: (id: number) => put(id, { case: "rstStream", value: true }),
    kinds: () => sent.map((each) => each.type.case),
    status: (at: number) => {
      const { type } = sent.at(at)!;
      assert.ok(type.case === "trailers");
      return { code: type.value.status?.code, message: type.value.status?.message, md: type.value.metadata?.md ?? {} };
    },
  };
}

/** A client and a server over a pair of arrays. */
function pair(handler: CallHandler, limits?: ChannelLimits) {
  const bad: BadFrame[] = [];
  const onBadFrame = (reason: BadFrame) => bad.push(reason);
  const server = createChannelServer({ handler, send: (frame) => client.receive(frame), onBadFrame }, limits);
  const client = createChannelClient({ send: (frame) => server.receive(frame), onBadFrame }, limits);
  return { client, server, bad };
}

const start: CallStart = { method: METHOD, metadata: NO_METADATA, timeoutMs: undefined };

test("a unary call of a client that never sends eos starts at its first whole message", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  bench.headers(0, { md: { "viam-sid": "s", Opid: "o" } });
  assert.equal(calls.length, 1);
  assert.deepEqual(
    calls[0]!.start.metadata,
    new Map([
      ["viam-sid", ["s"]],
      ["opid", ["o"]],
    ]),
  );
  bench.packet(0, bytesOf(10), false);
  assert.deepEqual(calls[0]!.events, []);
  bench.packet(0, bytesOf(5), true);
  assert.deepEqual(calls[0]!.events, [["message", Uint8Array.from([...bytesOf(10), ...bytesOf(5)])]]);

  calls[0]!.response.headers(createMetadata({ opid: "1" }));
  assert.deepEqual(bench.kinds(), [], "headers wait: an error must not follow them");
  calls[0]!.response.message(bytesOf(3));
  calls[0]!.response.trailers(OK);
  assert.deepEqual(bench.kinds(), ["headers", "message", "trailers"]);
  assert.equal(bench.status(-1).code, 0);
  assert.equal(bench.server.openCalls, 0);
});

test("an error before the first message goes out as trailers only, with the headers' metadata", () => {
  const bench = serverBench((_start, response) => {
    response.headers(createMetadata({ opid: "1" }));
    response.trailers(createStatus(Code.unknown, "no\u00a0motor \u2603"), createMetadata({ why: "x" }));
    return { message: () => assert.fail("the call is over"), end: () => assert.fail(), cancel: () => assert.fail() };
  });
  bench.headers(0);
  bench.packet(0, bytesOf(1), true);
  bench.end(0);
  bench.reset(0);
  assert.deepEqual(bench.kinds(), ["trailers"]);
  const { code, message, md } = bench.status(0);
  assert.deepEqual([code, message], [2, "no motor ?"]);
  assert.deepEqual([md.opid?.values, md.why?.values], [["1"], ["x"]]);
  assert.deepEqual(bench.bad, [], "frames that come late are no offence");
});

test("an OK without a message still has headers before its trailers", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  bench.headers(3);
  calls[0]!.response.trailers(OK);
  assert.deepEqual(bench.kinds(), ["headers", "trailers"]);
});

test("streams: each message comes whole, a bare eos ends, both ways", () => {
  const { calls, handler } = recordCalls();
  const { client, bad } = pair(handler);
  const response = recordResponse();
  const request = client.call(
    { method: "/a.B/C", metadata: createMetadata({ k: ["1", "2"] }), timeoutMs: 1500 },
    response,
  );
  const sizes = [0, 1, MAX_PACKET_DATA_BYTES, MAX_PACKET_DATA_BYTES + 1, 5 * MAX_PACKET_DATA_BYTES, 1_000_000];
  const messages = sizes.map((size) => bytesOf(size, size));
  for (const message of messages) request.message(message);
  request.end();
  const call = calls[0]!;
  assert.deepEqual(call.start, { method: "/a.B/C", metadata: new Map([["k", ["1", "2"]]]), timeoutMs: 1500 });
  assert.deepEqual(call.events, [...messages.map((message) => ["message", message]), ["end"]]);
  call.response.headers(createMetadata({ h: "1" }));
  for (const message of messages) call.response.message(message);
  call.response.trailers({ code: Code.notFound, message: "gone" }, createMetadata({ t: "1" }));
  assert.deepEqual(response.headersSeen, [new Map([["h", ["1"]]])]);
  assert.deepEqual(response.messages, messages);
  assert.deepEqual(response.ends, [{ status: { code: 5, message: "gone" }, metadata: new Map([["t", ["1"]]]) }]);
  assert.deepEqual(bad, []);
});

test("received messages share no memory with the frames or with each other", () => {
  const { calls, handler } = recordCalls();
  const server = createChannelServer({ handler, send() {} });
  const frames = [
    toBinary(
      RequestSchema,
      create(RequestSchema, { stream: { id: 0n }, type: { case: "headers", value: { method: METHOD } } }),
    ),
    ...[false, true].map((eom) =>
      toBinary(
        RequestSchema,
        create(RequestSchema, {
          stream: { id: 0n },
          type: { case: "message", value: { hasMessage: true, packetMessage: { data: bytesOf(100), eom } } },
        }),
      ),
    ),
  ];
  for (const frame of [...frames, frames[2]!]) {
    const copy = frame.slice();
    server.receive(copy);
    copy.fill(0xee);
  }
  const [first, second] = calls[0]!.events;
  assert.deepEqual(first, ["message", Uint8Array.from([...bytesOf(100), ...bytesOf(100)])]);
  assert.deepEqual(second, ["message", bytesOf(100)]);
});

test("the deadline is the sooner of the frame's timeout and grpc-timeout, which is taken out of the metadata", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  bench.headers(0, { timeoutMs: 2500 });
  bench.headers(1, { md: { "grpc-timeout": "100m", a: "b" } });
  bench.headers(2, { md: { "grpc-timeout": "2S" }, timeoutMs: 5000 });
  bench.headers(3, { md: { "grpc-timeout": "nonsense" } });
  assert.deepEqual(
    calls.map((call) => call.start.timeoutMs),
    [2500, 100, 2000, undefined],
  );
  assert.deepEqual(calls[1]!.start.metadata, new Map([["a", ["b"]]]));
});

test("rst_stream cancels, and nothing that the handler still says goes out", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  bench.headers(0);
  bench.reset(0);
  assert.equal(calls[0]!.events[0]?.[0], "cancel");
  calls[0]!.response.message(bytesOf(1));
  calls[0]!.response.trailers(OK);
  assert.deepEqual(bench.sent, []);
  assert.equal(bench.server.openCalls, 0);
});

test("closeAll answers every open stream before it cancels, and drops what comes after", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  for (let id = 0; id < 5; id++) bench.headers(id);
  calls[2]!.response.trailers(OK);
  bench.sent.length = 0;
  bench.server.closeAll({ code: Code.unavailable, message: "closing" });
  assert.equal(bench.sent.length, 4);
  for (let at = 0; at < 4; at++) assert.equal(bench.status(at).code, 14);
  assert.deepEqual(
    calls.map((call) => call.events.map(([kind]) => kind)),
    [["cancel"], ["cancel"], [], ["cancel"], ["cancel"]],
  );
  bench.headers(9);
  assert.deepEqual([calls.length, bench.server.openCalls], [5, 0]);
});

test("a handler that is cancelled while it is being called is told", () => {
  const cancelled: Status[] = [];
  const server = createChannelServer({
    handler() {
      server.closeAll({ code: Code.unavailable, message: "bye" });
      return { message() {}, end() {}, cancel: (status) => cancelled.push(status) };
    },
    send() {},
  });
  server.receive(
    toBinary(RequestSchema, create(RequestSchema, { stream: { id: 0n }, type: { case: "headers", value: {} } })),
  );
  assert.deepEqual(cancelled, [{ code: 14, message: "bye" }]);
});

test("the 257th stream is refused, and its frames are ignored; a closed one makes room", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  for (let id = 0; id <= 256; id++) bench.headers(id);
  bench.packet(256, bytesOf(1), true);
  assert.deepEqual([calls.length, bench.server.openCalls, bench.sent.length], [256, 256, 1]);
  assert.deepEqual([bench.sent[0]!.stream?.id, bench.status(0).code], [256n, 8]);
  bench.reset(17);
  bench.headers(257);
  assert.equal(calls.length, 257);
  assert.deepEqual(bench.bad, []);
});

test("a message over the limit ends its own call only", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler, { maxMessageBytes: 1000 });
  bench.headers(0);
  bench.headers(1);
  bench.packet(0, bytesOf(1000), true);
  bench.packet(1, bytesOf(600), false);
  bench.packet(0, bytesOf(600), false);
  bench.packet(0, bytesOf(401), true);
  assert.deepEqual(
    calls[0]!.events.map(([kind]) => kind),
    ["message", "cancel"],
  );
  assert.deepEqual([bench.sent[0]!.stream?.id, bench.status(0).code, bench.bad], [0n, 8, ["message_too_large"]]);
  bench.packet(1, bytesOf(400), true);
  assert.equal(calls[1]!.events.length, 1);
  calls[1]!.response.message(bytesOf(1001));
  assert.equal(bench.status(-1).code, 8);
});

test("unfinished messages of all streams share a budget, which is given back", () => {
  const { calls, handler } = recordCalls();
  const limits = { maxMessageBytes: 100_000, maxAssemblyBytes: 150_000 };
  const bench = serverBench(handler, limits);
  for (const id of [0, 1, 2, 3]) bench.headers(id);
  bench.packet(0, bytesOf(40_000), false);
  bench.packet(1, bytesOf(40_000), false);
  bench.packet(2, bytesOf(40_000), false);
  assert.deepEqual([bench.sent.length, bench.sent[0]!.stream?.id, bench.status(0).code], [1, 2n, 8]);
  bench.packet(0, bytesOf(1), true);
  bench.packet(3, bytesOf(40_000), false);
  bench.packet(3, bytesOf(1), true);
  assert.deepEqual(
    calls.map((call) => call.events.map(([kind]) => kind)),
    [["message"], [], ["cancel"], ["message"]],
  );
});

test("each kind of bad frame is named, and none of them throws", () => {
  const { handler } = recordCalls();
  const bench = serverBench(handler);
  bench.server.receive(Uint8Array.from([0xff, 0xff]));
  bench.server.receive(new Uint8Array(MAX_FRAME_BYTES + 1));
  bench.packet(5, bytesOf(1), true);
  bench.headers(5);
  bench.headers(5);
  bench.end(5);
  bench.packet(5, bytesOf(1), true);
  bench.headers(6);
  bench.packet(6, bytesOf(1), false, true);
  assert.deepEqual(bench.bad, ["undecodable", "oversized", "no_headers", "headers_twice", "after_end", "cut_message"]);
  assert.equal(bench.status(-1).code, 13);
});

test("a handler or sink that throws ends its call with INTERNAL, not the channel", () => {
  const bench = serverBench((callStart) => {
    if (callStart.method === "/a/start") throw new Error("at the start");
    return {
      message: () => {
        throw new Error("at the message");
      },
      end() {},
      cancel() {
        throw new Error("at cancel");
      },
    };
  });
  bench.headers(0, { method: "/a/start" });
  bench.headers(1);
  bench.packet(1, bytesOf(1), true);
  assert.deepEqual(
    [bench.status(0), bench.status(1)].map(({ code, message }) => [code, message]),
    [
      [13, "at the start"],
      [13, "at the message"],
    ],
  );
});

test("trailers that do not fit into a frame lose their metadata, not their status", () => {
  const { calls, handler } = recordCalls();
  const bench = serverBench(handler);
  bench.headers(0);
  calls[0]!.response.trailers({ code: 2, message: "x".repeat(100_000) }, createMetadata({ big: "y".repeat(70_000) }));
  const { code, message, md } = bench.status(-1);
  assert.deepEqual([code, message?.length, Object.keys(md)], [2, 4096, []]);
});

test("client: cancel resets the stream and silences it", () => {
  const { calls, handler } = recordCalls();
  const { client, server } = pair(handler);
  const response = recordResponse();
  const request = client.call(start, response);
  request.cancel({ code: Code.cancelled, message: "" });
  assert.equal(calls[0]!.events[0]?.[0], "cancel");
  request.message(bytesOf(1));
  request.end();
  assert.deepEqual([response.ends, client.openCalls, server.openCalls], [[], 0, 0]);
});

test("client: closeAll settles what is open and refuses what comes later", () => {
  const { handler } = recordCalls();
  const { client } = pair(handler);
  const [open, late] = [recordResponse(), recordResponse()];
  client.call(start, open);
  client.closeAll({ code: Code.unavailable, message: "gone" });
  client.call(start, late).message(bytesOf(1));
  for (const response of [open, late]) {
    assert.deepEqual(
      response.ends.map(({ status }) => status),
      [{ code: 14, message: "gone" }],
    );
  }
});

test("client: limits of streams, messages and metadata end the one call", () => {
  const { calls, handler } = recordCalls();
  const { client } = pair(handler, { maxStreams: 2, maxMessageBytes: 1000 });
  const [first, second, third, fat] = [recordResponse(), recordResponse(), recordResponse(), recordResponse()];
  client.call(start, first).message(bytesOf(1001));
  assert.equal(first.ends[0]?.status.code, 8);
  assert.equal(calls[0]!.events[0]?.[0], "cancel");
  client.call({ ...start, metadata: createMetadata({ k: "x".repeat(70_000) }) }, fat);
  assert.equal(fat.ends[0]?.status.code, 8);
  client.call(start, second);
  client.call(start, recordResponse());
  client.call(start, third);
  assert.equal(third.ends[0]?.status.code, 8);
  assert.deepEqual(second.ends, []);
});

test("client: a response that is too large or cut short is an error, not a success", () => {
  const frames: Uint8Array[] = [];
  const client = createChannelClient({ send: (frame) => frames.push(frame) }, { maxMessageBytes: 1000 });
  const put = (id: bigint, type: MessageInitShape<typeof ResponseSchema>["type"]) =>
    client.receive(toBinary(ResponseSchema, create(ResponseSchema, { stream: { id }, type })));
  const [large, cut] = [recordResponse(), recordResponse()];
  client.call(start, large);
  client.call(start, cut);
  put(0n, { case: "message", value: { packetMessage: { data: bytesOf(1001), eom: true } } });
  put(1n, { case: "message", value: { packetMessage: { data: bytesOf(10), eom: false } } });
  put(1n, { case: "trailers", value: {} });
  assert.equal(large.ends[0]?.status.code, 8);
  assert.deepEqual([cut.messages, cut.ends[0]?.status.code], [[], 13]);
  assert.deepEqual(fromBinary(RequestSchema, frames.at(-1)!).type, { case: "rstStream", value: true });
});

test("trailers without a status mean OK, as Go's servers send them", () => {
  const client = createChannelClient({ send() {} });
  const response = recordResponse();
  client.call(start, response);
  client.receive(
    toBinary(ResponseSchema, create(ResponseSchema, { stream: { id: 0n }, type: { case: "trailers", value: {} } })),
  );
  assert.deepEqual(response.ends, [{ status: OK, metadata: NO_METADATA }]);
});

test("no frame of a stream may overtake the packets of its large message", () => {
  const sent: { streamId: number; priority: string }[] = [];
  const client = createChannelClient({ send: (frame) => server.receive(frame) });
  const server = createChannelServer({
    handler: (_start, response) => ({
      ...IGNORE_REQUESTS,
      message(bytes) {
        response.headers(NO_METADATA);
        response.message(new Uint8Array(bytes.length));
        response.message(new Uint8Array(10));
        response.trailers(OK);
      },
    }),
    send(frame, priority) {
      sent.push({ streamId: decodeResponse(frame).streamId, priority });
    },
  });
  const ignore = { headers() {}, message() {}, trailers() {} };
  client.call({ method: "/a/B", metadata: NO_METADATA, timeoutMs: undefined }, ignore).message(new Uint8Array(40_000));
  client.call({ method: "/a/B", metadata: NO_METADATA, timeoutMs: undefined }, ignore).message(new Uint8Array(40));
  const prioritiesOf = (id: number) => sent.filter(({ streamId }) => streamId === id).map(({ priority }) => priority);
  assert.deepEqual(
    prioritiesOf(0),
    ["control", "bulk", "bulk", "bulk", "bulk", "bulk"],
    "headers, 3 packets, 1, trailers",
  );
  assert.deepEqual(prioritiesOf(1), ["control", "control", "control", "control"]);
});
