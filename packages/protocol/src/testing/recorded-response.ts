import type { Metadata, ResponseSink, Status } from "../call.js";

/** A response sink that keeps what it was given. */
export interface RecordedResponse extends ResponseSink {
  readonly headersSeen: Metadata[];
  readonly messages: Uint8Array[];
  readonly ends: { status: Status; metadata: Metadata | undefined }[];
}

export function recordResponse(): RecordedResponse {
  const headersSeen: Metadata[] = [];
  const messages: Uint8Array[] = [];
  const ends: RecordedResponse["ends"] = [];
  return {
    headersSeen,
    messages,
    ends,
    headers: (metadata) => headersSeen.push(metadata),
    message: (bytes) => messages.push(bytes),
    trailers: (status, metadata) => ends.push({ status, metadata }),
  };
}
