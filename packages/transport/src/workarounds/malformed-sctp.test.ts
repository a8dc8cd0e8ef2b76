import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createChallenger } from "../challenger.js";
import { sendRawChunks } from "../testing/raw-sctp.js";
import { deps, openLinkRig, until } from "../testing/rig.js";
import { associationOf } from "../werift-internals.js";

const MALFORMED: Record<string, string> = {
  "heartbeat with a parameter of length 0": "04000008" + "00010000",
  "chunk of length 0": "00000000",
  "SACK that names 65,535 gaps": "03000010" + "00000001" + "00100000" + "ffff0000",
  "INIT without a body": "01000004",
  "DATA without a TSN": "00030006" + "00000000",
  "reset request without streams": "82000008" + "000d0004",
  "unknown chunk type": "3f000004",
};

/** How a process fares with a malformed chunk: 0 if it lives on. */
async function fate(hex: string, without: readonly string[] = []): Promise<number | string | null> {
  const child = fork(new URL("../testing/malformed-process.js", import.meta.url), [hex, ...without], {
    stdio: "ignore",
  });
  const killer = setTimeout(() => child.kill("SIGKILL"), 8000);
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  clearTimeout(killer);
  return code ?? signal;
}

test("malformed chunks of an authenticated peer change nothing", async () => {
  const rig = await openLinkRig();
  for (const [what, hex] of Object.entries(MALFORMED)) {
    sendRawChunks(rig.connection, Buffer.from(hex, "hex"));
    rig.server.challenge();
    const before = rig.record.evidence.length;
    await until(() => rig.record.evidence.length > before, `life after: ${what}`);
  }
  assert.deepEqual(rig.record.closed, []);
  await rig.close();
});

test("without it a short chunk ends the process, and a parameter of length 0 hangs it", async () => {
  assert.equal(await fate(MALFORMED["DATA without a TSN"]!), 0);
  assert.notEqual(await fate(MALFORMED["DATA without a TSN"]!, ["malformed-sctp"]), 0);
  assert.notEqual(await fate(MALFORMED["heartbeat with a parameter of length 0"]!, ["malformed-sctp"]), 0);
});

test("wide gap blocks and chunks far ahead cost nothing", async () => {
  const rig = await openLinkRig();
  const server = associationOf(rig.connection);
  const gap = Buffer.alloc(20);
  gap.writeUInt8(3, 0);
  gap.writeUInt16BE(20, 2);
  gap.writeUInt32BE(server.lastReceivedTsn! >>> 0, 4);
  gap.writeUInt32BE(1 << 20, 8);
  gap.writeUInt16BE(1, 12);
  gap.writeUInt16BE(1, 16);
  gap.writeUInt16BE(65_535, 18);
  for (let i = 0; i < 200; i++) sendRawChunks(rig.connection, gap);
  const data = Buffer.alloc(20);
  data.writeUInt8(3, 1);
  data.writeUInt16BE(17, 2);
  for (let i = 0; i < 200; i++) {
    data.writeUInt32BE((server.localTsn + 1_000_000 + i) >>> 0, 4);
    sendRawChunks(rig.connection, data);
  }
  const challenger = createChallenger({ clock: deps.clock, peer: rig.server }, { intervalMs: 20 });
  await until(() => rig.record.evidence.some(({ kind }) => kind === "transport"), "the connection still works");
  challenger.stop();
  assert.ok(!rig.record.evidence.some(({ kind }) => kind === "application"), "a chunk out of reach is no evidence");
  await rig.close();
});
