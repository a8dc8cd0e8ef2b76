import { defineComponent } from "../component.js";
import { MotorService } from "../gen/motor/motor_pb.js";
import { fakeMotor } from "./fake-motor.js";
import { motorHandlers } from "./handlers.js";
import { remoteMotor } from "./remote-motor.js";

export type { Motor } from "./motor.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "motor" },
  service: MotorService,
  methods: {
    SetPower: "move_endless",
    SetRPM: "move_endless",
    GoFor: "move",
    GoTo: "move",
    Stop: "stop",
    GetPosition: "read",
    GetProperties: "read",
    IsPowered: "read",
    IsMoving: "read",
    GetStatus: "read",
    GetGeometries: "read",
    ResetZeroPosition: "use",
    DoCommand: "use",
  },
  handlers: motorHandlers,
  models: [fakeMotor, remoteMotor],
});
