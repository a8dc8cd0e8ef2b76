import { once } from "node:events";
import type { SessionDescription } from "../peer.js";
import { dialNodeClient } from "./node-client.js";

/** A client that a test can kill: offers over the parent's channel, says when it is open, then lives on. */
const client = await dialNodeClient(
  async (offer) => {
    process.send!(offer);
    const [answer] = (await once(process, "message")) as [SessionDescription];
    return answer;
  },
  { attempts: 1, timeoutMs: 10_000 },
);
client.data.onMessage(() => {});
process.send!("open");
process.on("disconnect", () => process.exit());
