import {
  constants,
  createHash,
  createHmac,
  createVerify,
  type KeyObject,
  timingSafeEqual,
  X509Certificate,
} from "node:crypto";
import { VigilError } from "@vigil/shared";
import type { DtlsObject } from "../werift-internals.js";

const HandshakeType = { serverKeyExchange: 12, certificateVerify: 15, finished: 20 } as const;
const HANDSHAKE_HEADER_BYTES = 12;
const VERIFY_DATA_BYTES = 12;
const CLIENT_SESSION = 1;

/** SignatureScheme values (RFC 8446, section 4.2.3) that WebRTC's certificates use. */
const SCHEMES: Record<number, { hash: string; padding?: number }> = {
  1025: { hash: "sha256", padding: constants.RSA_PKCS1_PADDING },
  1027: { hash: "sha256" },
  1281: { hash: "sha384", padding: constants.RSA_PKCS1_PADDING },
  1283: { hash: "sha384" },
  2052: { hash: "sha256", padding: constants.RSA_PKCS1_PSS_PADDING },
};

/**
 * Defect: werift checks that the certificate's fingerprint is the one in the SDP, but neither the signature that proves
 * possession of its key (ServerKeyExchange, CertificateVerify) nor the Finished of the other side. Certificates cross
 * the network in the clear, so whoever stands in the path can take a client's place with a copy of it.
 *
 * @param finished the decrypted handshake message of epoch 1.
 * @throws VigilError `unauthenticated` if the other side did not prove who it is.
 */
export function verifyHandshake(dtls: DtlsObject, finished: Buffer): void {
  if (finished[0] !== HandshakeType.finished || finished.length !== HANDSHAKE_HEADER_BYTES + VERIFY_DATA_BYTES) {
    throw refusal("no Finished in its place");
  }
  const { cipher } = dtls;
  const isClient = dtls.sessionType === CLIENT_SESSION;
  const messages = dtls.dtls.sortedHandshakeCache;
  const certificate = cipher.remoteCertificate;
  if (!certificate || !cipher.masterSecret || !cipher.localRandom || !cipher.remoteRandom) {
    throw refusal("no certificate or no key exchange");
  }

  const key = new X509Certificate(certificate).publicKey;
  if (isClient) {
    const exchange = messages.find((message) => message.msg_type === HandshakeType.serverKeyExchange)?.fragment;
    const parameters = exchange?.subarray(0, 4 + (exchange[3] ?? 0));
    if (!exchange || !parameters || !cipher.remoteKeyPair?.publicKey?.equals(parameters.subarray(4))) {
      throw refusal("no key exchange");
    }
    const signed = Buffer.concat([cipher.localRandom.serialize(), cipher.remoteRandom.serialize(), parameters]);
    requireSignature(key, exchange.subarray(parameters.length), signed);
  } else {
    const at = messages.findIndex((message) => message.msg_type === HandshakeType.certificateVerify);
    if (at < 0) throw refusal("no CertificateVerify");
    requireSignature(key, messages[at]!.fragment, transcript(messages.slice(0, at)));
  }

  const label = isClient ? "server finished" : "client finished";
  const hash = createHash("sha256").update(transcript(messages)).digest();
  const expected = prf(cipher.masterSecret, Buffer.concat([Buffer.from(label), hash]), VERIFY_DATA_BYTES);
  if (!timingSafeEqual(expected, finished.subarray(HANDSHAKE_HEADER_BYTES))) throw refusal("Finished does not match");
}

const refusal = (why: string) =>
  new VigilError("unauthenticated", `DTLS handshake refused: ${why}; dial again, and check for a middle box`);

const transcript = (messages: readonly { serialize(): Buffer }[]) =>
  Buffer.concat(messages.map((message) => message.serialize()));

/** `field` is scheme (2 bytes), length (2 bytes), signature. */
function requireSignature(key: KeyObject, field: Buffer, signed: Buffer): void {
  const scheme = field.length > 4 ? SCHEMES[field.readUInt16BE(0)] : undefined;
  if (!scheme || field.readUInt16BE(2) !== field.length - 4) throw refusal("unknown signature scheme");
  const verifier = createVerify(scheme.hash).update(signed);
  const options = scheme.padding === undefined ? key : { key, padding: scheme.padding };
  if (!verifier.verify(options, field.subarray(4))) throw refusal("the key of the certificate was not proven");
}

/** P_SHA256 of RFC 5246, section 5. */
function prf(secret: Buffer, seed: Buffer, length: number): Buffer {
  const hmac = (data: Buffer) => createHmac("sha256", secret).update(data).digest();
  let a = seed;
  let output = Buffer.alloc(0);
  while (output.length < length) {
    a = hmac(a);
    output = Buffer.concat([output, hmac(Buffer.concat([a, seed]))]);
  }
  return output.subarray(0, length);
}
