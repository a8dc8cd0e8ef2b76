import { parseMessage } from "werift";
import type { IceConnection } from "../werift-internals.js";

/** Class bits of a STUN message type (RFC 8489, section 5); 0 is a request. */
const CLASS_MASK = 0x0110;
const HEADER_BYTES = 20;

/**
 * Defect: werift answers and acts upon STUN requests without checking MESSAGE-INTEGRITY: any host can add candidates,
 * turn the ICE role round and fill memory. A request must be signed with our password to pass.
 */
export function isAuthenticStun(connection: IceConnection, data: Buffer): boolean {
  if (data.length < HEADER_BYTES) return false;
  if ((data.readUInt16BE(0) & CLASS_MASK) !== 0) return true; // Responses: werift checks them against its transactions.
  const username = parseMessage(data)?.getAttributeValue("USERNAME");
  if (typeof username !== "string") return false;
  // After an ICE restart requests under the former name are still on their way.
  const password = connection.userHistory[username.split(":")[0] ?? ""] ?? connection.localPassword;
  return parseMessage(data, Buffer.from(password, "utf8")) !== undefined;
}
