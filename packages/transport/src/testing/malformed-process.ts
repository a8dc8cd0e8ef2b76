import { sendRawChunks } from "./raw-sctp.js";
import { openLinkRig, pause, until } from "./rig.js";

/**
 * Takes one malformed chunk (hex, first argument) from an authenticated peer, then proves that it still works. Leaves
 * out the workarounds named by further arguments. A process of its own, because without the workaround it ends or hangs.
 */
const [hex, ...without] = process.argv.slice(2);
const rig = await openLinkRig({ answerer: { without } });
sendRawChunks(rig.connection, Buffer.from(hex!, "hex"));
await pause(50);
rig.server.challenge();
await until(() => rig.record.evidence.some(({ kind }) => kind === "transport"), "the connection still works", 2000);
process.exit(0);
