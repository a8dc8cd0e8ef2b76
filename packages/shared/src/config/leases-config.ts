import type { z } from "zod";
import type { Loading } from "./config-context.js";
import type { Path } from "./problem.js";
import { isUrl } from "./schema-common.js";
import type { gatewayLeasesSchema, partLeasesSchema } from "./schema-part.js";
import { resolveSecret } from "./secret.js";

export interface RedisLeasesConfig {
  readonly store: "redis";
  readonly url: string;
  readonly prefix: string;
}
export type GatewayLeasesConfig = { readonly store: "memory" } | RedisLeasesConfig;
export type PartLeasesConfig = { readonly store: "gateway" } | RedisLeasesConfig;

const DEFAULT_REDIS_PREFIX = "vigil:";

type RedisFile = Extract<z.output<typeof partLeasesSchema>, { store: "redis" }>;

export function compileGatewayLeases(
  file: z.output<typeof gatewayLeasesSchema> | undefined,
  loading: Loading,
  path: Path,
): GatewayLeasesConfig {
  return file?.store === "redis" ? compileRedis(file, loading, path) : { store: "memory" };
}

export function compilePartLeases(
  file: z.output<typeof partLeasesSchema> | undefined,
  loading: Loading,
  path: Path,
): PartLeasesConfig {
  return file?.store === "redis" ? compileRedis(file, loading, path) : { store: "gateway" };
}

function compileRedis(file: RedisFile, loading: Loading, path: Path): RedisLeasesConfig {
  const url = resolveSecret(file.url, loading, [...path, "url"]);
  if (url !== undefined && !isUrl(url, ["redis:", "rediss:"])) {
    loading.problems.add("fatal", [...path, "url"], "must name a redis:// or rediss:// URL");
  }
  return { store: "redis", url: url ?? "", prefix: file.prefix ?? DEFAULT_REDIS_PREFIX };
}
