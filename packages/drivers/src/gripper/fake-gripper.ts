import { VigilError } from "@vigil/shared";
import { readAttributes } from "../attributes.js";
import { createActuator } from "../fake/actuator.js";
import { FAKE_NAMES } from "../fake/names.js";
import type { Portrait } from "../fake/portrait.js";
import { createSimulatedJoints, travelMs } from "../fake/simulated-joints.js";
import type { Act, BuildContext, Model } from "../resource.js";
import { noCommands } from "../unsupported.js";
import { within } from "../values.js";
import type { Gripper } from "./gripper.js";

/** A medium-sized parallel gripper. */
const DEFAULT_STROKE_MM = 100;
const DEFAULT_SPEED_MM_PER_SEC = 100;
/** Something lies between the jaws unless the configuration takes it away. */
const DEFAULT_OBJECT_MM = 40;
const PALM_MM = 60;

/**
 * Jaws that move in memory, open at first. Attributes: `stroke_mm` (how far they open), `speed_mm_per_sec`,
 * `object_mm` (width of what lies between them; 0: nothing), and those of every fake. Input: the opening in mm.
 */
export const fakeGripper: Model<Gripper> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeGripper };

function createFakeGripper(context: BuildContext): Gripper {
  const { name, clock } = context;
  const read = readAttributes(name, context.attributes);
  const strokeMm = read.number("stroke_mm", DEFAULT_STROKE_MM, { min: 1, max: 10_000 });
  const speed = read.number("speed_mm_per_sec", DEFAULT_SPEED_MM_PER_SEC, { min: 0.001, max: 100_000 });
  const objectMm = read.number("object_mm", Math.min(DEFAULT_OBJECT_MM, strokeMm / 2), { min: 0, max: strokeMm });
  const actuator = createActuator(context);
  const jaws = createSimulatedJoints(clock, [strokeMm]);
  const openingMm = () => jaws.positions()[0]!;
  const isHolding = () => objectMm > 0 && openingMm() <= objectMm;

  const moveTo = async (wantedMm: number, act: Act) => {
    // What lies between the jaws stops them: there they hold it.
    const targetMm = Math.max(wantedMm, objectMm);
    const endsAtMs = clock.now() + travelMs([openingMm()], [targetMm], speed);
    await actuator.follow(act, {
      step: () =>
        actuator.continue(act, {
          name: "move_to",
          args: { opening_mm: wantedMm },
          apply: () => jaws.moveTo([targetMm], endsAtMs),
        }),
      remainingMs: () => endsAtMs - clock.now(),
    });
  };

  const gripper: Gripper & { portrait(): Portrait } = {
    name,
    drives: [],
    open: (_extra, act) => moveTo(strokeMm, act),
    async grab(_extra, act) {
      await moveTo(0, act);
      return isHolding();
    },
    isHolding: async () => isHolding(),
    currentInputs: async () => [openingMm()],
    async goToInputs(values, _extra, act) {
      const [wantedMm, ...rest] = values;
      if (wantedMm === undefined || rest.length > 0) {
        throw new VigilError("bad_request", `"${name}" has 1 input, not ${values.length}: send its opening in mm`);
      }
      await moveTo(within(wantedMm, `the opening of "${name}"`, 0, strokeMm, "mm"), act);
    },
    kinematics: async () => ({
      name,
      kinematic_param_type: "SVA",
      links: [{ id: "palm", parent: "world", translation: { x: 0, y: 0, z: PALM_MM } }],
      joints: [{ id: "jaws", type: "prismatic", parent: "palm", axis: { x: 1, y: 0, z: 0 }, min: 0, max: strokeMm }],
    }),
    stop: () => actuator.halt(jaws.hold),
    hold: () => actuator.halt(jaws.hold, "hold"),
    emergencyStop: actuator.emergencyStop,
    isMoving: async () => jaws.isMoving(),
    geometries: async () => [
      {
        label: name,
        center: { x: 0, y: 0, z: PALM_MM / 2 },
        solid: { kind: "box", x: strokeMm, y: PALM_MM, z: PALM_MM },
      },
    ],
    doCommand: noCommands(name),
    close: async () => actuator.close(),
    portrait: () => ({ kind: "gripper", openingFraction: openingMm() / strokeMm, holding: isHolding() }),
  };
  return gripper;
}
