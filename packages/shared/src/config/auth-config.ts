import type { z } from "zod";
import type { Loading } from "./config-context.js";
import type { Path } from "./problem.js";
import { secretSchema } from "./schema-common.js";
import type { authSchema } from "./schema-gateway.js";
import { resolveSecret } from "./secret.js";

export interface ExternalKey {
  readonly kty: "RSA";
  readonly alg: "RS256" | "RS384" | "RS512";
  readonly kid: string;
  readonly n: string;
  readonly e: string;
}

export interface AuthConfig {
  /** False: everybody may come in, and AuthService accepts anything. */
  readonly required: boolean;
  /** Keys by key id; empty without an api-key handler. */
  readonly apiKeys: Readonly<Record<string, string>>;
  /** RSA keys whose tokens of rpc_creds_type "external" are accepted. */
  readonly externalKeys: readonly ExternalKey[];
}

/** Members of an api-key handler's config that are no pairs (compat.md, section 1). */
const NO_PAIRS = new Set(["keys", "key"]);

export function compileAuth(file: z.output<typeof authSchema> | undefined, loading: Loading, path: Path): AuthConfig {
  const { problems } = loading;
  const handlers = file?.handlers ?? [];
  const pairs = handlers.flatMap((handler, index) => {
    const place = [...path, "handlers", index];
    if (index > 0) problems.add("fatal", [...place, "type"], "api-key is given twice: put all keys into one handler");
    return compileApiKeys(handler.config, loading, [...place, "config"]);
  });
  if (file?.tls_auth_entities !== undefined && file.tls_auth_entities.length > 0) {
    const message = "clients are not recognised by certificates: use auth.handlers with api-key";
    problems.add("fatal", [...path, "tls_auth_entities"], message);
  }
  const externalKeys = (file?.external_auth_config?.jwks.keys ?? []).map(({ kty, alg, kid, n, e }) => ({
    kty,
    alg,
    kid,
    n,
    e,
  }));
  return {
    required: handlers.length > 0 || externalKeys.length > 0,
    apiKeys: Object.fromEntries(pairs),
    externalKeys,
  };
}

/** `keys` must be a list that is not empty; the pairs themselves are all other members but `key`. */
function compileApiKeys(config: Readonly<Record<string, unknown>>, loading: Loading, path: Path): [string, string][] {
  const { problems } = loading;
  const listed = config.keys;
  if (!Array.isArray(listed) || listed.length === 0 || !listed.every((id) => typeof id === "string")) {
    problems.add("fatal", [...path, "keys"], 'must list the ids of the keys, as in "keys": [ "KEY ID" ]');
  } else {
    for (const [index, id] of listed.entries()) {
      if (config[id] === undefined)
        problems.add("warning", [...path, "keys", index], `there is no key "${id}": add "${id}": "KEY"`);
    }
  }
  const ids = Object.keys(config).filter((id) => !NO_PAIRS.has(id));
  if (ids.length === 0) problems.add("fatal", path, 'holds no key: add "KEY ID": "KEY"');
  return ids.flatMap((id): [string, string][] => {
    const source = secretSchema.safeParse(config[id]);
    if (!source.success) {
      problems.add("fatal", [...path, id], source.error.issues[0]?.message ?? "must be a secret");
      return [];
    }
    const key = resolveSecret(source.data, loading, [...path, id]);
    return key === undefined ? [] : [[id, key]];
  });
}
