import { type ClientHttp2Session, connect } from "node:http2";
import { serveVerbs } from "@vigil/viam-client/serve-verbs";
import {
  heartbeatRequest,
  moveStraightRequest,
  moveToJointPositionsRequest,
  nameRequest,
  readBytes,
  readDurationMs,
  readString,
} from "./wire.js";

// A client on direct gRPC of HTTP/2 and nothing else: its process starts in a tenth of a second, so that it can be killed
// a thousand times. It beats as Viam's SDK does.

const BASE = "/viam.component.base.v1.BaseService";
const ARM = "/viam.component.arm.v1.ArmService";
const ROBOT = "/viam.robot.v1.RobotService";
/** A fifth of the window, as Viam's SDK beats: the answer to StartSession tells the window. */
const BEATS_PER_WINDOW = 5;

let beat: NodeJS.Timeout | undefined;

serveVerbs(async (_way, url) => {
  clearInterval(beat);
  const connection = connect(url!);
  // Its end ends the calls, which tell of it.
  connection.on("error", () => undefined);
  let session: string | undefined;
  const call = (method: string, request: Uint8Array) => unary(connection, method, request, session);
  await call(`${ROBOT}/ResourceNames`, new Uint8Array());
  return {
    async session() {
      const started = await call(`${ROBOT}/StartSession`, new Uint8Array());
      const id = readString(started, 1);
      session = id;
      beat = setInterval(
        // The end of the session is told by the calls that hang on it.
        () => call(`${ROBOT}/SendSessionHeartbeat`, heartbeatRequest(id)).catch(() => undefined),
        readDurationMs(readBytes(started, 2)!) / BEATS_PER_WINDOW,
      );
      return id;
    },
    async joints() {
      const positions = readBytes(await call(`${ARM}/GetJointPositions`, nameRequest("arm")), 1);
      const values = positions && readBytes(positions, 1);
      return values ? [Buffer.from(values).readDoubleLE(0)] : [];
    },
    straight: (mm: number, mmPerSec: number) =>
      call(`${BASE}/MoveStraight`, moveStraightRequest("base", mm, mmPerSec)).then(() => undefined),
    moveArm: (values: number[]) =>
      call(`${ARM}/MoveToJointPositions`, moveToJointPositionsRequest("arm", values)).then(() => undefined),
  };
});

function unary(
  connection: ClientHttp2Session,
  method: string,
  request: Uint8Array,
  session: string | undefined,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stream = connection.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      ...(session !== undefined && { "viam-sid": session }),
    });
    const chunks: Buffer[] = [];
    let failure: Error | undefined = new Error("the stream ended without a status");
    const read = (fields: NodeJS.Dict<string | string[]>) => {
      const status = fields["grpc-status"];
      if (status === undefined) return;
      failure = Number(status) === 0 ? undefined : new Error(`${status}: ${fields["grpc-message"] ?? ""}`);
    };
    stream.on("response", (headers) => read(headers as NodeJS.Dict<string | string[]>));
    stream.on("trailers", (trailers) => read(trailers as NodeJS.Dict<string | string[]>));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      if (failure) reject(failure);
      // Behind the five bytes that say how long the message is.
      else resolve(Buffer.concat(chunks).subarray(5));
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    stream.write(prefix);
    stream.end(request);
  });
}
