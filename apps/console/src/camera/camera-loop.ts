import type { CameraClient } from "@viamrobotics/sdk";
import type { Clock, Timer } from "@vigil/shared";
import { within } from "../time/within.js";

/** Five pictures a second: enough to drive by at walking pace, little enough to leave the link to commands. */
const PERIOD_MS = 200;
/** After an error: a camera that fails is not asked five times a second. */
const ERROR_PAUSE_MS = 2_000;
const ANSWER_LIMIT_MS = 4_000;

export interface CameraLoop {
  close(): void;
}

/** Asks for the newest picture, one request at a time, until closed. */
export function createCameraLoop(
  clock: Clock,
  camera: CameraClient,
  show: (image: ImageBitmap) => void,
  onError: (error: unknown) => void,
): CameraLoop {
  let closed = false;
  let timer: Timer | undefined;

  async function turn(): Promise<void> {
    const startedMs = clock.now();
    let pauseMs = PERIOD_MS;
    try {
      const { images } = await within(clock, ANSWER_LIMIT_MS, "the camera", camera.getImages());
      const first = images[0];
      if (first === undefined) throw new Error("the camera returned no image");
      const bitmap = await decode(first.image, first.mimeType);
      if (closed) bitmap.close();
      else show(bitmap);
    } catch (error) {
      if (closed) return;
      pauseMs = ERROR_PAUSE_MS;
      onError(error);
    }
    if (!closed) timer = clock.after(pauseMs - (clock.now() - startedMs), () => void turn());
  }
  void turn();

  return {
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** Viam's raw format: the text "RGBA", width and height as big-endian uint32, then the pixels. */
const RAW_TYPE = "image/vnd.viam.rgba";
const RAW_HEAD_BYTES = 12;

async function decode(image: Uint8Array, mimeType: string): Promise<ImageBitmap> {
  if (mimeType !== RAW_TYPE) return createImageBitmap(new Blob([new Uint8Array(image)], { type: mimeType }));
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const [width, height] = [view.getUint32(4), view.getUint32(8)];
  const pixels = new Uint8ClampedArray(image.subarray(RAW_HEAD_BYTES, RAW_HEAD_BYTES + width * height * 4));
  return createImageBitmap(new ImageData(pixels, width, height));
}
