/** A connected client, as admission sees it: a WebRTC peer, a direct gRPC connection, or a browser's pool of them. */
export interface Client {
  /** Unique in this gateway; also names it to the parts (R6). */
  readonly id: string;
  readonly carrier: "webrtc" | "grpc" | "grpc-web";
  /** "ip:port" */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Who it is; undefined without authentication. */
  readonly entity: string | undefined;
  /** Part whose host ("part.robot") it dialled. */
  readonly home: string | undefined;
  /** What it says it is (viam_client); set by its first call that says so. */
  software: string | undefined;
  /** Ends the connection: from now on nothing that is queued in it is heard (R6). */
  cut(): void;
  /** It has been cut and only hears its farewell: TypeScript never settles a call whose trailers it does not get. */
  readonly isCut?: boolean;
}
