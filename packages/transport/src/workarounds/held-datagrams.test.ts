import assert from "node:assert/strict";
import { test } from "node:test";
import { type Forwarder, isDtlsDatagram } from "../testing/forwarder.js";
import { linkRig } from "../testing/rig.js";

/** How many ClientHellos it takes when the first reaches a client whose own ICE checks are not done yet. */
async function helloCount(without: readonly string[]): Promise<number> {
  let hellos = 0;
  let answered = false;
  const watch = (forwarder: Forwarder) => {
    forwarder.toClient = (datagram) => {
      if (isDtlsDatagram(datagram)) {
        if (!answered) hellos++;
        return true;
      }
      // The server's STUN responses are withheld until its first ClientHello has passed.
      return datagram[0] !== 0x01 || hellos > 0;
    };
    forwarder.toServer = (datagram) => {
      if (isDtlsDatagram(datagram)) answered = true;
      return true;
    };
  };
  const rig = await linkRig({
    forwarded: watch,
    answerer: { without: ["flight-retransmission"] },
    dialer: { without: ["flight-retransmission", ...without] },
  });
  await rig.close();
  return hellos;
}

test("a ClientHello that comes early is answered", async () => {
  assert.equal(await helloCount([]), 1);
});

test("without it it is lost and has to be repeated", async () => {
  assert.ok((await helloCount(["held-datagrams"])) > 1);
});
