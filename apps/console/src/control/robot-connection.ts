import {
  ArmClient,
  BaseClient,
  CameraClient,
  GripperClient,
  MachineConnectionEvent,
  RobotClient,
  ServoClient,
} from "@viamrobotics/sdk";
import type { Clock } from "@vigil/shared";
import { within } from "../time/within.js";

/** The gateway's own limit on an offer is 10 s (viam-wire.md); past it the dial has failed. */
const DIAL_LIMIT_MS = 10_000;

/** Where and as whom to dial. */
export interface Dial {
  /** What the gateway knows itself by: the host and port of this page. */
  host: string;
  signalingAddress: string;
  token: string | null;
}

/** One WebRTC connection to the robot, made by Viam's own SDK. */
export interface RobotConnection {
  /** First 8 characters of the session's id; null for a connection that only reads. */
  readonly sessionShortId: string | null;
  arm(name: string): ArmClient;
  base(name: string): BaseClient;
  camera(name: string): CameraClient;
  gripper(name: string): GripperClient;
  servo(name: string): ServoClient;
  /** Says goodbye: the gateway ends the session at once. Works inside `pagehide`: nothing is awaited before the close. */
  close(): void;
}

/** A connection without a session, for reading only. */
export function dialToWatch(clock: Clock, dial: Dial, onLost: (why: string) => void): Promise<RobotConnection> {
  return connect(clock, dial, true, onLost);
}

/** A connection with a session of its own: what it moves is stopped when it ends. */
export function dialToControl(clock: Clock, dial: Dial, onLost: (why: string) => void): Promise<RobotConnection> {
  return connect(clock, dial, false, onLost);
}

/**
 * The client is built by hand instead of with `createRobotClient`, which falls back to gRPC-web when WebRTC fails: such
 * a client cannot be challenged, and its session would not end when the page closes. Nothing reconnects by itself:
 * whoever drives takes control again knowingly.
 */
async function connect(
  clock: Clock,
  { host, signalingAddress, token }: Dial,
  disabled: boolean,
  onLost: (why: string) => void,
): Promise<RobotConnection> {
  const webrtc = { enabled: true, host, signalingAddress, rtcConfig: { iceServers: [] }, noReconnect: true };
  const client = new RobotClient(host, webrtc, { disabled }, { noReconnect: true });
  let closed = false;

  function close(): void {
    closed = true;
    void client.disconnect();
  }

  try {
    const creds = token === null ? {} : { creds: { type: "access-token" as const, payload: token } };
    await within(clock, DIAL_LIMIT_MS, "dialling the robot", client.connect({ ...creds, dialTimeout: DIAL_LIMIT_MS }));
    if (!disabled) {
      // The SDK starts a session only once it was asked for one, and monitored calls carry it from then on. It offers no
      // public way to ask: the member is private in its types alone.
      // biome-ignore lint/complexity/useLiteralKeys: brackets are TypeScript's way to a member that is private by type
      await within(clock, DIAL_LIMIT_MS, "starting a session", client["sessionManager"].getSessionMetadata());
    }
  } catch (error) {
    close();
    throw error;
  }
  client.on(MachineConnectionEvent.DISCONNECTED, () => {
    if (closed) return;
    closed = true;
    onLost("the connection to the robot closed");
  });
  client.peerConnection?.addEventListener("iceconnectionstatechange", () => {
    if (closed || client.peerConnection?.iceConnectionState !== "failed") return;
    close();
    onLost("the robot cannot be reached any more");
  });

  return {
    sessionShortId: disabled ? null : client.sessionId.slice(0, 8),
    arm: (name) => new ArmClient(client, name),
    base: (name) => new BaseClient(client, name),
    camera: (name) => new CameraClient(client, name),
    gripper: (name) => new GripperClient(client, name),
    servo: (name) => new ServoClient(client, name),
    close,
  };
}
