/** Where a listener binds. */
export interface BindAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/**
 * Parses "host:port", ":port" or "[::1]:port" as Go does.
 * @throws RangeError that says how to write it.
 */
export function parseBindAddress(text: string): BindAddress {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new RangeError(`"${text}" is no address: write "host:port", such as "127.0.0.1:8080"`);
  }
  const host = match[1] ?? match[2] ?? "";
  // ":8080" means every interface. "localhost" may resolve to ::1 alone, where Viam's Go clients do not look.
  if (host === "") return { host: "0.0.0.0", port };
  return { host: host === "localhost" ? "127.0.0.1" : host, port };
}

/** True for addresses that no other machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
