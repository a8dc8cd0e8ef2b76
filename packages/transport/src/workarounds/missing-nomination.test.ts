import assert from "node:assert/strict";
import { test } from "node:test";
import { createManualClock } from "@vigil/shared/testing";
import { parseMessage } from "werift";
import { type Forwarder, isDtlsDatagram } from "../testing/forwarder.js";
import { nodeRig } from "../testing/rig.js";
import { type CandidatePairView, type IceConnection, PairState } from "../werift-internals.js";
import { assumeNomination } from "./missing-nomination.js";

const isAnswer = (datagram: Buffer) => datagram.readUInt16BE(0) === 0x0101;

const nominates = (datagram: Buffer) =>
  !isDtlsDatagram(datagram) && parseMessage(datagram)?.attributesKeys.includes("USE-CANDIDATE") === true;

/** The client takes the second answer to its check for that to its nomination, which never arrives. */
const losingNominations = (forwarder: Forwarder) => {
  forwarder.toServer = (datagram) => !nominates(datagram);
  forwarder.toClient = (datagram) => {
    if (isAnswer(datagram)) setTimeout(() => forwarder.injectToClient(datagram), 20);
    return true;
  };
};

test("a client that believes to have nominated connects", async () => {
  const rig = await nodeRig({ forwarded: losingNominations });
  assert.equal(rig.server.state, "open");
  await rig.close();
});

test("without it both wait for each other until the dial is given up", async () => {
  const answerer = { without: ["missing-nomination"] };
  await assert.rejects(nodeRig({ forwarded: losingNominations, answerer, dial: { timeoutMs: 3000 } }));
});

/** A connection of the controlled side, and its time. */
function controlledConnection() {
  const clock = createManualClock();
  const pair = (over: Partial<CandidatePairView>) =>
    ({ state: PairState.succeeded, nominated: false, requestsReceived: 1, ...over }) as CandidatePairView;
  const connection = {
    state: "new",
    iceControlling: false,
    nominated: undefined as CandidatePairView | undefined,
    checkList: [] as CandidatePairView[],
    checkIncoming() {},
    checkComplete(of: CandidatePairView) {
      if (of.nominated && of.state === PairState.succeeded) connection.nominated ??= of;
    },
  };
  const ice = connection as unknown as IceConnection;
  assumeNomination(clock, ice);
  return {
    connection,
    pair,
    checked: () => ice.checkIncoming(undefined, ["", 0], {} as never),
    pass: (ms: number) => clock.advance(ms),
  };
}

test("only a path that the client has checked, that answers, and that has stood for a look is taken", () => {
  const { connection, pair, checked, pass } = controlledConnection();
  connection.checkList.push(pair({ requestsReceived: 0 }), pair({ state: 4 }));
  checked();
  for (let looks = 0; looks < 5; looks++) pass(400);
  assert.equal(connection.nominated, undefined);
  const valid = pair({});
  connection.checkList.push(valid);
  pass(400);
  assert.equal(connection.nominated, undefined, "its nomination may be on its way");
  pass(400);
  assert.equal(connection.nominated, valid);
});

test("a nomination that comes all the same has the last word; a failed one and a second one have not", () => {
  const { connection, pair, checked, pass } = controlledConnection();
  const assumed = pair({});
  connection.checkList.push(assumed);
  checked();
  pass(400);
  pass(400);
  connection.checkComplete(pair({ nominated: true, state: 4 }));
  assert.equal(connection.nominated, assumed);
  const [named, later] = [pair({ nominated: true }), pair({ nominated: true })];
  connection.checkComplete(named);
  assert.equal(connection.nominated, named);
  connection.checkComplete(later);
  assert.equal(connection.nominated, named);
});

test("the controlling side and a closed connection assume nothing", () => {
  const { connection, pair, checked, pass } = controlledConnection();
  connection.checkList.push(pair({}));
  connection.iceControlling = true;
  checked();
  for (let looks = 0; looks < 3; looks++) pass(400);
  assert.equal(connection.nominated, undefined);
  connection.iceControlling = false;
  checked();
  connection.state = "closed";
  for (let looks = 0; looks < 3; looks++) pass(400);
  assert.equal(connection.nominated, undefined);
});
