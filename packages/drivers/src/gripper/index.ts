import { defineComponent } from "../component.js";
import { GripperService } from "../gen/gripper/gripper_pb.js";
import { fakeGripper } from "./fake-gripper.js";
import { gripperHandlers } from "./handlers.js";

export type { Gripper } from "./gripper.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "gripper" },
  service: GripperService,
  methods: {
    Open: "move",
    Grab: "move",
    GoToInputs: "move",
    Stop: "stop",
    IsMoving: "read",
    IsHoldingSomething: "read",
    GetCurrentInputs: "read",
    GetKinematics: "read",
    GetStatus: "read",
    GetGeometries: "read",
    DoCommand: "use",
  },
  rest: {
    Open: "PUT /component/gripper/{name}/open",
    Grab: "PUT /component/gripper/{name}/grab",
    Stop: "POST /component/gripper/{name}/stop",
    IsMoving: "GET /component/gripper/{name}/is_moving",
    IsHoldingSomething: "GET /component/gripper/{name}/is_holding_something",
    GetCurrentInputs: "GET /component/gripper/{name}/inputs",
    GoToInputs: "PUT /component/gripper/{name}/inputs",
    GetKinematics: "GET /component/gripper/{name}/kinematics",
    DoCommand: "POST /component/gripper/{name}/do_command",
    GetStatus: "GET /component/gripper/{name}/get_status",
    GetGeometries: "GET /component/gripper/{name}/geometries",
  },
  handlers: gripperHandlers,
  models: [fakeGripper],
});
