import { commonHandlers } from "../common-handlers.js";
import { defineComponent } from "../component.js";
import { SensorService } from "../gen/sensor/sensor_pb.js";
import { toValues } from "../struct.js";
import { fakeSensor } from "./fake-sensor.js";

export type { Sensor } from "./sensor.js";

export const component = defineComponent({
  api: { namespace: "rdk", type: "component", subtype: "sensor" },
  service: SensorService,
  methods: { GetReadings: "read", GetStatus: "read", GetGeometries: "read", DoCommand: "use" },
  rest: {
    GetReadings: "GET /component/sensor/{name}/readings",
    DoCommand: "POST /component/sensor/{name}/do_command",
    GetStatus: "GET /component/sensor/{name}/get_status",
    GetGeometries: "GET /component/sensor/{name}/geometries",
  },
  handlers: {
    ...commonHandlers,
    async getReadings(sensor, { extra }) {
      return { readings: toValues(await sensor.readings(extra ?? {})) };
    },
  },
  models: [fakeSensor],
});
