import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom, VigilError } from "@vigil/shared";
import { type ControlInit, type ControlMessage, compatible, decodeControl, encodeControl } from "./control.js";
import { createGatewayHandshake, createPartHandshake, type ProvenGateway, type ProvenPart } from "./handshake.js";
import type { HandshakeNonces } from "./proofs.js";

/** What one side sends, as the other side receives it: over real bytes. */
const overTheWire = (frame: ControlInit): ControlMessage => decodeControl(encodeControl(frame))!;

function shakeHands(
  secrets: { part: string; gateway: string | undefined },
  change = (message: ControlMessage) => message,
) {
  const toPart: ControlMessage[] = [];
  const toGateway: ControlMessage[] = [];
  const gateway = createGatewayHandshake(
    { random: systemRandom, send: (frame) => toPart.push(overTheWire(frame)), secretOf: () => secrets.gateway },
    "1.2.3",
  );
  const part = createPartHandshake(
    { random: systemRandom, send: (frame) => toGateway.push(overTheWire(frame)) },
    { name: "arm", secret: secrets.part, bootId: "boot", generation: 7 },
    "1.2.3",
  );
  let proven: ProvenPart | undefined;
  let welcome: ProvenGateway | undefined;
  while (toGateway.length > 0 || toPart.length > 0) {
    const up = toGateway.shift();
    if (up) proven = gateway.receive(change(up)) ?? proven;
    if (proven && !welcome && toPart.length === 0) {
      toPart.push(
        overTheWire({
          case: "welcome",
          value: { windowMs: 2000, dataToken: "t", dataChannel: true, maxCommandAgeMs: 300 },
        }),
      );
    }
    const down = toPart.shift();
    if (down) welcome = part.receive(change(down)) ?? welcome;
  }
  return { proven, welcome };
}

const refusedWith = (reason: string, text: RegExp) => (error: unknown) =>
  error instanceof VigilError && error.reason === reason && text.test(error.message);

test("a part and a gateway with the same secret prove themselves to each other", () => {
  const { proven, welcome } = shakeHands({ part: "s3cret", gateway: "s3cret" });
  assert.equal(proven?.name, "arm");
  assert.equal(proven?.generation, 7);
  assert.equal(welcome?.windowMs, 2000);
  const hex = (nonces: HandshakeNonces | undefined) =>
    nonces && [
      nonces.part,
      Buffer.from(nonces.partNonce).toString("hex"),
      Buffer.from(nonces.gatewayNonce).toString("hex"),
    ];
  assert.deepEqual(hex(welcome?.nonces), hex(proven?.nonces));
});

test("a gateway that does not know the secret gets no proof from the part", () => {
  assert.throws(() => shakeHands({ part: "s3cret", gateway: "other" }), refusedWith("unauthenticated", /arm.*secret/));
  assert.throws(
    () => shakeHands({ part: "s3cret", gateway: undefined }),
    refusedWith("unauthenticated", /arm.*secret/),
  );
});

test("a part that repeats the gateway's own proof is refused", () => {
  let gatewaysProof: Uint8Array | undefined;
  const reflect = (message: ControlMessage): ControlMessage => {
    if (message.case === "challenge") gatewaysProof = message.value.proof;
    if (message.case === "proof") return overTheWire({ case: "proof", value: { proof: gatewaysProof! } });
    return message;
  };
  assert.throws(
    () => shakeHands({ part: "s3cret", gateway: "s3cret" }, reflect),
    refusedWith("unauthenticated", /wrong secret/),
  );
});

test("a challenge that was changed on its way is not answered", () => {
  const change = (message: ControlMessage): ControlMessage =>
    message.case === "challenge"
      ? overTheWire({ case: "challenge", value: { ...message.value, nonce: new Uint8Array(32) } })
      : message;
  assert.throws(
    () => shakeHands({ part: "s3cret", gateway: "s3cret" }, change),
    refusedWith("unauthenticated", /secret/),
  );
});

test("versions one minor apart work together, others say which is older", () => {
  assert.ok(compatible("1.1", "1.0"));
  assert.ok(compatible("1.0", "1.1"));
  assert.ok(!compatible("1.2", "1.0"));
  assert.ok(!compatible("2.0", "1.0"));
  assert.ok(!compatible("", "1.0"));
  assert.ok(!compatible("one", "1.0"));
  const change = (message: ControlMessage): ControlMessage =>
    message.case === "hello" ? overTheWire({ case: "hello", value: { ...message.value, protocol: "9.0" } }) : message;
  assert.throws(() => shakeHands({ part: "s", gateway: "s" }, change), refusedWith("bad_request", /update the older/));
});

test("what a stranger calls itself does not come to the log unless it could be a part's name", () => {
  for (const name of ["", "arm\nlevel=error", "caf\u00e9", "x".repeat(101), "-arm"]) {
    const gateway = createGatewayHandshake({ random: systemRandom, send() {}, secretOf: () => "s" }, "1");
    const hello = { part: name, nonce: new Uint8Array(32), bootId: "b", generation: 0, protocol: "1.0", software: "1" };
    assert.throws(
      () => gateway.receive(overTheWire({ case: "hello", value: hello })),
      refusedWith("bad_frame", /name/),
    );
  }
});

test("frames out of turn are refused", () => {
  const gateway = createGatewayHandshake({ random: systemRandom, send() {}, secretOf: () => "s" }, "1");
  assert.throws(
    () => gateway.receive(overTheWire({ case: "tick", value: { number: 1n } })),
    refusedWith("bad_frame", /no place/),
  );
});
