import type { IceConnection } from "../werift-internals.js";

/**
 * Defect: with `iceServers: []` werift still asks a public STUN server, so that a robot on a closed network tells a
 * stranger that it exists, and waits 5 s for each connection when that server cannot be reached.
 */
export function dropPublicStun(connection: IceConnection): void {
  connection.stunServer = undefined;
}
