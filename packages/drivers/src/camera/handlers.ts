import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { commonHandlers } from "../common-handlers.js";
import type { Handlers } from "../component.js";
import type { CameraService } from "../gen/camera/camera_pb.js";
import { unsupported } from "../unsupported.js";
import type { Camera } from "./camera.js";

export const cameraHandlers: Handlers<Camera, typeof CameraService> = {
  ...commonHandlers,
  async getImages(camera, { filterSourceNames, extra }) {
    const { images, capturedAtMs } = await camera.images(filterSourceNames, extra ?? {});
    return {
      images: images.map(({ sourceName, mimeType, data }) => ({ sourceName, mimeType, image: data })),
      responseMetadata: { capturedAt: timestampFromMs(capturedAtMs) },
    };
  },
  async getPointCloud(camera, { mimeType, extra }) {
    if (!camera.pointCloud) throw unsupported(camera.name, "GetPointCloud");
    const cloud = await camera.pointCloud(mimeType, extra ?? {});
    return { mimeType: cloud.mimeType, pointCloud: cloud.data };
  },
  async getProperties(camera) {
    const { mimeTypes, widthPx, heightPx, frameRateHz } = await camera.properties();
    return {
      supportsPcd: camera.pointCloud !== undefined,
      mimeTypes: [...mimeTypes],
      frameRate: frameRateHz,
      intrinsicParameters: { widthPx, heightPx },
    };
  },
};
