import * as VIAM from "@viamrobotics/sdk";
import { createVerbs, type Verbs } from "./verbs.js";

let verbs: Verbs | undefined;

/** What the page that a test opens answers to. */
async function perform(verb: string, args: unknown[]): Promise<unknown> {
  if (verb === "dial") {
    const at = performance.now();
    const [way, url, host] = args as [string, string, string];
    if (way === "webrtc") {
      // With a service host of its own the SDK would send its signalling with the browser's credentials, which no
      // server that answers any origin may allow.
      verbs = createVerbs(
        await VIAM.createRobotClient({
          host,
          serviceHost: url,
          signalingAddress: url,
          iceServers: [],
          noReconnect: true,
        }),
      );
    } else {
      const address = url.replace("127.0.0.1", "localhost");
      const client = new VIAM.RobotClient(address);
      await client.dial({ host: address, noReconnect: true });
      verbs = createVerbs(client);
    }
    return performance.now() - at;
  }
  const known = verbs as unknown as Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>;
  return (await known[verb]!(...args)) ?? null;
}

Object.assign(globalThis, { perform });
