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
  handlers: gripperHandlers,
  models: [fakeGripper],
});
