import { VigilError } from "@vigil/shared";

/** The error for what a model cannot do. */
export function unsupported(resource: string, what: string): VigilError {
  return new VigilError("no_method", `${what} is not supported by "${resource}": its model does not have it`);
}

/** A `doCommand` for models without commands of their own. */
export function noCommands(resource: string): () => Promise<never> {
  return () => Promise.reject(unsupported(resource, "DoCommand"));
}
