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
  rest: {
    GetEndPosition: "GET /component/arm/{name}/position",
    MoveToPosition: "PUT /component/arm/{name}/position",
    GetJointPositions: "GET /component/arm/{name}/joint_positions",
    MoveToJointPositions: "PUT /component/arm/{name}/joint_positions",
    MoveThroughJointPositions: "POST /component/arm/{name}/move_through_joint_positions",
    Stop: "POST /component/arm/{name}/stop",
    IsMoving: "GET /component/arm/{name}/is_moving",
    GetKinematics: "GET /component/arm/{name}/kinematics",
    Get3DModels: "GET /component/arm/{name}/3d_models",
    SetManualMode: "PUT /component/arm/{name}/manual_mode",
    GetManualMode: "GET /component/arm/{name}/manual_mode",
    GetProperties: "GET /component/arm/{name}/features",
    DoCommand: "POST /component/arm/{name}/do_command",
    GetStatus: "GET /component/arm/{name}/get_status",
    GetGeometries: "GET /component/arm/{name}/geometries",
  },
  handlers: armHandlers,
  models: [fakeArm],
});
