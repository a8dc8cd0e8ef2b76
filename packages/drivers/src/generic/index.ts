import { commonHandlers } from "../common-handlers.js";
import { defineComponent } from "../component.js";
import { GenericService } from "../gen/generic/generic_pb.js";
import { fakeGeneric } from "./fake-generic.js";

export type { Generic } from "./fake-generic.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "generic" },
  service: GenericService,
  methods: { GetStatus: "read", GetGeometries: "read", DoCommand: "use" },
  rest: {
    DoCommand: "POST /component/generic/{name}/do_command",
    GetStatus: "GET /component/generic/{name}/get_status",
    GetGeometries: "GET /component/generic/{name}/geometries",
  },
  handlers: commonHandlers,
  models: [fakeGeneric],
});
