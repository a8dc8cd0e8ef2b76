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
  handlers: baseHandlers,
  models: [fakeBase],
});
