import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { LiveEvent, Snapshot } from "@vigil/shared";
import { WebSocketServer } from "ws";
import type { FixtureRobot } from "./fixture-robot.js";

/** As often as the gateway promises a frame when nothing changes. */
const FRAME_PERIOD_MS = 1_000;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** A stand-in for the gateway as the console sees it: the built files, Vigil's API, and a snapshot that can be changed. */
export interface FixtureGateway {
  readonly origin: string;
  /** Method and path of each request that changes something, in order. */
  readonly posts: string[];
  snapshot: Snapshot;
  /** While false every new connection is refused and open ones are cut, as if the gateway had gone. */
  setReachable(reachable: boolean): void;
  /** While true the sockets stay open and say nothing. */
  setSilent(silent: boolean): void;
  send(event: LiveEvent): void;
  close(): Promise<void>;
}

export interface FixtureOptions {
  port?: number;
  /** With a key the API asks for the token that logging in with this key gives. */
  key?: { id: string; secret: string } | undefined;
  /** What answers on WebRTC. */
  robot?: FixtureRobot;
}

const FRAME_HEAD_BYTES = 5;
const TOKEN = "fixture-token";

export async function createFixtureGateway(snapshot: Snapshot, options: FixtureOptions = {}): Promise<FixtureGateway> {
  const dist = join(fileURLToPath(new URL(".", import.meta.resolve("@vigil/console/package.json"))), "dist");
  const posts: string[] = [];
  let reachable = true;
  let silent = false;
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  const sockets = new WebSocketServer({ noServer: true });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://fixture");
    if (request.method === "POST") {
      const body = await bodyOf(request);
      const robot = isAdmitted(request, options) ? options.robot : undefined;
      const signalled = await robot?.signal(pathname, body.subarray(FRAME_HEAD_BYTES));
      if (signalled) {
        sendGrpcWeb(response, signalled);
        return;
      }
      posts.push(pathname);
      if (pathname.endsWith("/Authenticate")) {
        sendToken(body, response, options);
        return;
      }
    }
    if (pathname.startsWith("/vigil/v1/")) {
      if (!isAdmitted(request, options))
        return sendJson(response, 401, { error: "unauthenticated", message: "log in" });
      return sendApi(response, pathname, gateway.snapshot);
    }
    return sendFile(response, dist, pathname);
  }

  server.on("connection", (socket) => {
    if (!reachable) socket.destroy();
  });
  server.on("upgrade", (request, socket, head) => {
    if (!isAdmitted(request, options)) {
      socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      if (!silent) opened.send(JSON.stringify({ type: "snapshot", snapshot: gateway.snapshot }));
    });
  });
  const beat = setInterval(() => gateway.send({ type: "snapshot", snapshot: gateway.snapshot }), FRAME_PERIOD_MS);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));

  const gateway: FixtureGateway = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    snapshot,
    setReachable(next) {
      reachable = next;
      if (reachable) return;
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
    },
    setSilent(next) {
      silent = next;
    },
    send(event) {
      if (!silent) for (const socket of sockets.clients) socket.send(JSON.stringify(event));
    },
    close() {
      clearInterval(beat);
      gateway.setReachable(false);
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return gateway;
}

function isAdmitted(request: IncomingMessage, { key }: FixtureOptions): boolean {
  const { searchParams } = new URL(request.url ?? "/", "http://fixture");
  const { authorization } = request.headers;
  return key === undefined || authorization === `Bearer ${TOKEN}` || searchParams.get("access_token") === TOKEN;
}

function sendApi(response: ServerResponse, path: string, snapshot: Snapshot): void {
  const moving = snapshot.resources.filter((resource) => resource.policy !== null && resource.state === "ready");
  const stopped = moving.map((resource) => ({ part: resource.part, resource: resource.name }));
  if (path === "/vigil/v1/robot") sendJson(response, 200, snapshot.robot);
  else if (path.endsWith("/rearm")) sendJson(response, 200, { rearmed: true });
  else sendJson(response, 200, path === "/vigil/v1/stop" ? { stopped, failed: [] } : {});
}

/** The answer of AuthService/Authenticate: a message with the token in field 1. */
function sendToken(body: Buffer, response: ServerResponse, { key }: FixtureOptions): void {
  const asked = body.toString("latin1");
  const right = key !== undefined && asked.includes(key.id) && asked.includes(key.secret);
  const message = new BinaryWriter().tag(1, WireType.LengthDelimited).string(TOKEN).finish();
  if (right) sendGrpcWeb(response, message);
  else sendGrpcWeb(response, null, "grpc-status: 16\r\ngrpc-message: invalid%20credentials\r\n");
}

/** A gRPC-web answer: at most one message, then the trailers. */
function sendGrpcWeb(response: ServerResponse, message: Uint8Array | null, trailers = "grpc-status: 0\r\n"): void {
  response.writeHead(200, { "content-type": "application/grpc-web+proto" });
  const parts = message === null ? [] : [frame(0, message)];
  response.end(Buffer.concat([...parts, frame(0x80, Buffer.from(trailers))]));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function frame(flag: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function sendFile(response: ServerResponse, dist: string, path: string): Promise<void> {
  const file = join(dist, normalize(path === "/" ? "/index.html" : path));
  try {
    const body = await readFile(file);
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end(`no file ${path}`);
  }
}
