import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import type { ConfigContext } from "./config-context.js";
import { createProblemList, type Path, type ProblemList } from "./problem.js";

/** Largest file that is read: far above any real robot, and small enough that a wrong file cannot eat the memory. */
const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
/** Deepest nesting: real files reach about 10; the steps after parsing recurse, so that depth must be bounded. */
const MAX_CONFIG_DEPTH = 100;

/** A parsed file: its value (absent when it could not be parsed), and where its problems are collected. */
export interface ParsedFile {
  readonly value?: unknown;
  readonly problems: ProblemList;
}

/** `${VAR}` is replaced as Viam does: in the raw text, before it is parsed; unset is empty (compat.md, section 1). */
const VARIABLE = /\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g;

/** Parses JSON with comments and trailing commas, after the environment has been put in. Never throws. */
export function readJson(text: string, context: Pick<ConfigContext, "env">): ParsedFile {
  if (text.length > MAX_CONFIG_BYTES) {
    return refused(`the file has ${text.length} characters, more than ${MAX_CONFIG_BYTES}: is it a config file?`);
  }
  const unset = new Set<string>();
  const substituted = text.replace(VARIABLE, (_, name: string, fallback: string | undefined) => {
    const value = context.env[name];
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
    if (value === undefined) unset.add(name);
    return value ?? "";
  });
  const parsed = parse(substituted);
  for (const name of unset) {
    parsed.problems.add(
      "warning",
      [],
      `the environment variable ${name} is not set, so \${${name}} became empty: set it, or write \${${name}:-default}`,
    );
  }
  return parsed;
}

function parse(text: string): ParsedFile {
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true });
  } catch (error) {
    // The parser recurses: only a stack overflow on absurd nesting gets here.
    if (error instanceof RangeError) return refused(`the file is nested deeper than ${MAX_CONFIG_DEPTH} levels`);
    throw error;
  }
  const lineStarts = startsOfLines(text);
  if (errors.length > 0 || root === undefined) {
    const problems = createProblemList();
    const first = errors[0];
    const where = first === undefined ? "" : ` at line ${lineAt(lineStarts, first.offset)}`;
    const what = first === undefined ? "it is empty" : printParseErrorCode(first.error);
    problems.add("fatal", [], `the file is no valid JSON${where} (${what}): mend it there`);
    return { problems };
  }
  const tree = root;
  const problems = createProblemList((path) => {
    const node = nearestNode(tree, path);
    return node === undefined ? undefined : lineAt(lineStarts, node.offset);
  });
  try {
    return { value: toValue(tree, [], problems), problems };
  } catch (error) {
    if (error instanceof TooDeep) return refused(`the file is nested deeper than ${MAX_CONFIG_DEPTH} levels`);
    throw error;
  }
}

class TooDeep extends Error {}

function toValue(node: Node, path: Path, problems: ProblemList): unknown {
  if (path.length > MAX_CONFIG_DEPTH) throw new TooDeep();
  if (node.type === "array")
    return (node.children ?? []).map((child, index) => toValue(child, [...path, index], problems));
  if (node.type !== "object") return node.value;
  const value: Record<string, unknown> = {};
  for (const property of node.children ?? []) {
    const [keyNode, valueNode] = property.children ?? [];
    if (keyNode === undefined || valueNode === undefined) continue;
    const key = String(keyNode.value);
    const childPath = [...path, key];
    if (Object.hasOwn(value, key)) {
      problems.add("warning", childPath, "is given twice and the last one counts: remove one");
    }
    // Not by assignment: a key named __proto__ must be an ordinary key.
    Object.defineProperty(value, key, {
      value: toValue(valueNode, childPath, problems),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return value;
}

function refused(message: string): ParsedFile {
  const problems = createProblemList();
  problems.add("fatal", [], message);
  return { problems };
}

/** The node at `path`, or at its nearest ancestor when the path names something that is missing. */
function nearestNode(root: Node, path: Path): Node | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length) as (string | number)[]);
    if (node !== undefined) return node;
  }
  return undefined;
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts.push(index + 1);
  return starts;
}

function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}
