import assert from "node:assert/strict";
import { request as requestHttp } from "node:http";
import { connect } from "node:http2";
import { request as requestHttps } from "node:https";
import { test } from "node:test";
import koffi from "koffi";
import { TCP_SILENCE_MS } from "./limits.js";
import { openEchoPort, selfSigned } from "./testing/echo-port.js";

const getsockopt = koffi
  .load("libc.so.6")
  .func("int getsockopt(int fd, int level, int name, _Out_ uint32 *value, _Inout_ uint32 *length)");

/** TCP_USER_TIMEOUT of a socket in ms; 0: as the system has it. */
function userTimeoutMs(fd: number): number {
  const value = new Uint32Array(1);
  assert.equal(getsockopt(fd, 6, 18, value, Uint32Array.of(4)), 0);
  return value[0]!;
}

const descriptorOf = (socket: unknown) => (socket as { readonly _handle: { readonly fd: number } })._handle.fd;

for (const tls of [undefined, selfSigned()]) {
  const layer = tls ? "TLS" : "cleartext";

  test(`data on an HTTP/1.1 connection waits ten seconds for its acknowledgement, ${layer}`, async () => {
    const seen: number[] = [];
    const echo = await openEchoPort({ tls }, undefined, (fastify) =>
      fastify.get("/descriptor", async ({ raw }) => {
        seen.push(userTimeoutMs(descriptorOf(raw.socket)));
        return "";
      }),
    );
    await new Promise((resolve) => {
      const send = tls ? requestHttps : requestHttp;
      const options = { port: echo.number, path: "/descriptor", agent: false, rejectUnauthorized: false };
      send({ ...options, host: "127.0.0.1" }, (response) => response.resume().on("end", resolve)).end();
    });
    assert.deepEqual(seen, [TCP_SILENCE_MS]);
    await echo.close();
  });
}

test("an HTTP/2 connection keeps the system's limit: its silence is judged by PING", async () => {
  const seen: number[] = [];
  const echo = await openEchoPort({}, undefined, (fastify) =>
    fastify.get("/descriptor", async ({ raw }) => {
      seen.push(userTimeoutMs(descriptorOf(raw.socket)));
      return "";
    }),
  );
  const session = connect(echo.url);
  await new Promise((resolve) => session.request({ ":path": "/descriptor" }).resume().on("end", resolve));
  session.close();
  assert.deepEqual(seen, [0]);
  await echo.close();
});
