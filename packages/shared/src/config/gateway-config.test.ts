import assert from "node:assert/strict";
import { test } from "node:test";
import { contextOf, places, SECRET, VALID_GATEWAY } from "./config-fixtures.js";
import { loadGatewayConfig } from "./gateway-config.js";

const load = (value: unknown, env = {}, files = {}) =>
  loadGatewayConfig(typeof value === "string" ? value : JSON.stringify(value), contextOf(env, files));
const parts = [{ name: "main", secret: SECRET }];

test("an empty gateway gets every default", () => {
  const { config, problems } = load({ parts });
  assert.deepEqual(problems, []);
  assert.deepEqual(config, {
    robot: "robot",
    bind: { host: "127.0.0.1", port: 8080 },
    heartbeatWindowMs: 2000,
    auth: { required: false, apiKeys: {}, externalKeys: [] },
    leases: { store: "memory" },
    parts: [{ name: "main", secret: SECRET, prefix: "", maxCommandAgeMs: 300 }],
    webrtc: { hostAddresses: [], iceServers: [] },
    implicitQuietLimitMs: 10_000,
    stopGroup: "robot",
    proxied: false,
    allowUnauthenticated: false,
    tunnels: [],
  });
});

test("every key is compiled into its unit, and the result is frozen", () => {
  const { config, problems } = load(VALID_GATEWAY);
  assert.deepEqual(problems, []);
  assert.equal(config?.heartbeatWindowMs, 500);
  assert.deepEqual(config?.auth.apiKeys, { id1: "key1" });
  assert.deepEqual(config?.leases, { store: "redis", url: "redis://127.0.0.1:6379/0", prefix: "vigil:" });
  assert.equal(config?.parts[1]?.maxCommandAgeMs, 200);
  assert.deepEqual(config?.webrtc.udpPorts, { min: 20_000, max: 20_999 });
  assert.deepEqual(config?.webrtc.iceServers, [{ urls: ["stun:10.0.0.2"] }]);
  assert.equal(config?.implicitQuietLimitMs, "off");
  assert.deepEqual(config?.metricsBind, { host: "0.0.0.0", port: 9000 });
  assert.ok(Object.isFrozen(config?.parts[0]));
});

test("the knock is on unless it is switched off", () => {
  assert.equal(load({ parts, webrtc: { knock: false } }).config?.webrtc.knock, false);
  assert.equal(load({ parts, webrtc: { knock: true } }).config?.webrtc.knock, undefined);
  assert.deepEqual(places(load({ parts, webrtc: { knock: "no" } }).problems), ["fatal webrtc.knock"]);
});

test("all problems come at once, each with its path and line", () => {
  const { config, problems } = load(`{
    "network": { "sessions": { "heartbeat_window": "20ms" }, "tls_cert_file": "c.pem" },
    "leases": { "store": "redis" },
    "implicit": { "quiet_limit": 5 },
    "stop_group": "prt", // a slip
    "parts": [ { "name": "a b", "secret": { "env": "NONE" } }, ],
  }`);
  assert.equal(config, undefined);
  assert.deepEqual(places(problems), [
    "fatal implicit.quiet_limit",
    "fatal leases.url",
    "fatal network.sessions.heartbeat_window",
    "fatal network.tls_key_file",
    "fatal parts[0].name",
    "fatal parts[0].secret",
    "fatal stop_group",
  ]);
  const stopGroup = problems.find((problem) => problem.path === "stop_group");
  assert.equal(stopGroup?.line, 5);
  assert.match(stopGroup?.message ?? "", /did you mean "part"\?/);
});

test("an unknown key is a warning that names the nearest known one", () => {
  const { config, problems } = load({ parts, stop_grop: "part", network: { sesions: {} } });
  assert.ok(config);
  assert.deepEqual(places(problems), ["warning network.sesions", "warning stop_grop"]);
  assert.match(problems.find((problem) => problem.path === "stop_grop")?.message ?? "", /did you mean "stop_group"/);
});

test("off loopback without authentication is refused, unless allowed in so many words", () => {
  for (const bind_address of ["0.0.0.0:8080", ":8080", "192.168.1.5:8080", "[::]:8080", "robot.local:8080"]) {
    assert.deepEqual(
      places(load({ parts, network: { bind_address } }).problems),
      ["fatal network.bind_address"],
      bind_address,
    );
    assert.ok(load({ parts, network: { bind_address }, allow_unauthenticated: true }).config, bind_address);
    assert.ok(load({ parts, network: { bind_address }, auth: VALID_GATEWAY.auth }).config, bind_address);
  }
  for (const bind_address of ["localhost:0", "127.0.0.1:1", "127.9.9.9:1", "[::1]:65535"]) {
    assert.ok(load({ parts, network: { bind_address } }).config, bind_address);
  }
});

test("the heartbeat window is 30 ms to 1 m, and short ones are warned of with what to expect", () => {
  const window = (heartbeat_window: unknown) => load({ parts, network: { sessions: { heartbeat_window } } });
  for (const bad of ["29.9ms", "61s", "1h", "2", "", "-1s", 2, 2000, null, "1e3s"]) {
    assert.deepEqual(places(window(bad).problems), ["fatal network.sessions.heartbeat_window"], String(bad));
  }
  for (const [text, ms] of [
    ["250ms", 250],
    ["1m", 60_000],
    ["0.5s", 500],
    ["1s500ms", 1500],
  ] as const) {
    assert.equal(window(text).config?.heartbeatWindowMs, ms);
    assert.deepEqual(window(text).problems, []);
  }
  const short = window("30ms");
  assert.equal(short.config?.heartbeatWindowMs, 30);
  assert.match(short.problems[0]?.message ?? "", /expect about [\d.]+ false lapses an hour/);
});

test("authentication follows Viam's rules", () => {
  const auth = (value: unknown) => load({ parts, auth: value });
  const handler = (config: unknown) => ({ handlers: [{ type: "api-key", config }] });
  assert.deepEqual(places(auth(handler({ keys: ["a"] })).problems, "fatal"), ["fatal auth.handlers[0].config"]);
  assert.deepEqual(places(auth(handler({ a: "k" })).problems), ["fatal auth.handlers[0].config.keys"]);
  assert.deepEqual(places(auth(handler({ a: "k", keys: [] })).problems), ["fatal auth.handlers[0].config.keys"]);
  assert.deepEqual(places(auth(handler({ a: "k", keys: ["b"] })).problems), [
    "warning auth.handlers[0].config.keys[0]",
  ]);
  assert.deepEqual(auth(handler({ a: "k", key: "x", keys: ["a"] })).config?.auth.apiKeys, { a: "k" });
  const location = { handlers: [{ type: "robot-location-secret", config: { secret: "s" } }] };
  assert.deepEqual(places(auth(location).problems), ["fatal auth.handlers[0].type"]);
  const twice = {
    handlers: [...handler({ a: "k", keys: ["a"] }).handlers, ...handler({ b: "k", keys: ["b"] }).handlers],
  };
  assert.deepEqual(places(auth(twice).problems), ["fatal auth.handlers[1].type"]);
  assert.deepEqual(places(auth({ external_auth_config: { jwks: { keys: [] } } }).problems), [
    "fatal auth.external_auth_config.jwks.keys",
  ]);
  const key = { kty: "RSA", alg: "RS256", kid: "1", n: "AQAB", e: "AQAB" };
  const external = auth({ external_auth_config: { jwks: { keys: [{ ...key, use: "sig" }] } } });
  assert.deepEqual(external.problems, []);
  assert.deepEqual(external.config?.auth, { required: true, apiKeys: {}, externalKeys: [key] });
  const elliptic = { external_auth_config: { jwks: { keys: [{ ...key, kty: "EC" }] } } };
  assert.deepEqual(places(auth(elliptic).problems), ["fatal auth.external_auth_config.jwks.keys[0].kty"]);
});

test("a secret is a string, a variable or a file", () => {
  const secretOf = (secret: unknown) =>
    load({ parts: [{ name: "main", secret }] }, { S: SECRET, E: "" }, { "s.txt": `${SECRET}\n`, "e.txt": "\n" });
  for (const good of [SECRET, { env: "S" }, { file: "s.txt" }]) {
    assert.equal(secretOf(good).config?.parts[0]?.secret, SECRET);
  }
  for (const bad of ["", { env: "E" }, { env: "NONE" }, { file: "e.txt" }, { file: "none" }, 5, {}, null, undefined]) {
    assert.deepEqual(places(secretOf(bad).problems), ["fatal parts[0].secret"], JSON.stringify(bad));
  }
  assert.deepEqual(places(secretOf("short").problems), ["warning parts[0].secret"]);
});

test("TLS takes both files or neither, and reads them", () => {
  const files = { "c.pem": "CERT", "k.pem": "KEY" };
  const tls = (network: unknown) => load({ parts, network }, {}, files);
  assert.deepEqual(tls({ tls_cert_file: "c.pem", tls_key_file: "k.pem" }).config?.tls, {
    certFile: "c.pem",
    keyFile: "k.pem",
    cert: "CERT",
    key: "KEY",
  });
  assert.equal(tls({ tls_cert_file: "c.pem", tls_key_file: "k.pem", no_tls: true }).config?.tls, undefined);
  assert.deepEqual(places(tls({ tls_cert_file: "c.pem" }).problems), ["fatal network.tls_key_file"]);
  assert.deepEqual(places(tls({ tls_cert_file: "x.pem", tls_key_file: "k.pem" }).problems), [
    "fatal network.tls_cert_file",
  ]);
});

test("the environment is put into the raw text, with defaults", () => {
  const text = `{ "robot": "\${NAME}", "network": { "bind_address": "127.0.0.1:\${PORT:-9090}" }, "parts": [] }`;
  assert.equal(load(text, { NAME: "bot" }).config?.robot, "bot");
  assert.equal(load(text, { NAME: "bot" }).config?.bind.port, 9090);
  assert.equal(load(text, { NAME: "bot", PORT: "1234" }).config?.bind.port, 1234);
  assert.match(
    load(text)
      .problems.map((problem) => problem.message)
      .join(),
    /NAME is not set/,
  );
});

test("a key that is given twice, broken JSON and absurd nesting are told, never thrown", () => {
  assert.match(load(`{ "parts": [], "robot": "a", "robot": "b" }`).problems[0]?.message ?? "", /given twice/);
  assert.match(load(`{ "parts": [ }`).problems[0]?.message ?? "", /no valid JSON at line 1/);
  const tooLong = `{ "parts": [], "robot": "${"a".repeat(8 * 1024 * 1024)}" }`;
  for (const text of [tooLong, "", "[]", "7", "null", "[".repeat(100_000), `${"[".repeat(200)}${"]".repeat(200)}`]) {
    const { config, problems } = load(text);
    assert.equal(config, undefined);
    assert.equal(problems[0]?.severity, "fatal");
  }
});
