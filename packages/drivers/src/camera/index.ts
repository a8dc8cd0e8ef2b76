import { defineComponent } from "../component.js";
import { CameraService } from "../gen/camera/camera_pb.js";
import { fakeCamera } from "./fake-camera.js";
import { cameraHandlers } from "./handlers.js";

export type { Camera, CameraImage, CameraImages, CameraProperties } from "./camera.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "camera" },
  service: CameraService,
  methods: {
    GetImages: "read",
    GetPointCloud: "read",
    GetProperties: "read",
    GetStatus: "read",
    GetGeometries: "read",
    DoCommand: "use",
  },
  handlers: cameraHandlers,
  models: [fakeCamera],
});
