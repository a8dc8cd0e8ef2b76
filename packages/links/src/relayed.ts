import type { Metadata } from "@vigil/protocol";

/**
 * What the gateway adds to a call that it relays to a part (rules.md, R8b), as `vigil-*` metadata. A client's own
 * `vigil-*` keys are stripped before.
 */
export interface RelayedCall {
  /** Undefined: the call needs no lease (a read, a Stop). */
  readonly session: string | undefined;
  readonly incarnation: string;
  readonly fence: string;
  readonly operation: string;
  /**
   * The gateway's own count of the calls that it admitted, from 1: a Stop may overtake a larger command that was admitted
   * before it, and the part must not begin that afterwards (R5). 0: unknown, of a gateway that does not count.
   */
  readonly order: number;
  /** The client's connection: its close stops what it moved last (R6). */
  readonly connection: string;
  /**
   * Lets the part's handler call other parts on behalf of this operation while it runs (R8). Undefined for a call
   * without a session: it has no authority to hand on.
   */
  readonly token: string | undefined;
}

/** With this key a part shows the gateway on whose behalf it calls. */
export const TOKEN_KEY = "vigil-token";

const KEYS = {
  session: "vigil-session",
  incarnation: "vigil-incarnation",
  fence: "vigil-fence",
  operation: "vigil-operation",
  order: "vigil-order",
  connection: "vigil-connection",
  token: TOKEN_KEY,
} as const;

/** The client's own session id: it ends at the border, parts know sessions by what the gateway says (R8). */
export const CLIENT_SESSION_KEY = "viam-sid";

/** Prefix of the metadata keys that only Vigil itself may write. */
export const RESERVED_PREFIX = "vigil-";

export function stampRelayed(metadata: Metadata, relayed: RelayedCall): Metadata {
  const stamped = new Map<string, readonly string[]>();
  for (const [key, values] of metadata) {
    if (!key.startsWith(RESERVED_PREFIX) && key !== CLIENT_SESSION_KEY) stamped.set(key, values);
  }
  for (const [field, key] of Object.entries(KEYS)) {
    const value = relayed[field as keyof RelayedCall];
    if (value !== undefined && value !== "") stamped.set(key, [String(value)]);
  }
  return stamped;
}

export function readRelayed(metadata: Metadata): RelayedCall {
  const value = (key: string) => metadata.get(key)?.[0];
  return {
    session: value(KEYS.session),
    incarnation: value(KEYS.incarnation) ?? "",
    fence: value(KEYS.fence) ?? "",
    operation: value(KEYS.operation) ?? "",
    order: countOf(value(KEYS.order)),
    connection: value(KEYS.connection) ?? "",
    token: value(KEYS.token),
  };
}

function countOf(text: string | undefined): number {
  const count = Number(text);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
