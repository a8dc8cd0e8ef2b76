import type { StoreLog } from "../redis-store.js";

/** A log that keeps nothing. */
export const silentLog: StoreLog = { info() {}, warn() {}, error() {} };

/** A log that keeps its lines as "level: message: error's message". */
export function createKeptLog(): StoreLog & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (fields: object, message: string) => {
    const error = "err" in fields && fields.err instanceof Error ? `: ${fields.err.message}` : "";
    lines.push(`${level}: ${message}${error}`);
  };
  return { lines, info: keep("info"), warn: keep("warn"), error: keep("error") };
}
