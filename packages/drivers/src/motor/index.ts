import { defineComponent } from "../component.js";
import { MotorService } from "../gen/motor/motor_pb.js";
import { fakeMotor } from "./fake-motor.js";
import { motorHandlers } from "./handlers.js";
import { odriveMotor } from "./odrive/odrive-motor.js";
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
  rest: {
    SetPower: "PUT /component/motor/{name}/power",
    GoFor: "PUT /component/motor/{name}/go_for",
    GoTo: "PUT /component/motor/{name}/go_to",
    SetRPM: "PUT /component/motor/{name}/set_rpm",
    ResetZeroPosition: "PUT /component/motor/{name}/zero",
    GetPosition: "GET /component/motor/{name}/position",
    GetProperties: "GET /component/motor/{name}/features",
    Stop: "PUT /component/motor/{name}/stop",
    IsPowered: "GET /component/motor/{name}/powered",
    IsMoving: "GET /component/motor/{name}/is_moving",
    DoCommand: "POST /component/motor/{name}/do_command",
    GetStatus: "GET /component/motor/{name}/get_status",
    GetGeometries: "GET /component/motor/{name}/geometries",
  },
  handlers: motorHandlers,
  models: [fakeMotor, odriveMotor, remoteMotor],
});
