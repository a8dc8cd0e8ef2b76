import * as VIAM from "@viamrobotics/sdk";

/** What a test asks of a client, whichever SDK it is made of. Answers are plain JSON. */
export interface Verbs {
  /** Starts an explicit session, as an application has to; answers its id. */
  session(): Promise<string>;
  names(): Promise<string[]>;
  version(): Promise<{ platform: string; version: string; apiVersion: string }>;
  status(): Promise<{ running: boolean; resources: string[] }>;
  /** Motion without an end. */
  drive(power: number): Promise<void>;
  /** Motion with an end; settles when it is over. */
  straight(mm: number, mmPerSec: number): Promise<void>;
  baseMoving(): Promise<boolean>;
  stopBase(): Promise<void>;
  moveArm(joints: number[]): Promise<void>;
  joints(): Promise<number[]>;
  stopArm(): Promise<void>;
  readings(): Promise<Record<string, unknown>>;
  picture(): Promise<Picture>;
  stopAll(): Promise<void>;
  /** Methods of the operations that run. */
  operations(): Promise<string[]>;
  /** A motor that does not exist. */
  unknownResource(): Promise<void>;
  /** Reads `count` times in a row, `inFlight` at once, `part` main or arm; answers the ms of each. */
  measure(part: "main" | "arm", count: number, inFlight: number): Promise<number[]>;
  disconnect(): Promise<void>;
}

export interface Picture {
  mime: string;
  bytes: number;
  /** First bytes, in hexadecimal: the signature of its format. */
  head: string;
  /** Tells one picture from another. */
  sum: number;
}

/** The verbs over Viam's TypeScript SDK, in Node and in a page alike. */
export function createVerbs(client: VIAM.RobotClient): Verbs {
  const base = new VIAM.BaseClient(client, "base");
  const arm = new VIAM.ArmClient(client, "arm");
  const camera = new VIAM.CameraClient(client, "camera");
  const sensor = new VIAM.SensorClient(client, "sensor");
  const noMotor = new VIAM.MotorClient(client, "no-such-motor");
  return {
    async session() {
      // Not in the SDK's types, though it is the only way to a session: the SDK never starts one by itself.
      const manager = Reflect.get(client, "sessionManager") as { getSessionMetadata(): Promise<Headers> };
      return (await manager.getSessionMetadata()).get("viam-sid")!;
    },
    names: async () => (await client.resourceNames()).map(({ subtype, name }) => `${subtype}/${name}`).sort(),
    async version() {
      const { platform, version, apiVersion } = await client.getVersion();
      return { platform, version, apiVersion };
    },
    async status() {
      const { state, resources } = await client.getMachineStatus();
      return {
        running: state === RUNNING,
        resources: resources.map(({ name }) => `${name?.subtype}/${name?.name}`).sort(),
      };
    },
    drive: (power) => base.setPower({ x: 0, y: power, z: 0 }, { x: 0, y: 0, z: 0 }),
    straight: (mm, mmPerSec) => base.moveStraight(mm, mmPerSec),
    baseMoving: () => base.isMoving(),
    stopBase: () => base.stop(),
    moveArm: (joints) => arm.moveToJointPositions(joints),
    joints: async () => (await arm.getJointPositions()).values,
    stopArm: () => arm.stop(),
    readings: async () => ({ ...(await sensor.getReadings()) }),
    async picture() {
      const { images } = await camera.getImages();
      const { image, mimeType } = images[0]!;
      return {
        mime: mimeType,
        bytes: image.length,
        head: [...image.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
        sum: image.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0),
      };
    },
    stopAll: () => client.stopAll(),
    operations: async () => (await client.getOperations()).map(({ method }) => method),
    unknownResource: async () => void (await noMotor.isMoving()),
    async measure(part, count, inFlight) {
      const read = part === "main" ? () => base.isMoving() : () => arm.isMoving();
      const times: number[] = [];
      let left = count;
      const worker = async () => {
        while (left-- > 0) {
          const at = performance.now();
          await read();
          times.push(performance.now() - at);
        }
      };
      await Promise.all(Array.from({ length: inFlight }, worker));
      return times;
    },
    disconnect: () => client.disconnect(),
  };
}

/** GetMachineStatusResponse.State of the API; the SDK does not export its name. */
const RUNNING = 2;
