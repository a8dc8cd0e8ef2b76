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
  rest: {
    GetImages: "GET /component/camera/{name}/images",
    GetPointCloud: "GET /component/camera/{name}/point_cloud",
    GetProperties: "GET /component/camera/{name}/properties",
    DoCommand: "POST /component/camera/{name}/do_command",
    GetStatus: "GET /component/camera/{name}/get_status",
    GetGeometries: "GET /component/camera/{name}/geometries",
  },
  handlers: cameraHandlers,
  models: [fakeCamera],
});
