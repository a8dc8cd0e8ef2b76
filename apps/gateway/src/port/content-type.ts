/** What a request's content type asks for. "grpc-other": gRPC in an encoding that nothing here speaks. */
export type CallType = "grpc" | "grpc-web" | "grpc-web-text" | "grpc-other";

const KNOWN: Readonly<Record<string, CallType>> = {
  "application/grpc": "grpc",
  "application/grpc+proto": "grpc",
  "application/grpc-web": "grpc-web",
  "application/grpc-web+proto": "grpc-web",
  "application/grpc-web-text": "grpc-web-text",
  "application/grpc-web-text+proto": "grpc-web-text",
};

/** The kind of call that a content type announces; undefined: no gRPC at all. */
export function callType(contentType: string | undefined): CallType | undefined {
  if (contentType === undefined) return undefined;
  const exact = KNOWN[contentType];
  if (exact) return exact;
  const plain = contentType.split(";", 1)[0]!.trim().toLowerCase();
  return KNOWN[plain] ?? (plain.startsWith("application/grpc") ? "grpc-other" : undefined);
}
