import { defineComponent } from "../component.js";
import { ServoService } from "../gen/servo/servo_pb.js";
import { fakeServo } from "./fake-servo.js";
import { servoHandlers } from "./handlers.js";

export type { Servo } from "./servo.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "servo" },
  service: ServoService,
  methods: {
    Move: "move",
    Stop: "stop",
    GetPosition: "read",
    IsMoving: "read",
    GetStatus: "read",
    GetGeometries: "read",
    DoCommand: "use",
  },
  rest: {
    Move: "PUT /component/servo/{name}/move",
    GetPosition: "GET /component/servo/{name}/position",
    Stop: "POST /component/servo/{name}/stop",
    IsMoving: "GET /component/servo/{name}/is_moving",
    DoCommand: "POST /component/servo/{name}/do_command",
    GetStatus: "GET /component/servo/{name}/get_status",
    GetGeometries: "GET /component/servo/{name}/geometries",
  },
  handlers: servoHandlers,
  models: [fakeServo],
});
