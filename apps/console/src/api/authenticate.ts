import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** gRPC-web: one flag byte and a big-endian length before each message; this bit marks the trailers. */
const FRAME_HEAD_BYTES = 5;
const TRAILERS_FLAG = 0x80;
const ANSWER_LIMIT_MS = 10_000;

/**
 * An access token for an API key, from `proto.rpc.v1.AuthService/Authenticate` over gRPC-web (AuthenticateRequest:
 * entity = 1, credentials = 2 {type = 1, payload = 2}; the answer has access_token = 1). The SDK makes the same call
 * when it dials, but keeps the token to itself. Rejects with the server's own words.
 */
export async function authenticate(origin: string, keyId: string, key: string): Promise<string> {
  const credentials = new BinaryWriter().tag(1, WireType.LengthDelimited).string("api-key");
  credentials.tag(2, WireType.LengthDelimited).string(key);
  const request = new BinaryWriter().tag(1, WireType.LengthDelimited).string(keyId);
  request.tag(2, WireType.LengthDelimited).bytes(credentials.finish());

  const response = await fetch(`${origin}/proto.rpc.v1.AuthService/Authenticate`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
    body: frame(request.finish()),
    cache: "no-store",
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  if (!response.ok) throw new Error(`the gateway answered HTTP ${response.status}: is this the robot's own address?`);
  return readToken(response.headers, new Uint8Array(await response.arrayBuffer()));
}

function readToken(headers: Headers, body: Uint8Array): string {
  let token = "";
  let status = headers.get("grpc-status");
  let message = headers.get("grpc-message");
  for (const { flag, data } of frames(body)) {
    if ((flag & TRAILERS_FLAG) === 0) {
      token = tokenOf(data);
      continue;
    }
    for (const line of new TextDecoder().decode(data).split("\r\n")) {
      const [name, value] = [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()];
      if (name === "grpc-status") status = value;
      if (name === "grpc-message") message = value;
    }
  }
  if (status !== null && status !== "0") throw new Error(decodeURIComponent(message ?? `gRPC status ${status}`));
  if (token === "") throw new Error("the gateway gave no token: is an api-key handler set in its auth section?");
  return token;
}

function tokenOf(message: Uint8Array): string {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) return reader.string();
    reader.skip(wireType);
  }
  return "";
}

function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(FRAME_HEAD_BYTES + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, FRAME_HEAD_BYTES);
  return framed;
}

function* frames(body: Uint8Array): Generator<{ flag: number; data: Uint8Array }> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at + FRAME_HEAD_BYTES <= body.length) {
    const end = at + FRAME_HEAD_BYTES + view.getUint32(at + 1);
    yield { flag: view.getUint8(at), data: body.subarray(at + FRAME_HEAD_BYTES, end) };
    at = end;
  }
}
