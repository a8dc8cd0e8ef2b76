/**
 * Frames worth trying at every reader: real ones, and those that break readers. Hex; both directions are fed with all of
 * them.
 */
export const FRAME_CORPUS: Readonly<Record<string, string>> = {
  "headers of stream 0": "0a00120f0a0d2f612e422f4d6574686f644e616d",
  "headers with metadata and timeout": "0a0208011217" + "0a042f612f62" + "120b0a090a016b12040a02763112" + "1a020801",
  "whole unary request": "0a001a0808011204" + "0a020a00" + "1001",
  "empty message, eom": "0a001a060801120210011801",
  "bare eos": "0a001a021801",
  reset: "0a0208012001",
  "reset that is false": "0a0208012000",
  "response headers without metadata": "0a001200",
  "response message": "0a001a090a070a03616263" + "1001",
  "trailers OK": "0a0022020a00",
  "trailers with an error": "0a00220a0a080802120461726d21",
  "trailers with details": "0a0022130a110805120261621a090a01611204deadbeef",
  "stream only": "0a00",
  "stream twice, merged": "0a0208050a001a021801",
  "oneof changes its mind": "0a001202" + "0a00" + "1a021801" + "2001",
  "length to the very end and one more": "0a001a05080112021002",
  "packet whose length lies": "0a001a0808011205" + "0aff7f1001",
  "stream id 2^53 - 1": "0a0808ffffffffffffff0f",
  "stream id 2^64 - 1": "0a0b08ffffffffffffffffff01",
  "overlong varints": "8a80800000" + "9a8000028018" + "8100",
  "eleven-byte varint": "0a0d08ffffffffffffffffffffff01",
  "field number 0": "0200",
  "field number 2^29 - 1": "0a00f8ffffff0f01",
  "tag beyond 32 bits": "0a00f8ffffffff7f01",
  "nested groups": "0a003b3b3b3c3c3c",
  "wrong wire type for the stream": "08001a021801",
  "wrong wire type for the reset": "0a00220101",
  "text that is not UTF-8": "0a001206" + "0a04c328c328",
  "timeout of minus one second": "0a00120d1a0b08ffffffffffffffffff01",
  "timeout of 2^63 seconds": "0a00120d1a0b08ffffffffffffffff7f10ffffff",
  "metadata under __proto__": "0a001213" + "12110a0f0a095f5f70726f746f5f5f12020a00",
  "metadata entry without key and value": "0a00120412020a00",
};

export function corpusFrames(): Uint8Array[] {
  return Object.values(FRAME_CORPUS).map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
}
