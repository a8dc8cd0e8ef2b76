import { afterEnd } from "./after-end.js";
import { connections } from "./connections.js";
import { dial } from "./dial.js";
import { healthyClient } from "./healthy-client.js";
import { idleClients } from "./idle-clients.js";
import { latency } from "./latency.js";
import { lossSuspensions } from "./loss-suspensions.js";
import { losses } from "./losses.js";
import { massLoss } from "./mass-loss.js";
import type { Section } from "./section.js";
import { sentinel } from "./sentinel.js";
import { stops } from "./stops.js";
import { transfer } from "./transfer.js";
import { watchdog } from "./watchdog.js";

/** In the order of the page. */
export const SECTIONS: readonly Section[] = [
  losses,
  massLoss,
  afterEnd,
  stops,
  sentinel,
  watchdog,
  healthyClient,
  lossSuspensions,
  latency,
  dial,
  transfer,
  idleClients,
  connections,
];
