import { defineComponent } from "../component.js";
import { BaseService } from "../gen/base/base_pb.js";
import { fakeBase } from "./fake-base.js";
import { baseHandlers } from "./handlers.js";

export type { Base } from "./base.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "base" },
  service: BaseService,
  methods: {
    SetPower: "move_endless",
    SetVelocity: "move_endless",
    MoveStraight: "move",
    Spin: "move",
    Stop: "stop",
    GetProperties: "read",
    IsMoving: "read",
    GetStatus: "read",
    GetGeometries: "read",
    DoCommand: "use",
  },
  rest: {
    MoveStraight: "POST /component/base/{name}/move_straight",
    Spin: "POST /component/base/{name}/spin",
    SetPower: "POST /component/base/{name}/set_power",
    SetVelocity: "POST /component/base/{name}/set_velocity",
    Stop: "POST /component/base/{name}/stop",
    IsMoving: "GET /component/base/{name}/is_moving",
    GetProperties: "GET /component/base/{name}/properties",
    DoCommand: "POST /component/base/{name}/do_command",
    GetStatus: "GET /component/base/{name}/get_status",
    GetGeometries: "GET /component/base/{name}/geometries",
  },
  handlers: baseHandlers,
  models: [fakeBase],
});
