import assert from "node:assert/strict";
import { test } from "node:test";
import { type ControlInit, type ControlMessage, decodeControl, encodeControl } from "@vigil/links";
import { IGNORE_REQUESTS } from "@vigil/protocol";
import { systemRandom } from "@vigil/shared";
import { createManualClock } from "@vigil/shared/testing";
import { createPartLink } from "./part-link.js";

/** The link of a part that answers every probe at once, with what is sent to it. */
function linkTo(windowMs: number, answers = true) {
  const clock = createManualClock();
  const sent: ControlInit[] = [];
  let down: string | undefined;
  const link = createPartLink(
    {
      clock,
      random: systemRandom,
      send(frame) {
        sent.push(frame);
        const message = decodeControl(encodeControl(frame));
        if (answers && message?.case === "probe") {
          link.receive({ case: "probeReply", value: message.value } as unknown as ControlMessage);
        }
      },
      closeControl() {},
      serve: () => IGNORE_REQUESTS,
      onBadFrame: (reason) => assert.fail(reason),
    },
    {
      name: "arm",
      secret: "s",
      bootId: "b",
      generation: 0,
      software: "test",
      nonces: { part: "arm", partNonce: new Uint8Array(), gatewayNonce: new Uint8Array() },
    },
    { windowMs },
  );
  link.on("down", ({ cause }) => {
    down = cause;
  });
  const probes = () => sent.filter((frame) => frame.case === "probe").length;
  return { clock, link, probes, down: () => down };
}

for (const [windowMs, inOneWindow] of [
  [60_000, 600],
  [2000, 20],
  [300, 10],
  [100, 10],
  [30, 6],
] as const) {
  test(`with a window of ${windowMs} ms a part is challenged ${inOneWindow} times in it`, () => {
    const { clock, link, probes } = linkTo(windowMs);
    let challenged = 0;
    link.attach({
      kind: "webrtc",
      sender: { send() {}, sendLater() {} },
      challenge() {
        challenged += 1;
        link.dataAlive(clock.now());
      },
      close() {},
    });
    clock.advance(windowMs);
    assert.equal(probes(), inOneWindow);
    assert.equal(challenged, inOneWindow);
    link.close("shutdown");
  });
}

test("a part that answers nothing is lost after a second, whatever the window", () => {
  for (const windowMs of [30, 2000]) {
    const { clock, probes, down } = linkTo(windowMs, false);
    clock.advance(990);
    assert.equal(down(), undefined);
    clock.advance(200);
    assert.equal(down(), "silent");
    assert.ok(probes() <= 400, `${probes()} probes`);
  }
});
