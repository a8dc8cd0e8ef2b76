import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inRepository } from "./repository.js";

const script = inRepository("deploy/docker/healthcheck.mjs");

async function exitCodeFor(url: string): Promise<number | null> {
  const child = execFile(process.execPath, [script, url]);
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

test("the health check passes on 200, fails on 503, on a closed port and on silence", async () => {
  const server = createServer((request, response) => {
    if (request.url === "/silent") return;
    response.writeHead(request.url === "/healthz" ? 200 : 503).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.equal(await exitCodeFor(`${origin}/healthz`), 0);
  assert.equal(await exitCodeFor(`${origin}/other`), 1);
  assert.equal(await exitCodeFor(`${origin}/silent`), 1);
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  assert.equal(await exitCodeFor(`${origin}/healthz`), 1);
});
