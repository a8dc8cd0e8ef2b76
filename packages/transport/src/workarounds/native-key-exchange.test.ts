import assert from "node:assert/strict";
import { test } from "node:test";
import { p256 } from "@noble/curves/p256";
import { nodeRig } from "../testing/rig.js";
import { exchangeKeysNatively } from "./native-key-exchange.js";

const original = { ...p256 };

/** How often a handshake with libdatachannel, which knows this curve alone, multiplies a point of it in JavaScript. */
async function multiplicationsOf(without: readonly string[]): Promise<number> {
  const prototype = p256.ProjectivePoint.prototype as InstanceType<typeof p256.ProjectivePoint>;
  const { multiply } = prototype;
  let count = 0;
  prototype.multiply = function (this: typeof prototype, scalar: bigint) {
    count += 1;
    return multiply.call(this, scalar);
  };
  try {
    const rig = await nodeRig({ answerer: { without } });
    await rig.close();
  } finally {
    prototype.multiply = multiply;
  }
  return count;
}

// The first one: what it replaces stays replaced in this process.
test("without it a handshake multiplies points in JavaScript", async () => {
  assert.ok((await multiplicationsOf(["native-key-exchange"])) >= 2);
});

test("a handshake multiplies no point in JavaScript", async () => {
  assert.equal(await multiplicationsOf([]), 0);
});

test("keys and secrets are those of the original, whole points too, and what is no point is refused", () => {
  const native = { ...original };
  exchangeKeysNatively(native);
  for (let round = 0; round < 20; round += 1) {
    const ours = p256.utils.randomPrivateKey();
    const theirs = p256.utils.randomPrivateKey();
    const theirPublic = native.getPublicKey(theirs, false);
    assert.deepEqual(Buffer.from(theirPublic), Buffer.from(original.getPublicKey(theirs, false)));
    const ourPublic = native.getPublicKey(ours);
    assert.deepEqual(Buffer.from(ourPublic), Buffer.from(original.getPublicKey(ours)));
    const secret = Buffer.from(native.getSharedSecret(ours, theirPublic)).subarray(1);
    const whole = Buffer.from(native.getSharedSecret(ours, theirPublic, false));
    assert.equal(whole.length, 65);
    assert.deepEqual(secret, whole.subarray(1, 33));
    assert.deepEqual(Buffer.from(native.getSharedSecret(theirs, ourPublic)).subarray(1), secret);
  }
  const ours = p256.utils.randomPrivateKey();
  assert.throws(() => native.getSharedSecret(ours, Buffer.alloc(65, 4)));
  assert.throws(() => native.getSharedSecret(ours, Buffer.alloc(0)));
});
