import { startLinkPart } from "./link-part.js";

// A part's end of a link in a process of its own, which a test can stop and kill.
const [url, carrier] = process.argv.slice(2);
startLinkPart({ url: url!, carrier: carrier as "webrtc" | "websocket" });
process.on("disconnect", () => process.exit());
