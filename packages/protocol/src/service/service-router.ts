import type { CallHandler } from "../call.js";
import { unimplemented } from "./serve-typed.js";

/** A method's path in parts: "/package.Service/Method". */
export interface MethodPath {
  readonly service: string;
  readonly method: string;
}

/** The parts of "/package.Service/Method"; undefined for any other text. */
export function parseMethodPath(path: string): MethodPath | undefined {
  const slash = path.indexOf("/", 1);
  if (path[0] !== "/" || slash < 2 || slash === path.length - 1 || path.indexOf("/", slash + 1) !== -1)
    return undefined;
  return { service: path.slice(1, slash), method: path.slice(slash + 1) };
}

/** Sends each call to the handler of its service, by full name; all others to `otherwise` (UNIMPLEMENTED by default). */
export function routeServices(
  handlers: Readonly<Record<string, CallHandler>>,
  otherwise: CallHandler = (start, response) => unimplemented(start.method)(start, response),
): CallHandler {
  const table = new Map(Object.entries(handlers));
  return (start, response) => {
    const path = parseMethodPath(start.method);
    return ((path && table.get(path.service)) ?? otherwise)(start, response);
  };
}
