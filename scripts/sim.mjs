// `npm run sim`: whole robots on a virtual clock, with everything going wrong that can (tests/sim).
//   npm run sim -- --seed N              replays one episode
//   npm run sim -- --seed N --episodes K runs K of them; without --seed from a fresh one, which is printed
//   npm run sim -- --shape brief         episodes of a few windows each, three hundred a second, instead of minutes
//   npm run sim -- --workers W           on so many threads (default: all cores)
//   npm run sim -- --detailed            tells every motion in the trail of a violation
import { runBuilt } from "./prepare.mjs";

await runBuilt("tests/dist/sim/main.js");
