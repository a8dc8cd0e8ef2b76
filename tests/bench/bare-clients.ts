import { fileURLToPath } from "node:url";
import type { Client } from "../rig/clients/index.js";
import { startProgram } from "../rig/clients/program-client.js";
import { ROBOT, type Robot } from "../rig/robot.js";

const PROGRAM = fileURLToPath(new URL("./bare-client.js", import.meta.url));

/** A client on direct gRPC whose process starts quickly, for losses that want a new one each time. */
export const startBareClient = (robot: Robot): Promise<Client> =>
  startProgram("raw-grpc", [process.execPath, PROGRAM], { way: "grpc", url: robot.url, host: ROBOT });
