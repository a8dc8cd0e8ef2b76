import { VigilError } from "@vigil/shared";

/**
 * An HTTP rule of a method: "PUT /component/motor/{name}/power". The path stands below /api/v1; a segment in braces is
 * a field of the request, "{a.b}" one of a message in it.
 */
export interface HttpRule {
  readonly verb: string;
  readonly segments: readonly Segment[];
}

type Segment = { readonly literal: string } | { readonly field: string };

/** What a request's verb and path lead to. */
export type RuleMatch<T> =
  | { readonly kind: "found"; readonly target: T; readonly fields: ReadonlyMap<string, string> }
  /** The path is known, with these verbs only. */
  | { readonly kind: "wrong_verb"; readonly allowed: readonly string[] }
  | { readonly kind: "none" };

export interface RuleTable<T> {
  /** @param path still percent-encoded, below /api/v1, without the query. */
  match(verb: string, path: string): RuleMatch<T>;
}

const RULE = /^(GET|PUT|POST|PATCH|DELETE) ((?:\/[^/\s]+)+)$/;
const FIELD = /^\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)\}$/i;
const LITERAL = /^[\w.~-]+$/;

/** @throws VigilError "bad_request" for what is no rule. */
export function parseHttpRule(text: string): HttpRule {
  const [, verb, path] = RULE.exec(text) ?? [];
  const refused = () =>
    new VigilError("bad_request", `"${text}" is no HTTP rule: write it as "PUT /component/motor/{name}/power"`);
  if (verb === undefined || path === undefined) throw refused();
  const segments = path
    .slice(1)
    .split("/")
    .map((segment): Segment => {
      const field = FIELD.exec(segment)?.[1];
      if (field !== undefined) return { field };
      if (!LITERAL.test(segment)) throw refused();
      return { literal: segment };
    });
  return { verb, segments };
}

/** Of several rules that fit the one with most literal segments wins, then the first. */
export function createRuleTable<T>(rules: readonly (readonly [HttpRule, T])[]): RuleTable<T> {
  const literals = ({ segments }: HttpRule) => segments.filter((segment) => "literal" in segment).length;
  const bySize = new Map<number, (readonly [HttpRule, T])[]>();
  for (const entry of rules.toSorted(([a], [b]) => literals(b) - literals(a))) {
    const size = entry[0].segments.length;
    bySize.set(size, [...(bySize.get(size) ?? []), entry]);
  }
  return {
    match(verb, path) {
      if (!path.startsWith("/")) return { kind: "none" };
      const given = path.slice(1).split("/").map(decoded);
      const allowed = new Set<string>();
      for (const [rule, target] of bySize.get(given.length) ?? []) {
        const fields = bind(rule.segments, given);
        if (!fields) continue;
        if (rule.verb === verb) return { kind: "found", target, fields };
        allowed.add(rule.verb);
      }
      return allowed.size > 0 ? { kind: "wrong_verb", allowed: [...allowed] } : { kind: "none" };
    },
  };
}

/** The fields that a path gives, or undefined when it does not fit. */
function bind(segments: readonly Segment[], given: readonly (string | undefined)[]): Map<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const [at, segment] of segments.entries()) {
    const text = given[at];
    if (text === undefined || text === "") return undefined;
    if ("field" in segment) fields.set(segment.field, text);
    else if (segment.literal !== text) return undefined;
  }
  return fields;
}

/** Each segment by itself, so that a name may contain an encoded slash; undefined for broken encoding. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
