// HEALTHCHECK of both images, for the slim image has no curl: exit 0 when the URL answers 2xx.
//   healthcheck.mjs http://127.0.0.1:8080/healthz
import { request } from "node:http";
import { request as requestTls } from "node:https";

/** Below the 3 s that Docker waits, so that the reason reaches its log. */
const TIMEOUT_MS = 2_000;

const url = new URL(process.argv[2]);
const fail = (reason) => {
  console.error(`${url.href}: ${reason}`);
  process.exit(1);
};
// The certificate names the robot, not 127.0.0.1, and this asks only its own container.
const options = { timeout: TIMEOUT_MS, rejectUnauthorized: false };
const asked = (url.protocol === "https:" ? requestTls : request)(url, options, (response) => {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) process.exit(0);
  fail(`status ${status}`);
});
asked.on("timeout", () => fail(`no answer in ${TIMEOUT_MS} ms`));
asked.on("error", (error) => fail(error.message));
asked.end();
