/**
 * A part's fence for a session: an opaque text that is compared for equality only (rules.md, R4). It names the part's
 * start (boot id), the part-wide generation (raised when the part fences every session at once) and the session's own
 * count, so that the gateway can stamp a first command without asking: a session that was never fenced is at count 0.
 */
export function fenceOf(bootId: string, generation: number, count: number): string {
  return `${bootId}.${generation}.${count}`;
}
