import { VigilError } from "@vigil/shared";

/**
 * Passes a finite number through.
 * @throws VigilError("bad_request") for NaN and infinities: they survive the wire, and hardware makes of them what it
 * likes.
 */
export function finite(value: number, what: string): number {
  if (Number.isFinite(value)) return value;
  throw new VigilError("bad_request", `${what} is ${value}: send a finite number`);
}

/** Passes a number within [min, max] through. @throws VigilError("bad_request") */
export function within(value: number, what: string, min: number, max: number, unit: string): number {
  finite(value, what);
  if (value >= min && value <= max) return value;
  throw new VigilError("bad_request", `${what} is ${value}: send a number from ${min} to ${max}${unit && ` ${unit}`}`);
}

/** Passes a finite number other than zero through. @throws VigilError("bad_request") */
export function nonZero(value: number, what: string): number {
  finite(value, what);
  if (value !== 0) return value;
  throw new VigilError("bad_request", `${what} is 0: send a number other than 0, or call Stop to end a motion`);
}

/** Every value of a list finite. @throws VigilError("bad_request") that names the index. */
export function finiteList(values: readonly number[], what: string): readonly number[] {
  values.forEach((value, index) => {
    finite(value, `${what}[${index}]`);
  });
  return values;
}
