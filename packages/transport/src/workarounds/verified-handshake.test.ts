import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createSelfSignedCertificate,
  HashAlgorithm,
  RTCCertificate,
  type RTCPeerConnection,
  SignatureAlgorithm,
} from "werift";
import { createDialer } from "../dialer.js";
import type { PeerOptions } from "../peer.js";
import { answerOffer } from "../renegotiation.js";
import { deps, LOOPBACK, openLinkRig, recordOf, until } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";
import { createWeriftPeer } from "../werift-peer.js";

const ecdsa = { signature: SignatureAlgorithm.ecdsa_3, hash: HashAlgorithm.sha256_4 };
const SHORT: PeerOptions = { openTimeoutMs: 2000 };

/** Makes a connection show a certificate that was copied from somebody else, while its key is its own. */
async function impostor(): Promise<(connection: RTCPeerConnection) => void> {
  const victim = await createSelfSignedCertificate(ecdsa);
  const own = await createSelfSignedCertificate(ecdsa);
  const stolen = new RTCCertificate(own.keyPem, victim.certPem, ecdsa);
  return (connection) =>
    Object.defineProperty(dtlsTransportOf(connection), "localCertificate", { get: () => stolen, set: () => {} });
}

/** The impostor dials and is DTLS server: the proof that it lacks is the signature in ServerKeyExchange. */
async function dialAsImpostor(without: PeerOptions["without"]) {
  const answerer = { ...SHORT, ...(without && { without }) };
  const rig = await openLinkRig({ answerer, dialer: { ...SHORT, without: ["verified-handshake"] } }, await impostor());
  return rig;
}

test("a client with a copied certificate is refused", async () => {
  const rig = await dialAsImpostor(undefined);
  await until(() => rig.record.closed.length > 0, "the answerer gives it up");
  assert.deepEqual(rig.record.closed, ["failed"]);
  await rig.close();
});

test("without it the copy is enough", async () => {
  const rig = await dialAsImpostor(["verified-handshake"]);
  await until(() => rig.server.state === "open", "the impostor is let in");
  await rig.close();
});

/** The impostor answers and is DTLS client: the proof that it lacks is CertificateVerify. */
async function answerAsImpostor(without: PeerOptions["without"]): Promise<string> {
  const { peer, connection } = createWeriftPeer(
    deps,
    { ...LOOPBACK, ...SHORT, without: ["verified-handshake"] },
    () => {},
  );
  (await impostor())(connection);
  const dialer = createDialer(deps, { ...LOOPBACK, ...SHORT, ...(without && { without }) });
  const outcome = await dialer
    .dial((offer) => answerOffer(connection, offer))
    .then(
      () => "open",
      (error: Error) => error.message,
    );
  await Promise.all([peer.close(), dialer.close()]);
  return outcome;
}

test("an answerer with a copied certificate is refused, and only thanks to the check", async () => {
  assert.match(await answerAsImpostor(undefined), /did not open \(failed\)/);
  assert.equal(await answerAsImpostor(["verified-handshake"]), "open");
});

test("the real owner of a certificate passes in both roles", async () => {
  const rig = await openLinkRig();
  const record = recordOf(rig.client);
  rig.client.challenge();
  rig.server.challenge();
  await until(() => record.evidence.length > 0 && rig.record.evidence.length > 0, "both answer");
  await rig.close();
});
