import assert from "node:assert/strict";
import { once } from "node:events";
import { get, request } from "node:http";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import websocket from "@fastify/websocket";
import { createManualClock } from "@vigil/shared/testing";
import { REQUEST_BODY_TIMEOUT_MS, REQUEST_HEAD_TIMEOUT_MS } from "./limits.js";
import { createOriginPolicy } from "./origin-policy.js";
import { dial, frame, rawCall } from "./testing/echo-client.js";
import { type EchoPort, openEchoPort, until } from "./testing/echo-port.js";

const OPTIONS = {
  authenticated: false,
  allowedOrigins: ["https://panel.example:8443"],
  allowedHosts: ["bot", "arm.bot:9090"],
};

describe("without authentication", () => {
  const policy = createOriginPolicy(OPTIONS);
  const allowed = (host: string | undefined, origin?: string, more = {}, localAddress = "192.168.1.5") =>
    policy.check({ headers: { host, origin, ...more }, localAddress }).allowed;

  test("Host: loopback names, the address that was dialled and listed names", () => {
    const yes = [
      "localhost",
      "localhost:8080",
      "127.0.0.1:8080",
      "127.9.9.9",
      "[::1]:8080",
      "192.168.1.5:8080",
      "192.168.1.5",
    ];
    const names = ["bot", "bot:8080", "BOT", "arm.bot:9090", "x.localhost:1"];
    for (const host of [...yes, ...names]) assert.equal(allowed(host), true, host);
    const no = [
      "evil.example",
      "evil.example:8080",
      "192.168.1.6",
      "arm.bot:1",
      "localhost.evil.example",
      "",
      "127.evil.example",
      "bot.evil.example",
      "[::2]:80",
    ];
    for (const host of [...no, undefined]) assert.equal(allowed(host), false, String(host));
  });

  test("Host: IPv6 in any spelling, mapped IPv4", () => {
    assert.equal(allowed("[fe80::1]:80", undefined, {}, "fe80:0:0:0:0:0:0:1%eth0"), true);
    assert.equal(allowed("10.1.1.1:80", undefined, {}, "::ffff:10.1.1.1"), true);
  });

  test("Origin: loopback, own and listed", () => {
    const yes = [
      "http://localhost:3000",
      "http://127.0.0.1",
      "https://[::1]:8",
      "http://192.168.1.5:8080",
      "https://panel.example:8443",
    ];
    for (const origin of yes) assert.equal(allowed("192.168.1.5:8080", origin), true, origin);
    const no = [
      "null",
      "https://evil.example",
      "https://panel.example",
      "http://192.168.1.5:81",
      "http://localhost.evil.example",
      "file://",
      "http://localhost@evil.example",
      "chrome-extension://abc",
    ];
    for (const origin of no) assert.equal(allowed("192.168.1.5:8080", origin), false, origin);
  });

  test("DNS rebinding: an own origin under a foreign name is refused by its Host", () => {
    assert.equal(allowed("evil.example:8080", "http://evil.example:8080"), false);
  });

  test("a page's embedded requests, which carry no Origin, are refused; following a link is not", () => {
    assert.equal(
      allowed("localhost", undefined, { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }),
      false,
    );
    assert.equal(
      allowed("localhost", undefined, { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }),
      true,
    );
  });

  test("refusals are ASCII and say how to mend", () => {
    const verdict = policy.check({ headers: { host: "b\u00f6se\r\n" }, localAddress: "" });
    assert.ok(!verdict.allowed && /allowed hosts/.test(verdict.message) && /^[\n\x20-\x7e]+$/.test(verdict.message));
  });
});

for (const authenticated of [false, true]) {
  describe(`at the port, ${authenticated ? "with" : "without"} authentication`, () => {
    let echo: EchoPort;
    before(async () => {
      echo = await openEchoPort({ origins: { ...OPTIONS, authenticated } });
    });
    after(() => echo.close());

    const web = (origin: string) =>
      fetch(`${echo.url}/t.T/Echo`, {
        method: "POST",
        headers: { origin, "content-type": "application/grpc-web+proto", opid: "1" },
        body: frame(Buffer.of(1)),
      });

    test("gRPC-web of an allowed page", async () => {
      const answer = await web("http://localhost:3000");
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("access-control-allow-origin"), authenticated ? "*" : "http://localhost:3000");
      assert.equal(answer.headers.get("access-control-allow-credentials"), null);
      const exposed = answer.headers.get("access-control-expose-headers")!;
      for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "opid"])
        assert.ok(exposed.includes(name), name);
      if (!authenticated) assert.equal(answer.headers.get("vary"), "Origin");
    });

    test("gRPC-web of a foreign page", async () => {
      const calls = echo.seen.length;
      const answer = await web("https://evil.example");
      assert.equal(answer.status, authenticated ? 200 : 403);
      if (authenticated) return;
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
      assert.match(await answer.text(), /allowed origins/);
      assert.equal(echo.seen.length, calls);
    });

    for (const version of ["HTTP/1.1", "HTTP/2"]) {
      test(`a preflight over ${version} echoes what is asked for`, async () => {
        const fields = {
          origin: "http://localhost:3000",
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type,viam-metadata-x,x-grpc-web",
          "access-control-request-private-network": "true",
        };
        let answer: Record<string, unknown>;
        if (version === "HTTP/2") {
          const session = dial(echo.url);
          const extra = { ":method": "OPTIONS", "content-type": undefined, ...fields };
          answer = (await rawCall(session, "/t.T/Echo", undefined, extra)).headers;
          session.close();
        } else {
          const response = await new Promise<import("node:http").IncomingMessage>((resolve) => {
            const options = {
              port: echo.number,
              host: "127.0.0.1",
              path: "/t.T/Echo",
              method: "OPTIONS",
              headers: fields,
            };
            request(options, resolve).end();
          });
          response.resume();
          answer = { ...response.headers, ":status": response.statusCode };
        }
        assert.equal(answer[":status"], 204);
        assert.equal(answer["access-control-allow-headers"], fields["access-control-request-headers"]);
        assert.equal(answer["access-control-allow-methods"], "POST");
        assert.equal(answer["access-control-allow-private-network"], "true");
        assert.match(String(answer.vary), /Access-Control-Request-Headers/);
      });
    }

    test("routes follow the same policy, over both HTTP versions", async () => {
      const status = await new Promise((resolve) => {
        const headers = { host: "evil.example" };
        get({ port: echo.number, host: "127.0.0.1", path: "/hello", headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
      });
      assert.equal(status, authenticated ? 200 : 403);
      const session = dial(echo.url);
      const page = { ":method": "GET", "content-type": undefined };
      assert.equal((await rawCall(session, "/hello", undefined, page)).headers[":status"], 200);
      const foreign = { ...page, origin: "https://evil.example" };
      const answer = await rawCall(session, "/hello", undefined, foreign);
      assert.equal(answer.headers[":status"], authenticated ? 200 : 403);
      session.close();
    });

    test("native gRPC may be dialled by any name, unless a page's Origin comes with it", async () => {
      const session = dial(echo.url);
      const named = { ":authority": "robot.lan:8080" };
      assert.equal((await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), named)).status, 0);
      const page = { ...named, origin: "http://robot.lan:8080" };
      assert.equal(
        (await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), page)).headers[":status"],
        authenticated ? 200 : 403,
      );
      session.close();
    });
  });
}

test("a WebSocket opens for loopback pages and programs, lives past request timeouts, and is refused to other pages", async () => {
  const clock = createManualClock();
  const echo = await openEchoPort({}, clock, async (fastify) => {
    await fastify.register(websocket);
    fastify.get("/socket", { websocket: true }, (socket) => {
      socket.on("message", (data: Buffer) => socket.send(data));
    });
  });
  const upgrade = (fields: Record<string, string>) =>
    new Promise<[number | undefined, Duplex | undefined]>((resolve) => {
      const handshake = { "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version": "13" };
      const headers = { ...handshake, connection: "Upgrade", upgrade: "websocket", ...fields };
      const client = request({ port: echo.number, host: "127.0.0.1", path: "/socket", headers });
      client.on("response", (answer) => resolve([answer.resume().statusCode, undefined]));
      client.on("upgrade", (answer, socket) => resolve([answer.statusCode, socket]));
      client.end();
    });
  const friends: Record<string, string>[] = [{}, { origin: "http://localhost:3000" }];
  for (const fields of friends) {
    const [status, socket] = await upgrade(fields);
    assert.equal(status, 101);
    clock.advance(REQUEST_BODY_TIMEOUT_MS + REQUEST_HEAD_TIMEOUT_MS);
    // One masked binary frame, "hi", with a mask of zeros; it comes back unmasked.
    socket!.write(Buffer.of(0x82, 0x82, 0, 0, 0, 0, 0x68, 0x69));
    const [frame] = await once(socket!, "data");
    assert.deepEqual(frame, Buffer.of(0x82, 2, 0x68, 0x69));
    socket!.destroy();
  }
  const foreign: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { host: "evil.example" },
  ];
  for (const fields of foreign) assert.equal((await upgrade(fields))[0], 403);
  await until(() => echo.port.connections().length === 0);
  await echo.close();
});
