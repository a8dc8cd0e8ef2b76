import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createAcceptedHosts } from "./accepted-hosts.js";

const hosts = createAcceptedHosts("bot", "bot.lab.example", ["main", "arm"]);

test("the robot, its FQDN, localhost and the listener's address are the robot, with or without port", () => {
  for (const host of [
    "bot",
    "bot:8080",
    "bot.lab.example",
    "localhost:8080",
    "127.0.0.1",
    "10.0.0.5:8080",
    "10.0.0.5",
  ]) {
    assert.deepEqual(hosts.accept(host, "10.0.0.5:8080"), { part: undefined }, host);
  }
});

test("part.robot means that part", () => {
  assert.deepEqual(hosts.accept("arm.bot", "10.0.0.5:8080"), { part: "arm" });
  assert.deepEqual(hosts.accept("arm.bot.lab.example:8080", "10.0.0.5:8080"), { part: "arm" });
});

test("other hosts are refused with the text that Go and Rust know", () => {
  for (const host of ["other", "leg.bot", "10.0.0.6", ""]) {
    assert.throws(
      () => hosts.accept(host, "10.0.0.5:8080"),
      (error) =>
        error instanceof VigilError && error.reason === "bad_request" && error.message === "host not preconfigured",
      host,
    );
  }
  assert.throws(() => hosts.accept(undefined, "10.0.0.5:8080"), /expected rpc-host to be set in metadata/);
});
