import { VigilError } from "@vigil/shared";
import { readAttributes } from "../attributes.js";
import { FAKE_NAMES } from "../fake/names.js";
import { pause } from "../fake/pause.js";
import { isPictured } from "../fake/portrait.js";
import type { BuildContext, Model } from "../resource.js";
import { noCommands } from "../unsupported.js";
import type { Camera, CameraImages } from "./camera.js";
import { encodePng } from "./png.js";
import { drawRobot, PALETTE } from "./robot-picture.js";

const WIDTH_PX = 640;
const HEIGHT_PX = 480;
/** A picture costs some milliseconds of processor time: enough for a smooth view, too few to starve the guard. */
const DEFAULT_FRAME_RATE_HZ = 10;
const MAX_FRAME_RATE_HZ = 30;
const SOURCE_NAME = "color";

/**
 * A camera above the robot: draws, when it is asked, everything of its part that can be drawn, as it is then.
 * Attributes: `watch` (names of what it draws; absent: all), `frame_rate` (at most so many pictures a second; who asks
 * sooner waits for the next one).
 */
export const fakeCamera: Model<Camera> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeCamera };

function createFakeCamera(context: BuildContext): Camera {
  const { name, clock } = context;
  const read = readAttributes(name, context.attributes);
  const frameRateHz = read.number("frame_rate", DEFAULT_FRAME_RATE_HZ, { min: 0.1, max: MAX_FRAME_RATE_HZ });
  const watch = new Set(read.names("watch"));
  const periodMs = 1000 / frameRateHz;
  let nextFrameMs = clock.now();
  let coming: Promise<CameraImages> | undefined;

  const draw = async (): Promise<CameraImages> => {
    await pause(clock, nextFrameMs - clock.now());
    nextFrameMs = clock.now() + periodMs;
    // Who asks from here on has missed this frame: it shows the robot as it was before he asked.
    coming = undefined;
    const capturedAtMs = clock.wall();
    const parts = [...context.all()].filter(isPictured).filter((part) => watch.size === 0 || watch.has(part.name));
    const data = await encodePng(drawRobot(parts, WIDTH_PX, HEIGHT_PX), PALETTE);
    return { images: [{ sourceName: SOURCE_NAME, mimeType: "image/png", data }], capturedAtMs };
  };

  return {
    name,
    drives: [],
    async images(sourceNames) {
      if (new Set(sourceNames).size < sourceNames.length) {
        throw new VigilError("bad_request", "filter_source_names has a name twice: send each name once");
      }
      coming ??= draw();
      return coming;
    },
    properties: async () => ({
      mimeTypes: ["image/png"],
      widthPx: WIDTH_PX,
      heightPx: HEIGHT_PX,
      frameRateHz,
    }),
    doCommand: noCommands(name),
    async close() {},
  };
}
