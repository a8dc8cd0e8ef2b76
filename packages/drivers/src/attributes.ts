import { VigilError } from "@vigil/shared";
import type { Attributes } from "./resource.js";

/** Bounds of a number, both inclusive. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Reads configuration attributes; every complaint names the resource, the attribute and what would be right. */
export interface AttributeReader {
  number(key: string, fallback: number, bounds: Bounds): number;
  integer(key: string, fallback: number, bounds: Bounds): number;
  flag(key: string): boolean;
  text(key: string): string | undefined;
  /** One name or a list of names; absent is an empty list. */
  names(key: string): readonly string[];
}

/** @throws VigilError("bad_request") from its methods. */
export function readAttributes(resource: string, attributes: Attributes): AttributeReader {
  const complain = (key: string, wanted: string): never => {
    throw new VigilError(
      "bad_request",
      `attribute "${key}" of "${resource}" is ${ascii(attributes[key])}: give ${wanted} or leave it out`,
    );
  };
  const number = (key: string, fallback: number, { min, max }: Bounds, whole: boolean): number => {
    const value = attributes[key];
    if (value === undefined || value === null) return fallback;
    const fits = typeof value === "number" && value >= min && value <= max && (!whole || Number.isInteger(value));
    return fits ? value : complain(key, `a ${whole ? "whole " : ""}number from ${min} to ${max}`);
  };
  return {
    number: (key, fallback, bounds) => number(key, fallback, bounds, false),
    integer: (key, fallback, bounds) => number(key, fallback, bounds, true),
    flag(key) {
      const value = attributes[key];
      if (value === undefined || value === null) return false;
      return typeof value === "boolean" ? value : complain(key, "true or false");
    },
    text(key) {
      const value = attributes[key];
      if (value === undefined || value === null) return undefined;
      return typeof value === "string" && value !== "" ? value : complain(key, "a text");
    },
    names(key) {
      const value = attributes[key];
      if (value === undefined || value === null) return [];
      const list: readonly unknown[] = Array.isArray(value) ? value : [value];
      const names = list.filter((name) => typeof name === "string" && name !== "") as string[];
      return names.length === list.length ? names : complain(key, "the name of a resource, or a list of names");
    },
  };
}

/** A value as it may stand in an error message: JSON, shortened, ASCII only. */
function ascii(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return plain.length > 60 ? `${plain.slice(0, 57)}...` : plain;
}
