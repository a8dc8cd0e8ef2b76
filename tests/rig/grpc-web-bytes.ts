import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Fields of a message by their numbers: texts, numbers (double), bigints (int64 and its like), messages. */
export type Fields = readonly (readonly [number, string | number | bigint | Uint8Array])[];

export function message(fields: Fields): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of fields) {
    if (typeof value === "string") writer.tag(field, WireType.LengthDelimited).string(value);
    else if (typeof value === "bigint") writer.tag(field, WireType.Varint).int64(value);
    else if (typeof value === "number") writer.tag(field, WireType.Bit64).double(value);
    else writer.tag(field, WireType.LengthDelimited).bytes(value);
  }
  return writer.finish();
}

/** A gRPC-web call over HTTP/1.1 with all its messages, as a browser sends it. */
export function webCall(method: string, messages: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(
    messages.flatMap((bytes) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(bytes.length, 1);
      return [prefix, bytes];
    }),
  );
  const head = [
    `POST /${method} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/grpc-web+proto",
    `content-length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}
