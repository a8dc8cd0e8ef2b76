import { createFixtureGateway } from "./fixture-gateway.js";
import { fixtureSnapshot } from "./fixture-snapshot.js";

/** `node tests/dist/console/serve-fixture.js`: the built console over the recorded robot, to look at while working on it. */
const gateway = await createFixtureGateway(fixtureSnapshot(), { port: Number(process.env.PORT ?? 0) });
console.log(gateway.origin);
