import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArguments } from "./arguments.js";

test("viam-server's flags are understood", () => {
  const argv = "-config robot.json -debug -no-tls -disable-mdns -allow-insecure-creds -log-file /var/log/x".split(" ");
  assert.deepEqual(parseArguments(argv), {
    kind: "run",
    command: "up",
    file: "robot.json",
    logLevel: "debug",
    noTls: true,
    ignored: ["disable-mdns", "allow-insecure-creds", "log-file"],
  });
  assert.deepEqual(parseArguments(["-config=a.json"]), parseArguments(["up", "a.json"]));
});

test("flags that make viam-server do something else are refused", () => {
  for (const flag of ["-dump-resources", "-network-check"]) {
    assert.equal(parseArguments(["-config", "a.json", flag]).kind, "usage", flag);
  }
});

test("the file may follow the command or --config; standard input is a dash", () => {
  for (const argv of [
    ["gateway", "--config", "-"],
    ["gateway", "-config=-"],
    ["gateway", "-"],
  ]) {
    const parsed = parseArguments(argv);
    assert.equal(parsed.kind === "run" && `${parsed.command} ${parsed.file}`, "gateway -", argv.join(" "));
  }
});
