import { fileURLToPath } from "node:url";
import { NODE_CLIENT } from "@vigil/viam-client";
import { findChromium } from "../../console/browser.js";
import type { Robot } from "../robot.js";
import { ROBOT } from "../robot.js";
import type { Client, ClientKind } from "./client.js";
import { startPage } from "./page-client.js";
import { startProgram } from "./program-client.js";
import { findPython, PYTHON_CLIENT } from "./python.js";

export { type Client, ClientError, type ClientKind } from "./client.js";

const RAW_CLIENT = fileURLToPath(new URL("./raw-client.js", import.meta.url));

/** Why clients of a kind cannot run here, or undefined. For `t.skip`. */
export function clientMissing(kind: ClientKind): string | undefined {
  if (kind.startsWith("page") && !findChromium()) return "BROWSER NOT TESTED: there is no Chromium on this machine";
  if (kind.startsWith("py")) {
    const found = findPython();
    return "missing" in found ? found.missing : undefined;
  }
  return undefined;
}

/** Starts a client and lets it dial the robot; it may live in a network namespace. */
export function startClient(robot: Robot, kind: ClientKind, host = ROBOT, namespace?: string): Promise<Client> {
  const way = kind.slice(kind.indexOf("-") + 1);
  // In a namespace of its own localhost means the robot: SDKs dial directly only what they think is near.
  const isNamed = namespace !== undefined && way === "grpc" && kind !== "raw-grpc";
  const dial = { way, url: isNamed ? `http://localhost:${robot.port}` : robot.url, host };
  if (kind.startsWith("page")) return startPage(kind, findChromium()!, dial, namespace);
  const within = namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
  if (kind.startsWith("py")) {
    const found = findPython();
    if ("missing" in found) throw new Error(found.missing);
    return startProgram(kind, [...within, found.python, PYTHON_CLIENT], dial);
  }
  const program = kind === "raw-grpc" ? RAW_CLIENT : fileURLToPath(NODE_CLIENT);
  return startProgram(kind, [...within, process.execPath, program], dial);
}

/** Runs `use` with a client that is gone afterwards. */
export async function withClient<T>(robot: Robot, kind: ClientKind, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await startClient(robot, kind);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
