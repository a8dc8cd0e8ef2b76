import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type CallHandler, createChannelServer, OK } from "@vigil/protocol";
import { CallRequestSchema, CallResponseSchema } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import {
  SendSessionHeartbeatRequestSchema,
  StartSessionResponseSchema,
} from "@vigil/protocol/gen/viam/robot/v1/robot_pb.js";
import { Code, createSystemClock, systemRandom } from "@vigil/shared";
import { createAnswerer } from "@vigil/transport";

/** One call that the page made on a component, as a test wants to read it. */
export interface RobotCall {
  /** "BaseService/SetPower" */
  method: string;
  /** The session that the call carried; null for none. */
  session: string | null;
  /** Every number in the request, in order: powers, angles. */
  numbers: number[];
}

/** A robot without safety: it answers WebRTC offers, records what is asked of it and does nothing. */
export interface FixtureRobot {
  readonly calls: RobotCall[];
  readonly heartbeats: string[];
  /** Peers that are connected now. */
  connections(): number;
  /** While true every motion is refused with this text. */
  refuseWith: string | null;
  /** Answers one unary or server-streaming gRPC-web call of the signalling service; null if the path is not of it. */
  signal(path: string, message: Uint8Array): Promise<Uint8Array | null>;
  /** Closes every peer, as a gateway does that goes away. */
  close(): Promise<void>;
}

export const FIXTURE_SESSION_ID = "5e55a0de-0000-4000-8000-000000000001";
const WINDOW_SECONDS = 2n;
const SIGNALLING = "/proto.rpc.webrtc.v1.SignalingService/";
/** A PNG of one green pixel, and Viam's raw format with two by one pixels. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const RAW = Buffer.from([82, 71, 66, 65, 0, 0, 0, 2, 0, 0, 0, 1, 200, 30, 30, 255, 30, 30, 200, 255]);

export function createFixtureRobot(): FixtureRobot {
  const answerer = createAnswerer(
    { clock: createSystemClock(), random: systemRandom },
    { hostAddresses: ["127.0.0.1"] },
  );
  const robot: FixtureRobot = {
    calls: [],
    heartbeats: [],
    refuseWith: null,
    connections: () => [...answerer.peers].filter((peer) => peer.state === "open").length,
    async signal(path, message) {
      if (!path.startsWith(SIGNALLING)) return null;
      if (!path.endsWith("/Call")) return new Uint8Array();
      const { sdp } = fromBinary(CallRequestSchema, message);
      const { answer, peer } = await answerer.answer(JSON.parse(Buffer.from(sdp, "base64").toString()));
      const server = createChannelServer({
        handler: answerCall(robot),
        send: (frame) => {
          if (peer.state !== "closed") peer.data.send(frame);
        },
      });
      peer.data.onMessage((frame) => {
        if (typeof frame !== "string") server.receive(frame);
      });
      const init = { sdp: Buffer.from(JSON.stringify(answer)).toString("base64") };
      const stage = { case: "init" as const, value: init };
      return toBinary(CallResponseSchema, create(CallResponseSchema, { uuid: peer.id, stage }));
    },
    close: () => answerer.close(),
  };
  return robot;
}

function answerCall(robot: FixtureRobot): CallHandler {
  return (start, response) => ({
    message(bytes) {
      const method = start.method.slice(start.method.lastIndexOf(".") + 1);
      const answer = answerTo(robot, method, bytes);
      if (answer === null) {
        response.trailers({ code: Code.unimplemented, message: `method ${method} is not implemented` });
        return;
      }
      if (!method.startsWith("RobotService/")) {
        const session = start.metadata.get("viam-sid")?.[0] ?? null;
        robot.calls.push({ method, session, numbers: numbersIn(bytes) });
        if (robot.refuseWith !== null && !method.endsWith("/Stop")) {
          response.trailers({ code: Code.invalidArgument, message: robot.refuseWith });
          return;
        }
      }
      response.message(answer);
      response.trailers(OK);
    },
    end() {},
    cancel() {},
  });
}

function answerTo(robot: FixtureRobot, method: string, request: Uint8Array): Uint8Array | null {
  switch (method) {
    case "RobotService/StartSession":
      return toBinary(
        StartSessionResponseSchema,
        create(StartSessionResponseSchema, { id: FIXTURE_SESSION_ID, heartbeatWindow: { seconds: WINDOW_SECONDS } }),
      );
    case "RobotService/SendSessionHeartbeat":
      robot.heartbeats.push(fromBinary(SendSessionHeartbeatRequestSchema, request).id);
      return new Uint8Array();
    case "ArmService/GetJointPositions":
      return new BinaryWriter()
        .tag(1, WireType.LengthDelimited)
        .bytes(joints([10, -20, 30]))
        .finish();
    case "CameraService/GetImages":
      return images(new BinaryReader(request));
    default:
      return /^(Base|Arm|Gripper|Servo)Service\//.test(method) ? new Uint8Array() : null;
  }
}

function joints(degrees: readonly number[]): Uint8Array {
  const packed = new BinaryWriter();
  for (const degree of degrees) packed.double(degree);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(packed.finish()).finish();
}

/** The camera "front" answers in the raw format, every other one with a PNG. */
function images(request: BinaryReader): Uint8Array {
  request.tag();
  const raw = request.string() === "front";
  const image = new BinaryWriter().tag(1, WireType.LengthDelimited).string("main");
  image.tag(3, WireType.LengthDelimited).bytes(raw ? RAW : PNG);
  image.tag(4, WireType.LengthDelimited).string(raw ? "image/vnd.viam.rgba" : "image/png");
  const metadata = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(new Uint8Array()).finish();
  const answer = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(image.finish());
  return answer.tag(84260, WireType.LengthDelimited).bytes(metadata).finish();
}

/** The numbers of a request: its own ones and those of the messages in it (vectors, joints), without its name (field 1). */
function numbersIn(request: Uint8Array): number[] {
  const numbers: number[] = [];
  const reader = new BinaryReader(request);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 || field === 99) reader.skip(wireType);
    else if (wireType === WireType.Varint) numbers.push(reader.uint32());
    else numbers.push(...doublesIn(reader.bytes()));
  }
  return numbers;
}

/** The doubles of a message that has nothing else, one by one (a vector) or packed (joints). */
function doublesIn(message: Uint8Array): number[] {
  const doubles: number[] = [];
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [, wireType] = reader.tag();
    const end = wireType === WireType.LengthDelimited ? reader.uint32() + reader.pos : reader.pos + 8;
    while (reader.pos < end) doubles.push(reader.double());
  }
  return doubles;
}
