import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { frame } from "./echo-client.js";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const FRAME = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6 } as const;
export const END_HEADERS = 4;
export const ACK = 1;

/** One HTTP/2 frame, byte by byte: for clients that break the rules. */
export function h2Frame(type: number, flags: number, stream: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** Header fields in HPACK's plainest form (literal, not indexed, no Huffman). */
export function hpack(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** The header block of a gRPC call. */
export function grpcHead(path: string): Buffer {
  return hpack([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "127.0.0.1"],
    ["content-type", "application/grpc"],
  ]);
}

/** Everything that a client sends up to a first message on a call that stays open. */
export function openingBytes(path: string): Buffer {
  const settings = h2Frame(FRAME.settings, 0, 0);
  const head = h2Frame(FRAME.headers, END_HEADERS, 1, grpcHead(path));
  return Buffer.concat([PREFACE, settings, head, h2Frame(FRAME.data, 0, 1, frame(Buffer.of(1)))]);
}

/** Dials without any HTTP/2 on top. */
export async function dialRaw(port: number, encrypted = false): Promise<Socket> {
  const raw = connect(port, "127.0.0.1");
  raw.on("error", () => undefined);
  await once(raw, "connect");
  if (!encrypted) return raw;
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

/** The payloads of the frames of one type in what was received. */
export function payloadsOf(type: number, received: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    if (received[at + 3] === type) found.push(received.subarray(at + 9, at + 9 + received.readUIntBE(at, 3)));
  }
  return found;
}

/** Resolves when a socket has closed, however it did; with the code of its error, if it had one. */
export function closing(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let code: string | undefined;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code;
    });
    socket.on("close", () => resolve(code));
    socket.resume();
  });
}
