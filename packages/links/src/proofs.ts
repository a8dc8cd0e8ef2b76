import { createHmac, timingSafeEqual } from "node:crypto";

/** Bytes of a handshake nonce: as long as the digest, so that guessing it is no easier than guessing the proof. */
export const NONCE_BYTES = 32;

/** Both sides of one handshake: what each proof is bound to. */
export interface HandshakeNonces {
  readonly part: string;
  readonly partNonce: Uint8Array;
  readonly gatewayNonce: Uint8Array;
}

type Purpose = "vigil gateway" | "vigil part" | "vigil sdp offer" | "vigil sdp answer";

/**
 * HMAC-SHA-256 with the part's secret over the purpose, the part's name, both nonces and, for a session description,
 * its text with the DTLS fingerprint in it (R8b). Each field is preceded by its length, so that no two lists of fields
 * give the same bytes.
 */
export function proofOf(secret: string, purpose: Purpose, nonces: HandshakeNonces, sdp = ""): Uint8Array {
  const hmac = createHmac("sha256", secret);
  for (const field of [purpose, nonces.part, nonces.partNonce, nonces.gatewayNonce, sdp]) {
    const bytes = Buffer.from(field as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}

/** Compares in constant time. */
export function proofMatches(expected: Uint8Array, given: Uint8Array): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}
