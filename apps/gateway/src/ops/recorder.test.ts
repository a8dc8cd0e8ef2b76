import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { FenceReportSchema } from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import { createSessionTable } from "@vigil/safety";
import { createSystemClock, systemRandom } from "@vigil/shared";
import { createGatewayMetrics } from "@vigil/telemetry";
import { createRecorder } from "./recorder.js";

const ABOUT = { remoteAddress: "127.0.0.1:1", software: undefined };

async function bench() {
  const metrics = createGatewayMetrics();
  const clock = createSystemClock();
  const table = createSessionTable(
    systemRandom,
    { ended() {}, suspended() {} },
    { windowMs: 2000, quietLimitMs: 10_000 },
  );
  table.connect({ id: "c", entity: undefined, host: "127.0.0.1", challengeable: true }, clock.now());
  const session = table.open("c", clock.now());
  const recorder = createRecorder(
    { clock, metrics, session: () => ({ session, about: ABOUT }), changed() {} },
    { windowMs: 2000 },
  );
  const fenced = (part: string, operationsCancelled: number) =>
    recorder.fenced(
      part,
      create(FenceReportSchema, { session: session.id, fence: "f", cause: "lapsed", final: true, operationsCancelled }),
      clock.now(),
      0,
    );
  const ended = (cancelled: [string, number][]) =>
    recorder.ended(session, ABOUT, "lapsed", "silent", new Map(cancelled));
  const counted = async (part: string) =>
    (await metrics.operationsCancelled.get()).values
      .filter(({ labels }) => labels.part === part)
      .reduce((sum, { value }) => sum + value, 0);
  return { recorder, fenced, ended, counted };
}

test("operations that a part's fence cancelled before the gateway knew are counted", async () => {
  const { recorder, fenced, ended, counted } = await bench();
  fenced("arm", 2);
  ended([["main", 1]]);
  assert.equal(await counted("arm"), 2);
  assert.equal(await counted("main"), 1);
  assert.equal(recorder.ends()[0]!.operationsCancelled, 3);
});

test("operations that both the gateway and the part's fence tell of are counted once", async () => {
  const { recorder, fenced, ended, counted } = await bench();
  ended([["arm", 2]]);
  fenced("arm", 2);
  assert.equal(await counted("arm"), 2);
  assert.equal(recorder.ends()[0]!.operationsCancelled, 2);
});
