import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code as ConnectCode, ConnectError, createContextValues, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Code } from "@vigil/shared";
import { MAX_MESSAGE_BYTES, MAX_SKIPPED_BYTES } from "./limits.js";
import { answerOf, dial, frame, openRaw, rawCall, streamMethod, unaryMethod } from "./testing/echo-client.js";
import { type EchoPort, FAILURE, openEchoPort, selfSigned, until } from "./testing/echo-port.js";

const bytesOf = (text: string) => create(BytesValueSchema, { value: Buffer.from(text) });

function unary(transport: Transport, name: string, text: string, header = new Headers(), timeoutMs?: number) {
  return transport.unary(unaryMethod(name), undefined, timeoutMs, header, bytesOf(text), createContextValues());
}

const nodeOptions = { rejectUnauthorized: false };

for (const tls of [undefined, selfSigned()]) {
  const transports = {
    "gRPC, HTTP/2": (url: string) => createGrpcTransport({ baseUrl: url, nodeOptions }),
    "gRPC-web, HTTP/2": (url: string) => createGrpcWebTransport({ baseUrl: url, httpVersion: "2", nodeOptions }),
    "gRPC-web, HTTP/1.1": (url: string) => createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1", nodeOptions }),
  };
  for (const [title, create] of Object.entries(transports)) {
    describe(`${title}, ${tls ? "TLS" : "cleartext"}`, () => {
      let echo: EchoPort;
      let transport: Transport;
      before(async () => {
        echo = await openEchoPort({ tls });
        transport = create(echo.url);
      });
      after(() => echo.close());

      test("a unary call, its metadata both ways and its deadline", async () => {
        const header = new Headers({ "x-text": "a, b", "x-data-bin": "AAEC", opid: "7" });
        const answer = await unary(transport, "Echo", "hello", header, 5_000);
        assert.equal(Buffer.from(answer.message.value).toString(), "hello");
        assert.equal(answer.header.get("x-text"), "a, b");
        assert.equal(answer.header.get("x-data-bin"), "AAEC");
        assert.equal(answer.header.get("opid"), "7");
        assert.equal(answer.trailer.get("x-trailer"), "late");
        const call = echo.seen.at(-1)!;
        assert.equal(call.start.method, "/test.Unary/Echo");
        assert.ok(call.start.timeoutMs! > 4_000 && call.start.timeoutMs! <= 5_000);
        assert.deepEqual(call.start.metadata.get("x-data-bin"), ["AAEC"]);
        const agents = ["user-agent", "x-user-agent"];
        const keys = [...call.start.metadata.keys()].filter((key) => !agents.includes(key));
        assert.deepEqual(keys.sort(), ["opid", "x-data-bin", "x-text"]);
        assert.equal(call.caller.kind, title.startsWith("gRPC-web") ? "grpc-web" : "grpc");
        assert.equal(call.caller.remoteAddress, "127.0.0.1");
        assert.equal(call.connection.openCalls, 0);
      });

      for (const name of ["Fail", "FailLate"]) {
        test(`${name}: code, message and details reach the client`, async () => {
          const error = await unary(transport, name, "x").then(() => assert.fail(), ConnectError.from);
          assert.equal(error.code, ConnectCode.FailedPrecondition);
          assert.equal(error.rawMessage, FAILURE.message);
        });
      }

      test("a handler that throws costs its call only", async () => {
        const error = await unary(transport, "Throw", "x").then(() => assert.fail(), ConnectError.from);
        assert.equal(error.code, ConnectCode.Internal);
      });

      test("metadata that cannot be sent never reaches the wire", async () => {
        // HTTP/1.1 lets `age` stand twice and only the message is missing; Node's HTTP/2 refuses the whole head.
        await assert.rejects(unary(transport, "BadMetadata", "x"));
        assert.equal((await unary(transport, "Echo", "still here")).message.value.length, 10);
      });

      test("messages of 4 MiB and an empty one", async () => {
        const large = Buffer.alloc(2 ** 22, 7).toString();
        assert.equal((await unary(transport, "Echo", large)).message.value.length, 2 ** 22);
        assert.equal((await unary(transport, "Echo", "")).message.value.length, 0);
      });

      test("an abort cancels at the handler", async () => {
        const abort = new AbortController();
        const message = bytesOf("x");
        const answer = transport.unary(
          unaryMethod("Hang"),
          abort.signal,
          undefined,
          {},
          message,
          createContextValues(),
        );
        const call = await until(() => echo.seen.find((each) => each.start.method.endsWith("Hang")));
        abort.abort();
        await assert.rejects(answer);
        const status = await until(() => call.cancelled);
        assert.equal(status.code, Code.cancelled);
        assert.equal(call.connection.openCalls, 0);
      });

      test("a client reads that its message is too large, and the limit", async () => {
        for (const bytes of [MAX_MESSAGE_BYTES, 2 * MAX_MESSAGE_BYTES]) {
          const refused = await unary(transport, "Hang", "x".repeat(bytes)).then(
            () => assert.fail(),
            ConnectError.from,
          );
          assert.equal(refused.code, ConnectCode.ResourceExhausted);
          assert.match(refused.rawMessage, new RegExp(`the limit is ${MAX_MESSAGE_BYTES}$`));
        }
        assert.equal((await unary(transport, "Echo", "still here")).message.value.length, 10);
      });

      if (title !== "gRPC-web, HTTP/1.1") {
        test("a stream of messages, answered as they come", async () => {
          const input = (async function* () {
            for (let count = 0; count < 100; count += 1) yield bytesOf(`message ${count}`);
          })();
          const stream = await transport.stream(
            streamMethod("Echo"),
            undefined,
            undefined,
            {},
            input,
            createContextValues(),
          );
          const texts: string[] = [];
          for await (const message of stream.message) texts.push(Buffer.from(message.value).toString());
          assert.equal(texts.length, 100);
          assert.equal(texts[99], "message 99");
          assert.equal(stream.trailer.get("x-trailer"), "late");
        });
      }
    });
  }
}

test("gRPC-web-text: base64 in pieces, both ways", async () => {
  const echo = await openEchoPort();
  const text = frame(Buffer.from("hello, text")).toString("base64");
  const answer = await fetch(`${echo.url}/test.Unary/Echo`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web-text" },
    duplex: "half",
    body: new ReadableStream({
      async start(controller) {
        for (const piece of text.match(/.{1,3}/g)!) {
          controller.enqueue(Buffer.from(piece));
          await new Promise((resolve) => setImmediate(resolve));
        }
        controller.close();
      },
    }),
  } as RequestInit);
  const groups = (await answer.text()).match(/[^=]+={0,2}/g)!;
  const body = Buffer.concat(groups.map((group) => Buffer.from(group, "base64")));
  assert.deepEqual(body.subarray(5, 16).toString(), "hello, text");
  assert.equal(body[16], 0x80);
  assert.match(body.subarray(21).toString(), /^grpc-status: 0\r\n/);
  await echo.close();
});

describe("gRPC byte by byte", () => {
  let echo: EchoPort;
  before(async () => {
    echo = await openEchoPort();
  });
  after(() => echo.close());

  test("an error without messages is trailers-only, with details as unpadded base64", async () => {
    const session = dial(echo.url);
    const answer = await rawCall(session, "/test.Unary/Fail", frame(Buffer.of(1)));
    assert.equal(answer.headers["grpc-status"], "9");
    assert.equal(answer.headers["grpc-message"], "arm 100%25 stuck: %C3%BCber-current%0Asecond line");
    assert.equal(
      answer.headers["grpc-status-details-bin"],
      Buffer.from(FAILURE.details!).toString("base64").replace(/=+$/, ""),
    );
    assert.equal(answer.headers["x-trailer"], "late");
    assert.equal(answer.body.length, 0);
    session.close();
  });

  test("the content type comes back as it was asked for", async () => {
    const session = dial(echo.url);
    const extra = { "content-type": "application/grpc+proto" };
    assert.equal(
      (await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), extra)).headers["content-type"],
      "application/grpc+proto",
    );
    session.close();
  });

  const refused: [string, Buffer, number][] = [
    ["compressed", frame(Buffer.of(1), 1), Code.unimplemented],
    ["with unknown flags", frame(Buffer.of(1), 0x42), Code.internal],
    ["over the limit", frame(Buffer.of(1), 0, MAX_MESSAGE_BYTES + 1), Code.resourceExhausted],
    ["cut short", frame(Buffer.of(1, 2), 0, 9), Code.internal],
    ["cut within its prefix", Buffer.of(0, 0, 0), Code.internal],
  ];
  for (const [what, body, code] of refused) {
    test(`a message ${what} is refused and cancelled at the handler`, async () => {
      const session = dial(echo.url);
      const answer = await rawCall(session, "/t.T/Hang", body);
      assert.equal(answer.status, code);
      assert.equal(echo.seen.at(-1)!.cancelled?.code, code);
      if (code === Code.unimplemented) assert.equal(answer.headers["grpc-accept-encoding"], "identity");
      session.close();
    });
  }

  test("malformed method names and timeouts are refused", async () => {
    const session = dial(echo.url);
    for (const path of ["/", "/x", "/x/", "/a/b/c", "/a/b?c=d"])
      assert.equal((await rawCall(session, path)).status, Code.unimplemented);
    for (const timeout of ["5", "123456789S", "-1S", "1s"]) {
      assert.equal(
        (await rawCall(session, "/a/b", undefined, { "grpc-timeout": timeout })).status,
        Code.invalidArgument,
      );
    }
    session.close();
  });

  test("any cut of the request gives the same messages", async () => {
    const session = dial(echo.url);
    const body = Buffer.concat([frame(Buffer.of(1, 2, 3)), frame(Buffer.alloc(0)), frame(Buffer.alloc(70_000, 5))]);
    for (const size of [1, 3, 4, 5, 7, 69_000]) {
      const until = size < 10 ? 40 : body.length;
      const answer = await answerOf(openRaw(session, "/t.T/Echo"), (stream) => {
        for (let at = 0; at < until; at += size) stream.write(body.subarray(at, Math.min(until, at + size)));
        stream.end(body.subarray(until));
      });
      assert.deepEqual(answer.body, body);
    }
    session.close();
  });

  test("the largest message passes both ways", async () => {
    const session = dial(echo.url);
    const answer = await rawCall(session, "/t.T/Echo", frame(Buffer.alloc(MAX_MESSAGE_BYTES, 3)));
    assert.equal(answer.status, 0);
    assert.equal(answer.body.length, MAX_MESSAGE_BYTES + 5);
    session.close();
  });

  test("who announces a message beyond all measure is refused before it comes", async () => {
    const session = dial(echo.url);
    const answer = await answerOf(openRaw(session, "/t.T/Hang"), (stream) =>
      stream.write(frame(Buffer.of(1), 0, MAX_SKIPPED_BYTES + 1)),
    );
    assert.equal(answer.status, Code.resourceExhausted);
    assert.equal(answer.rstCode, 0);
    session.close();
  });

  test("a client that goes on sending after its answer is told to stop", async () => {
    const session = dial(echo.url);
    const answer = await answerOf(openRaw(session, "/t.T/Fail"), (stream) => stream.write(frame(Buffer.of(1))));
    assert.equal(answer.status, Code.failedPrecondition);
    assert.equal(answer.rstCode, 0);
    session.close();
  });

  test("a client that reads nothing is ended once too much waits", async () => {
    const session = dial(echo.url);
    const stream = openRaw(session, "/t.T/Flood");
    stream.on("error", () => undefined);
    stream.pause();
    stream.end(frame(Buffer.of(1)));
    const call = await until(() => echo.seen.find((each) => each.start.method.endsWith("Flood") && each.cancelled));
    assert.equal(call.cancelled?.code, Code.resourceExhausted);
    assert.equal((await rawCall(session, "/t.T/Echo", frame(Buffer.of(4)))).status, 0);
    session.close();
  });

  test("duplicate text metadata stays apart, joined binary metadata is split", async () => {
    const session = dial(echo.url);
    await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), {
      "x-a": ["1, 2", "3"],
      "x-b-bin": ["AA==,AQ==", "Ag"],
      cookie: "a=b",
    });
    const { metadata } = echo.seen.at(-1)!.start;
    assert.deepEqual(metadata.get("x-a"), ["1, 2", "3"]);
    assert.deepEqual(metadata.get("x-b-bin"), ["AA==", "AQ==", "Ag"]);
    assert.equal(metadata.has("cookie"), false);
    session.close();
  });
});
