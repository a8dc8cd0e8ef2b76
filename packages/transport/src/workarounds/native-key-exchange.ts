import { createECDH } from "node:crypto";
import { p256 } from "@noble/curves/p256";

const CURVE = "prime256v1";
/** The sign byte of a compressed point, which werift cuts off: only the x coordinate is the shared secret. */
const ANY_SIGN = Buffer.of(2);

type Curve = Pick<typeof p256, "getPublicKey" | "getSharedSecret">;

/** Every connection asks for it; once is enough. */
const replaced = new WeakSet<Curve>();

/**
 * Defect: werift does its key exchange on P-256 in JavaScript (@noble/curves): 5 to 8 ms in which the gateway's loop
 * stands at every dial (measured); node:crypto takes 0.2 ms. There is no seam in werift, so the two functions it calls
 * are replaced in the module that it shares with us, whose version is therefore pinned to werift's. Who wants a whole
 * point from it gets it from the original.
 */
export function exchangeKeysNatively(curve: Curve = p256): void {
  if (replaced.has(curve)) return;
  replaced.add(curve);
  const { getSharedSecret, getPublicKey } = curve;
  Object.assign(curve, {
    getSharedSecret: nativeSecret,
    getPublicKey: nativeKey,
  });

  function nativeSecret(...[privateKey, publicKey, isCompressed]: Parameters<Curve["getSharedSecret"]>): Uint8Array {
    if (isCompressed === false || !(privateKey instanceof Uint8Array) || !(publicKey instanceof Uint8Array)) {
      return getSharedSecret(privateKey, publicKey, isCompressed);
    }
    const exchange = createECDH(CURVE);
    exchange.setPrivateKey(privateKey);
    return Buffer.concat([ANY_SIGN, exchange.computeSecret(publicKey)]);
  }
  function nativeKey(...[privateKey, isCompressed]: Parameters<Curve["getPublicKey"]>): Uint8Array {
    if (!(privateKey instanceof Uint8Array)) return getPublicKey(privateKey, isCompressed);
    const exchange = createECDH(CURVE);
    exchange.setPrivateKey(privateKey);
    return exchange.getPublicKey(null, isCompressed === false ? "uncompressed" : "compressed");
  }
}
