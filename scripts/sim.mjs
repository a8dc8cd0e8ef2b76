// `npm run sim`: whole robots on a virtual clock, with everything going wrong that can (tests/sim).
//   npm run sim -- --seed N              replays one episode
//   npm run sim -- --seed N --episodes K runs K of them; without --seed from a fresh one, which is printed
//   npm run sim -- --shape brief         episodes of a few windows each, three hundred a second, instead of minutes
//   npm run sim -- --workers W           on so many threads (default: all cores)
//   npm run sim -- --detailed            tells every motion in the trail of a violation
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { prepare } from "./prepare.mjs";

const MAIN = fileURLToPath(new URL("../tests/dist/sim/main.js", import.meta.url));

await prepare();
if (!existsSync(MAIN)) throw new Error("the simulator is not built: run npm run build");
const child = spawn(process.execPath, [MAIN, ...process.argv.slice(2)], { stdio: "inherit" });
child.on("close", (code) => process.exit(code ?? 1));
