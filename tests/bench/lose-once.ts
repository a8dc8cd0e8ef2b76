import { setTimeout as sleep } from "node:timers/promises";
import type { EndView } from "@vigil/shared";
import type { Client } from "../rig/clients/index.js";
import { actsAfterStop } from "../rig/device-log.js";
import { type Marks, mark, moveBoth, stopsOf } from "../rig/motion.js";
import type { Robot } from "../rig/robot.js";
import { PATIENCE_MS, until, wallToMonotonicMs, within } from "../rig/until.js";

/** A way to lose a client, measured again and again. */
export interface LossKind {
  readonly name: string;
  start(robot: Robot, namespace: string | undefined): Promise<Client>;
  /** Loses the client; CLOCK_MONOTONIC in ms of the moment before. */
  lose(client: Client, robot: Robot): number;
  /** Lets the gateway go on where it was stopped, too: when the devices have shown all they will, before it is asked. */
  resume?(robot: Robot): void;
  /** Lets the process go on, so that it can dial anew. Absent: there is none any more. */
  revive?(client: Client, robot: Robot): Promise<void>;
}

/** A robot of its own, on which clients are lost one after another. */
export interface Lane {
  readonly robot: Robot;
  /** The network that its clients live in. */
  readonly namespace: string | undefined;
}

export interface Outcome {
  readonly failed: boolean;
  readonly fromLossMs: number;
  readonly fromSignMs: number;
  readonly skewMs: number;
  readonly actsAfterStop: number;
  /** Parts that had fenced the session before the gateway told them anything. */
  readonly partsAhead: number;
  /** Attempts before this one that were stopped before the loss. */
  readonly spoiled: number;
}

/** Long after the last step of a motion would have shown (100 ms each). */
const AFTERMATH_MS = 300;
/** A process that has dialled so often begins anew: what its SDK keeps of former connections would grow. */
const MAX_DIALS = 10;
/** So many attempts in a row that were stopped before the loss are no accident. */
const MAX_SPOILED = 10;
/** Viam's SDK never settles a call whose connection just goes, as it may with a short window on a busy machine. */
const PREPARATION_LIMIT_MS = 10_000;
/** The beat of an explicit session, as part of the window; every other period of the robot is at most that. */
const BEAT = 1 / 5;

/**
 * Lanes take runs from one count until it is used up. There are fewer outcomes than runs when a lane has to be given up:
 * its clients do not come to move anything.
 */
export async function loseMany(
  lanes: readonly Lane[],
  loss: LossKind,
  runs: number,
  told: (run: number) => void,
  /** A stop that has not come by then never comes. */
  patienceMs = PATIENCE_MS,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let begun = 0;
  await Promise.all(
    lanes.map(async (lane) => {
      const clients = createClients(lane, loss);
      try {
        while (begun < runs) {
          begun += 1;
          outcomes.push(await loseOne(lane, loss, clients, patienceMs));
          told(outcomes.length);
        }
      } catch (error) {
        process.stderr.write(`${loss.name}, a lane is given up: ${(error as Error).message.split("\n")[0]}\n`);
      } finally {
        await clients.close();
      }
    }),
  );
  return outcomes;
}

interface Clients {
  /** One that has dialled. */
  next(): Promise<Client>;
  /** After a loss: prepares the next one where that can be done beforehand. */
  lost(): void;
  /** After all has been seen of a loss. */
  over(): Promise<void>;
  close(): Promise<void>;
}

/** Clients of one lane, one after another: the same process where it survives, else a new one. */
function createClients({ robot, namespace }: Lane, loss: LossKind): Clients {
  let present: Client | undefined;
  let coming: Promise<Client> | undefined;
  let dials = 0;
  const begin = () => {
    const started = loss.start(robot, namespace);
    // Whoever takes it hears of its failure.
    started.catch(() => undefined);
    return started;
  };
  return {
    async next() {
      if (present === undefined) {
        present = await (coming ?? begin());
        coming = undefined;
        dials = 1;
      }
      return present;
    },
    lost() {
      if (!loss.revive) coming ??= begin();
    },
    async over() {
      // None could dial: the next one begins anew.
      if (present === undefined) return;
      const client = present;
      await loss.revive?.(client, robot);
      if (loss.revive && dials < MAX_DIALS) {
        dials += 1;
        const dialled = await within(PREPARATION_LIMIT_MS, "no new connection", client.redial()).then(
          () => true,
          () => false,
        );
        if (dialled) return;
      }
      present = undefined;
      await client.close();
    },
    async close() {
      const rest = await Promise.allSettled([present, coming]);
      await Promise.all(rest.map((client) => (client.status === "fulfilled" ? client.value?.close() : undefined)));
    },
  };
}

async function loseOne({ robot }: Lane, loss: LossKind, clients: Clients, patienceMs: number): Promise<Outcome> {
  for (let spoiled = 0; ; spoiled++) {
    let outcome: Omit<Outcome, "spoiled"> | undefined;
    try {
      outcome = await attempt(robot, loss, clients, patienceMs);
    } catch (error) {
      if (spoiled === MAX_SPOILED) throw error;
      process.stderr.write(`${loss.name}, before the loss: ${(error as Error).message.split("\n")[0]}\n`);
    }
    await clients.over();
    if (outcome) return { ...outcome, spoiled };
    if (spoiled === MAX_SPOILED) throw new Error(`${loss.name}: stopped before the loss again and again`);
  }
}

const NO_STOP = {
  failed: true,
  fromLossMs: Infinity,
  fromSignMs: Infinity,
  skewMs: Infinity,
  actsAfterStop: 0,
  partsAhead: 0,
};

/** undefined: it was stopped before the loss. */
async function attempt(
  robot: Robot,
  loss: LossKind,
  clients: Clients,
  patienceMs: number,
): Promise<Omit<Outcome, "spoiled"> | undefined> {
  const client = await clients.next();
  // A busy machine may have cost the robot an agent: it comes back by itself.
  await robot.ready();
  const sid = await within(PREPARATION_LIMIT_MS, "no session", client.session());
  await within(PREPARATION_LIMIT_MS, "no motion", moveBoth(robot, client));
  const marks = mark(robot);
  await sleep(Math.random() * robot.windowMs * BEAT);
  const lostAt = loss.lose(client, robot);
  clients.lost();
  try {
    const { times, actsAfterStop } = await shownBy(robot, marks, patienceMs).finally(() => loss.resume?.(robot));
    if (Math.min(...times) < lostAt) return undefined;
    const end = await endOf(robot, sid);
    const signAt = Date.parse(end.at) + wallToMonotonicMs();
    return {
      failed: actsAfterStop > 0,
      fromLossMs: actsAfterStop > 0 ? Infinity : Math.max(...times) - lostAt,
      fromSignMs: actsAfterStop > 0 ? Infinity : Math.max(...times) - signAt,
      skewMs: Math.max(...times) - Math.min(...times),
      actsAfterStop,
      partsAhead: partsAheadIn(end),
    };
  } catch (error) {
    process.stderr.write(`${loss.name}: ${(error as Error).message.split("\n")[0]}\n`);
    return NO_STOP;
  }
}

/** When the devices were told to stop, and what reached them after it. */
async function shownBy(
  robot: Robot,
  marks: Marks,
  patienceMs: number,
): Promise<{ times: number[]; actsAfterStop: number }> {
  const stops = await within(patienceMs, "no stop", Promise.all(robot.parts.map((part) => stopsOf(part, marks))));
  await sleep(AFTERMATH_MS);
  return {
    times: stops.flat().map(({ t }) => t),
    actsAfterStop: robot.parts.reduce((sum, part) => sum + actsAfterStop(part.devices.after(marks.get(part)!)), 0),
  };
}

/**
 * The loss in the timeline. It tells the last sign of life as wall time with the fraction of a millisecond cut off, twice:
 * it came up to 2 ms later, and the time from it to the stop is up to 2 ms less.
 */
function endOf(robot: Robot, sid: string): Promise<EndView> {
  return until("the loss stands in the timeline", async () =>
    (await robot.ends()).find(({ session }) => sid.startsWith(session)),
  );
}

/** The gateway pushes to the parts and cancels in one turn; clocks are compared only to within an error bar. */
function partsAheadIn({ parts, cancelledMs }: EndView): number {
  return parts.filter(
    ({ detectedMs, errorBarMs }) =>
      detectedMs !== null && cancelledMs !== null && detectedMs + errorBarMs < cancelledMs,
  ).length;
}
