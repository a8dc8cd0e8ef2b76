import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { Message } from "werift";
import { type LinkRig, linkRig, pause } from "../testing/rig.js";

/** Answers to 20 unsigned binding requests from a stranger. */
async function strangersAnswers(rig: LinkRig): Promise<number> {
  const stranger = createSocket("udp4");
  let answers = 0;
  stranger.on("message", () => answers++);
  const port = Number(rig.server.localAddress()!.split(":")[1]);
  for (let i = 0; i < 20; i++) {
    const request = new Message(1, 0).setAttribute("USERNAME", "guess:work").setAttribute("PRIORITY", 1);
    stranger.send(request.bytes, port, "127.0.0.1");
  }
  await pause(50);
  stranger.close();
  return answers;
}

test("unsigned STUN requests get no answer", async () => {
  const rig = await linkRig();
  assert.equal(await strangersAnswers(rig), 0);
  await rig.close();
});

test("without it every stranger is answered", async () => {
  const rig = await linkRig({ answerer: { without: ["stun-integrity"] } });
  assert.ok((await strangersAnswers(rig)) > 0);
  await rig.close();
});
