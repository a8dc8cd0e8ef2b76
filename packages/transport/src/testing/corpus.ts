import { readFileSync } from "node:fs";
import fc from "fast-check";

/** What peers are fed with, kept in `corpus/`: real messages of connections that are over, and those that break readers. */
export interface CorpusEntry {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Datagrams by protocol, SCTP chunks without their packet, texts on the negotiation channel. */
export type CorpusKind = "dtls" | "stun" | "sctp" | "frames";

export function readCorpus(kind: CorpusKind): CorpusEntry[] {
  const text = readFileSync(new URL(`../../corpus/${kind}.hex`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const colon = line.lastIndexOf(": ");
      return { name: line.slice(0, colon), bytes: Buffer.from(line.slice(colon + 2), "hex") };
    });
}

/** Of the mutations of a run; `FUZZ_SEED` gives another one. A failing test names its seed, and so can be run again. */
export const FUZZ_SEED = Number(process.env.FUZZ_SEED ?? 20_240_601);

type Edit = {
  readonly kind: "flip" | "set" | "length" | "cut" | "insert" | "double";
  readonly at: number;
  readonly value: number;
};

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom("flip", "set", "length", "cut", "insert", "double"),
  at: fc.nat(1500),
  value: fc.nat(255),
});

/** Entries with one to four bytes, lengths or ends of theirs changed. */
export function mutationsOf(entries: readonly CorpusEntry[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...entries), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([{ bytes }, edits]) => edits.reduce(apply, bytes));
}

function apply(bytes: Buffer, { kind, at, value }: Edit): Buffer {
  if (bytes.length === 0) return Buffer.of(value);
  const place = at % bytes.length;
  const changed = Buffer.from(bytes);
  switch (kind) {
    case "flip":
      changed[place]! ^= 1 << (value % 8);
      return changed;
    case "set":
      changed[place] = value;
      return changed;
    case "length":
      // Most lengths of these protocols are 16 bits wide.
      if (place + 2 <= changed.length) changed.writeUInt16BE(value < 128 ? value : 65_535 - value, place);
      return changed;
    case "cut":
      return changed.subarray(0, place);
    case "insert":
      return Buffer.concat([changed.subarray(0, place), Buffer.of(value), changed.subarray(place)]);
    case "double":
      return Buffer.concat([changed, changed.subarray(place)]);
  }
}
