// Loaded with --import: lets every import of the safety core reach the copy that VIGIL_SAFETY names, a mutated one.
import { register } from "node:module";

const copy = process.env.VIGIL_SAFETY;
const hooks = `
export async function resolve(specifier, context, next) {
  if (specifier === "@vigil/safety") return next(${JSON.stringify(`${copy}index.js`)}, context);
  const fromCopy = context.parentURL?.startsWith(${JSON.stringify(copy)}) && !specifier.startsWith(".");
  return next(specifier, fromCopy ? { ...context, parentURL: ${JSON.stringify(import.meta.url)} } : context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
