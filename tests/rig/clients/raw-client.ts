import { serveVerbs } from "@vigil/viam-client/serve-verbs";
import { createRawCalls } from "./raw-calls.js";

const BASE = "viam.component.base.v1.BaseService";
const ARM = "viam.component.arm.v1.ArmService";
const ROBOT = "viam.robot.v1.RobotService";

interface Name {
  subtype: string;
  name: string;
}
const label = ({ subtype, name }: Name) => `${subtype}/${name}`;

// A client without any SDK, and so without sessions.
serveVerbs(async (_way, url) => {
  const { call, hangUp } = createRawCalls(url!);
  const base = (method: string, more = {}) => call(`${BASE}/${method}`, { name: "base", ...more });
  const arm = (method: string, more = {}) => call(`${ARM}/${method}`, { name: "arm", ...more });
  await call(`${ROBOT}/ResourceNames`, {});
  return {
    names: async () => ((await call(`${ROBOT}/ResourceNames`, {})).resources as unknown as Name[]).map(label).sort(),
    version: () => call(`${ROBOT}/GetVersion`, {}),
    async status() {
      const { state, resources } = await call(`${ROBOT}/GetMachineStatus`, {});
      return {
        running: state === "STATE_RUNNING",
        resources: (resources as unknown as { name: Name }[]).map(({ name }) => label(name)).sort(),
      };
    },
    drive: (power: number) => base("SetPower", { linear: { y: power } }),
    straight: (mm: number, mmPerSec: number) => base("MoveStraight", { distanceMm: String(mm), mmPerSec }),
    baseMoving: async () => (await base("IsMoving")).isMoving ?? false,
    stopBase: () => base("Stop"),
    moveArm: (values: number[]) => arm("MoveToJointPositions", { positions: { values } }),
    joints: async () => ((await arm("GetJointPositions")).positions as { values: number[] }).values,
    stopArm: () => arm("Stop"),
    readings: async () =>
      (await call("viam.component.sensor.v1.SensorService/GetReadings", { name: "sensor" })).readings,
    async picture() {
      const { images } = await call("viam.component.camera.v1.CameraService/GetImages", { name: "camera" });
      const [{ image, mimeType }] = images as unknown as [{ image: string; mimeType: string }];
      const bytes = Buffer.from(image, "base64");
      return {
        mime: mimeType,
        bytes: bytes.length,
        head: bytes.subarray(0, 4).toString("hex"),
        sum: bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0),
      };
    },
    stopAll: () => call(`${ROBOT}/StopAll`, {}),
    operations: async () =>
      ((await call(`${ROBOT}/GetOperations`, {})).operations as unknown as { method: string }[] | undefined)?.map(
        ({ method }) => method,
      ) ?? [],
    unknownResource: () => call("viam.component.motor.v1.MotorService/IsMoving", { name: "no-such-motor" }),
    async measure(part: "main" | "arm", count: number, inFlight: number) {
      const read = () => (part === "main" ? base("IsMoving") : arm("IsMoving"));
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
    disconnect: async () => hangUp("fin"),
    reset: async () => hangUp("rst"),
  };
});
