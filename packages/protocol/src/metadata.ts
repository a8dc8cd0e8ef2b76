import { type Metadata, NO_METADATA } from "./call.js";

/** What {@link createMetadata} accepts: a value, several under one key, or undefined for a key to leave out. */
export type MetadataInit = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Metadata from a plain object; keys become lower case, as gRPC wants them. */
export function createMetadata(init: MetadataInit): Metadata {
  const metadata = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(init)) {
    if (value === undefined) continue;
    addValues(metadata, key, typeof value === "string" ? [value] : value);
  }
  return metadata;
}

/** The first value under `key` (lower case), or undefined. */
export function firstValue(metadata: Metadata, key: string): string | undefined {
  return metadata.get(key)?.[0];
}

/** A copy with `changes` put over it; a key whose value is undefined is left out. */
export function withMetadata(metadata: Metadata, changes: MetadataInit): Metadata {
  const changed = new Map(metadata);
  for (const key of Object.keys(changes)) changed.delete(key.toLowerCase());
  for (const [key, values] of createMetadata(changes)) changed.set(key, values);
  return changed;
}

/** Both as one; under a key that both have the values of `first` come first. */
export function joinMetadata(first: Metadata, second: Metadata): Metadata {
  if (first.size === 0) return second;
  if (second.size === 0) return first;
  const joined = new Map(first);
  for (const [key, values] of second) addValues(joined, key, values);
  return joined;
}

/** Adds values under the lower-case form of `key`, after those that are there. */
export function addValues(metadata: Map<string, readonly string[]>, key: string, values: readonly string[]): void {
  const lower = key.toLowerCase();
  const there = metadata.get(lower);
  metadata.set(lower, there === undefined ? values : [...there, ...values]);
}

/** `NO_METADATA` for an empty map, else the map: spares the comparison at every carrier. */
export function metadataOf(map: ReadonlyMap<string, readonly string[]>): Metadata {
  return map.size === 0 ? NO_METADATA : map;
}
