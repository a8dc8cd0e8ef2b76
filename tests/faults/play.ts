import { setTimeout as sleep } from "node:timers/promises";
import type { EndView, SessionView } from "@vigil/shared";
import { type Client, startClient } from "../rig/clients/index.js";
import { actsAfterStop, isStop } from "../rig/device-log.js";
import { type Marks, mark, moveBoth } from "../rig/motion.js";
import { type RigPart, ROBOT } from "../rig/robot.js";
import { monotonicMs, PATIENCE_MS, until, within } from "../rig/until.js";
import type { Noticed, Outcome, PartOutcome } from "./outcome.js";
import type { Bound, Injury, Scenario, Scene, Variant } from "./scenario.js";
import { LOST, type Stage, spareOf } from "./stage.js";

/** Devices that the lost client moves, by part. */
const MOVED: Readonly<Record<string, readonly string[]>> = { main: ["left", "right"], arm: ["arm"] };
/** Three steps of a running motion (100 ms each): what had not stopped would have shown. */
const AFTERMATH_MS = 300;
/** How much longer than its limit a run waits for a stop before it calls it never. */
const GRACE_MS = 3000;
/** What is mended gets this long to move something by itself. */
const MENDED_MS = 500;
/** Commands that do not flow again by then never do. */
const FLOW_PATIENCE_MS = 20_000;

/** Of bringing a client to move the robot. */
const SET_UP_ATTEMPTS = 3;

/** A command that has moved nothing by then, in ms, may wait for an answer that never comes. */
const MOTION_LIMIT_MS = PATIENCE_MS;

/** For so long after a command the gateway takes its session for moving on a part that is lost without a word, in ms. */
const UNREPORTED_MS = 1100;

/** Of a run whose agents live through it. */
const UNDISTURBED_ATTEMPTS = 3;

export interface PlayOptions {
  /** The fault comes at an instant uniform over so long, in ms. */
  readonly phaseMs: number;
}

/** Plays one run of a row on a stage, and leaves the stage fit for the next one. */
export async function play(stage: Stage, scenario: Scenario, variant: Variant, options: PlayOptions): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const before = disturbances(stage, scenario);
    const outcome = await playOnce(stage, scenario, variant, options);
    if (disturbances(stage, scenario) === before || attempt === UNDISTURBED_ATTEMPTS) return outcome;
    await stage.ready();
  }
}

/**
 * Changes when this machine did not let an agent turn though the scene has nothing against it: for 250 ms, so that its
 * guard stopped everybody's motions (rules.md, R5), or for 500 ms, so that its sentinel ended it.
 */
function disturbances({ robot }: Stage, { victim, unharmed }: Scenario): string {
  if (victim === "machine") return "";
  return robot.parts
    .filter(({ name }) => victim !== "agent" || unharmed.motors.includes(name))
    .map(({ process: { pid, log } }) => `${pid}:${log.filter((line) => line.cause === "clock").length}`)
    .join();
}

async function playOnce(stage: Stage, scenario: Scenario, variant: Variant, options: PlayOptions): Promise<Outcome> {
  const undo: (() => void | Promise<void>)[] = [];
  const scene = await setScene(stage, scenario, variant, undo);
  try {
    return await playScene(scene, scenario, options);
  } finally {
    for (const each of undo.reverse()) await each();
    await scene.lost.close();
    await stage.wire.clear();
  }
}

/** A client that moves the robot. On a busy machine a link may be lost before anything has been inflicted: once more. */
async function setScene(
  stage: Stage,
  scenario: Scenario,
  variant: Variant,
  undo: (() => void | Promise<void>)[],
): Promise<Scene> {
  const { robot, network, windowMs } = stage;
  for (let attempt = 1; ; attempt++) {
    await stage.ready();
    const lost = await startClient(robot, variant.client, ROBOT, network.namespaces[LOST]);
    try {
      const sid = variant.session === "explicit" ? await within(PATIENCE_MS, "no session", lost.session()) : undefined;
      const scene: Scene = { ...variant, stage, lost, windowMs, sid, atEnd: (each) => void undo.push(each) };
      await move(scene, scenario);
      return scene;
    } catch (error) {
      await lost.close();
      if (attempt === SET_UP_ATTEMPTS) throw error;
    }
  }
}

async function playScene(scene: Scene, scenario: Scenario, { phaseMs }: PlayOptions): Promise<Outcome> {
  const { stage, lost } = scene;
  const { robot, steady } = stage;
  const parts = scenario.motion === "both" ? robot.parts : [robot.main];
  const problems: string[] = [];
  let session = await sessionOf(stage);
  if (session.kind !== scene.session) problems.push(`its session is ${session.kind}`);
  await scenario.prepare?.(scene);
  await sleep(Math.random() * phaseMs);
  const { motors, readings } = scenario.unharmed;
  await steady.perform("begin", motors.map(spareOf), readings);
  const healthyMarks = mark(robot);

  const survived = await survive(scene, scenario, session);
  // A busy machine may have suspended it meanwhile: what stands cannot stop.
  if (!parts.every(isMoving)) {
    await moveAtLast(scene, scenario);
    session = await sessionOf(stage);
  }
  // What the healthy client moved on the victim in the scene before must not count as moving there still.
  if (motors.length > 0 && motors.length < robot.parts.length) await sleep(UNREPORTED_MS);
  const marks = mark(robot);
  const injury = await scenario.inject(scene);
  const bounds = new Map(parts.map((part) => [part, boundOf(scenario, scene, part)]));
  await allStopped(
    parts,
    marks,
    injury.at + Math.max(...[...bounds.values()].map(({ limitMs }) => limitMs)) + GRACE_MS,
  );
  await sleep(AFTERMATH_MS);
  problems.push(...((await injury.afterStop?.()) ?? []));
  // Where the client is well, its signs of life say nothing about the fault.
  const isLost = scenario.victim === "client" || scenario.victim === "machine";
  const record = isLost ? await recordOf(stage, session.id) : undefined;
  const healthy = await reportOf(stage, scenario, healthyMarks);

  await mend(scene, injury);
  await sleep(MENDED_MS);
  const outcomes = parts.map((part) => partOutcome(part, marks.get(part)!, injury, bounds.get(part)!, record));
  await lost.close();
  return {
    parts: outcomes,
    ...survived,
    healthy,
    commandsFlow: await commandsFlow(stage),
    problems,
  };
}

async function move({ stage, lost }: Scene, { motion }: Scenario): Promise<void> {
  if (motion === "both") return void (await within(MOTION_LIMIT_MS, "no motion", moveBoth(stage.robot, lost)));
  const { main } = stage.robot;
  const from = main.devices.all().length;
  await within(MOTION_LIMIT_MS, "no answer", lost.drive(0.4));
  await main.devices.came("power at the left wheel", (line) => line.device === "left" && !isStop(line), from);
}

/** On a line that loses a third of what it carries the session may end at any moment, and its calls with it: once more. */
async function moveAtLast(scene: Scene, scenario: Scenario): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await move(scene, scenario);
    } catch (error) {
      if (attempt === SET_UP_ATTEMPTS) throw error;
    }
    await scene.lost.redial().catch(() => undefined);
  }
}

/** The last word to each moving device was no stop. */
const isMoving = (part: RigPart): boolean => {
  const lines = part.devices.all();
  return MOVED[part.name]!.every((device) => {
    const last = lines.findLast((line) => line.device === device);
    return last !== undefined && !isStop(last);
  });
};

/** The session that moves the base. */
function sessionOf({ robot, network }: Stage): Promise<SessionView> {
  return until("the lost client's session is seen to own the base", async () =>
    (await robot.snapshot()).sessions.find(
      ({ remoteAddress, resources }) =>
        remoteAddress.startsWith(`${network.addresses[LOST]}:`) && resources.includes("main:base"),
    ),
  );
}

const boundOf = (scenario: Scenario, { stage, windowMs, client, session }: Scene, { name }: RigPart): Bound =>
  scenario.bound(name, { windowMs, quietLimitMs: stage.quietLimitMs, client, session });

/** Lets the session live through trouble; motions that a suspension has ended are commanded anew. */
async function survive(
  scene: Scene,
  scenario: Scenario,
  session: SessionView,
): Promise<Pick<Outcome, "suspensions" | "falseEnds">> {
  const { trouble } = scenario;
  if (!trouble) return { suspensions: 0, falseEnds: 0 };
  const { stage, windowMs } = scene;
  await trouble.inflict(scene);
  await sleep(trouble.windows * windowMs);
  const records = (await stage.robot.ends()).filter((end) => end.session === session.id);
  const ended = records.some(({ what }) => what === "end");
  const suspensions = records.filter(({ what }) => what !== "end").length;
  if (ended) await scene.lost.redial().catch(() => undefined);
  return { suspensions, falseEnds: ended && !trouble.mayEnd?.(windowMs) ? 1 : 0 };
}

async function allStopped(parts: readonly RigPart[], marks: Marks, untilMs: number): Promise<void> {
  while (monotonicMs() < untilMs && !parts.every((part) => firstStops(part, marks.get(part)!).every(Boolean))) {
    await sleep(10);
  }
}

const firstStops = (part: RigPart, from: number) => {
  const lines = part.devices.after(from);
  return MOVED[part.name]!.map((device) => lines.find((line) => line.device === device && isStop(line)));
};

function partOutcome(
  part: RigPart,
  from: number,
  injury: Injury,
  bound: Bound,
  record: EndView | undefined,
): PartOutcome {
  const lines = part.devices.after(from);
  const stops = firstStops(part, from);
  const stoppedAt = Math.max(...stops.map((stop) => stop?.t ?? Infinity));
  const actedAfter = actsAfterStop(lines.filter(({ device }) => MOVED[part.name]!.includes(device)));
  return {
    part: part.name,
    stoppedAfterMs: stoppedAt - injury.at,
    afterLastSignMs: record && stoppedAt < Infinity ? stoppedAt - toMonotonicMs(record.at) : undefined,
    bound,
    actedAfter,
  };
}

/** An instant of the wall clock on CLOCK_MONOTONIC: the gateway that told it runs on this machine. */
const toMonotonicMs = (instant: string) => Date.parse(instant) - (Date.now() - monotonicMs());

/** What the gateway noted of the stop: undefined where it noted nothing, or is gone or frozen itself. */
async function recordOf({ robot }: Stage, session: string): Promise<EndView | undefined> {
  const answer = await fetch(`${robot.url}/vigil/v1/ends`, { signal: AbortSignal.timeout(500) }).catch(() => undefined);
  if (!answer?.ok) return undefined;
  return ((await answer.json()) as EndView[]).find((end) => end.session === session);
}

async function reportOf({ robot, steady }: Stage, { unharmed }: Scenario, marks: Marks): Promise<Noticed> {
  const stopped = robot.parts
    .filter(({ name }) => unharmed.motors.includes(name))
    .flatMap((part) =>
      part.devices.after(marks.get(part)!).filter((l) => l.device === spareOf(part.name) && isStop(l)),
    );
  const report = (await steady.perform("report")) as Omit<Noticed, "stopped">;
  return { ...report, stopped: stopped.length };
}

async function mend({ stage, lost }: Scene, injury: Injury): Promise<void> {
  await injury.mend?.();
  await stage.wire.clear();
  // A frozen client wakes up and finds its session gone; a dead one does not mind.
  wake(lost);
}

function wake(client: Client): void {
  try {
    client.signal("SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Another client commands both parts until they obey. */
async function commandsFlow({ robot, steady }: Stage): Promise<boolean> {
  const marks = mark(robot);
  let refusal = "";
  try {
    await until(
      "new commands are obeyed",
      () =>
        steady.perform("command").then(
          () => true,
          (error: Error) => {
            refusal = error.message;
            return false;
          },
        ),
      FLOW_PATIENCE_MS,
    );
    await Promise.all(
      robot.parts.map((part) =>
        part.devices.came(
          `motion of ${part.name}`,
          (line) => MOVED[part.name]!.includes(line.device) && !isStop(line),
          marks.get(part),
        ),
      ),
    );
    // Whoever comes next takes the motion over anyway.
    await steady.perform("stopAll").catch(() => undefined);
    return true;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}; last: ${refusal}\n`);
    return false;
  }
}
