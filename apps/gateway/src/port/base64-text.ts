/** Decodes the body of `application/grpc-web-text`: base64 in pieces of any size, each of which may bring its padding. */
export interface Base64Decoder {
  push(chunk: Uint8Array): Buffer;
  /** False when the text was cut within a group of four. */
  end(): boolean;
}

export function createBase64Decoder(): Base64Decoder {
  let rest = "";
  return {
    push(chunk) {
      const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
      const whole = text.length - (text.length % 4);
      rest = text.slice(whole);
      // Padding may stand at the end of any group; Node's decoder stops at it, so each padded run is decoded alone.
      const runs = text.slice(0, whole).match(/[^=]+={0,2}/g) ?? [];
      return Buffer.concat(runs.map((run) => Buffer.from(run, "base64")));
    },
    end: () => rest === "",
  };
}
