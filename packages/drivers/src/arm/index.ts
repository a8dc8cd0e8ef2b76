import { defineComponent } from "../component.js";
import { ArmService } from "../gen/arm/arm_pb.js";
import { fakeArm } from "./fake-arm.js";
import { armHandlers } from "./handlers.js";

export type { Arm, ArmMoveLimits, ArmPose, TrajectoryPoint } from "./arm.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "arm" },
  service: ArmService,
  methods: {
    MoveToPosition: "move",
    MoveToJointPositions: "move",
    MoveThroughJointPositions: "move",
    MoveThroughJointPositionsStreamed: "move",
    Stop: "stop",
    GetEndPosition: "read",
    GetJointPositions: "read",
    IsMoving: "read",
    GetKinematics: "read",
    Get3DModels: "read",
    GetManualMode: "read",
    GetProperties: "read",
    GetStatus: "read",
    GetGeometries: "read",
    SetManualMode: "use",
    DoCommand: "use",
  },
  handlers: armHandlers,
  models: [fakeArm],
});
