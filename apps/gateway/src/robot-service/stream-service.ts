import { type CallHandler, serveTyped } from "@vigil/protocol";
import { StreamService } from "@vigil/protocol/gen/proto/stream/v1/stream_pb.js";
import { type Clock, VigilError } from "@vigil/shared";
import type { Client } from "../admission/client.js";

/** Video tracks. No camera of this version offers one: pictures come through the camera service. */
export function createStreamService(deps: { readonly clock: Clock }): (client: Client) => CallHandler {
  return (client) =>
    serveTyped(
      StreamService,
      {
        listStreams: () => ({ names: [] }),
        addStream({ name }) {
          if (client.carrier !== "webrtc") {
            throw new VigilError("driver", "can only add a stream over a WebRTC based connection");
          }
          throw new VigilError("driver", `no stream for "${name}", available streams: []; poll GetImages instead`);
        },
        removeStream: () => ({}),
        getStreamOptions: () => ({ resolutions: [] }),
      },
      deps,
    );
}
