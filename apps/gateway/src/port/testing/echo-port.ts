import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CallStart, createMetadata, type Metadata, NO_METADATA, type Status } from "@vigil/protocol";
import { type Clock, Code, createSystemClock, systemRandom } from "@vigil/shared";
import type { ClientConnection } from "../client-connection.js";
import type { Caller, PortCallHandler } from "../open-call.js";
import { createPort, type Port, type PortOptions } from "../port.js";

/** What the echo handler saw of one call. */
export interface SeenCall {
  readonly connection: ClientConnection;
  readonly start: CallStart;
  readonly caller: Caller;
  readonly messages: Uint8Array[];
  ended: boolean;
  cancelled: Status | undefined;
}

export interface EchoPort {
  readonly port: Port;
  readonly number: number;
  readonly url: string;
  readonly seen: SeenCall[];
  readonly connections: ClientConnection[];
  close(): Promise<void>;
}

const FAILURE_TEXT = "arm 100% stuck: \u00fcber-current\nsecond line";

/** A status with everything that a status can carry; the details are a google.rpc.Status of the same. */
export const FAILURE: Status = {
  code: Code.failedPrecondition,
  message: FAILURE_TEXT,
  details: Buffer.concat([Buffer.of(8, 9, 18, Buffer.byteLength(FAILURE_TEXT)), Buffer.from(FAILURE_TEXT)]),
};

export const FLOOD_MESSAGES = 64;
export const FLOOD_BYTES = 2 ** 18;

/** A port whose handler answers by the method's name: Echo, Fail, FailLate, Hang, Flood, Throw, BadMetadata. */
export async function openEchoPort(
  options: Partial<PortOptions> = {},
  clock: Clock = createSystemClock(),
  addRoutes: (fastify: Port["fastify"]) => unknown = () => undefined,
): Promise<EchoPort> {
  const seen: SeenCall[] = [];
  const connections: ClientConnection[] = [];
  const handler = (connection: ClientConnection): PortCallHandler => {
    connections.push(connection);
    return echoHandler(connection, seen);
  };
  const origins = { authenticated: false, allowedOrigins: [], allowedHosts: [] };
  const port = createPort(
    { clock, random: systemRandom, log: { debug: () => undefined }, handler },
    { host: "127.0.0.1", port: 0, proxied: false, origins, ...options },
  );
  port.fastify.get("/hello", async (request) => ({ from: request.ip }));
  await addRoutes(port.fastify);
  const { port: number } = await port.listen();
  const url = `${options.tls ? "https" : "http"}://127.0.0.1:${number}`;
  return { port, number, url, seen, connections, close: () => port.close() };
}

function echoHandler(connection: ClientConnection, seen: SeenCall[]): PortCallHandler {
  return (start, response, caller) => {
    const call: SeenCall = { connection, start, caller, messages: [], ended: false, cancelled: undefined };
    seen.push(call);
    const name = start.method.split("/").at(-1);
    if (name === "Fail") response.trailers(FAILURE, createMetadata({ "x-trailer": "late" }));
    if (name === "Throw") throw new Error("a handler that breaks its promise");
    if (name === "BadMetadata") {
      response.headers(createMetadata({ "content-length": "5", "x-line": "a\nb", "x y": "z", age: ["1", "2"] }));
    }
    return {
      message(bytes) {
        call.messages.push(bytes);
        if (name === "Echo") {
          if (call.messages.length === 1) response.headers(echoed(start.metadata));
          response.message(bytes);
        } else if (name === "FailLate") {
          response.message(bytes);
          response.trailers(FAILURE);
        } else if (name === "Flood") {
          for (let count = 0; count < FLOOD_MESSAGES; count += 1) response.message(Buffer.alloc(FLOOD_BYTES));
        }
      },
      end() {
        call.ended = true;
        if (name === "Echo" || name === "BadMetadata")
          response.trailers({ code: 0, message: "" }, createMetadata({ "x-trailer": "late" }));
      },
      cancel(status) {
        call.cancelled = status;
      },
    };
  };
}

function echoed(metadata: Metadata): Metadata {
  const fields = [...metadata].filter(([name]) => name.startsWith("x-") || name === "opid");
  return fields.length > 0 ? new Map(fields) : NO_METADATA;
}

/** Resolves as soon as `probe` gives something; the test runner's own timeout bounds it. */
export async function until<T>(probe: () => T | undefined | false): Promise<T> {
  for (;;) {
    const value = probe();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A fresh self-signed certificate for localhost. */
export function selfSigned(): { cert: Buffer; key: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "vigil-port-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const files = ["-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", ...curve, "-nodes", "-days", "2", ...names, ...files], {
      stdio: "ignore",
    });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
