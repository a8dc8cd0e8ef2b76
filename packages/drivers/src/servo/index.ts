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
  handlers: servoHandlers,
  models: [fakeServo],
});
