import { createInterface } from "node:readline";

/** Lines of the protocol begin so; whatever else an SDK prints goes by. */
const MARK = "@rig ";

/**
 * Serves verbs over the standard streams of a process, so that clients in any language look alike: one JSON line in,
 * {id, verb, args}, one marked JSON line out, {id, value} or {id, error, code}. The verb "dial" answers the ms it took.
 */
export function serveVerbs(dial: (...args: string[]) => Promise<object>): void {
  let verbs: Record<string, (...args: unknown[]) => unknown> = {};
  const perform = async (verb: string, args: unknown[]) => {
    if (verb === "dial") {
      const at = performance.now();
      verbs = (await dial(...(args as string[]))) as typeof verbs;
      return performance.now() - at;
    }
    const perform = verbs[verb];
    if (!perform) throw new Error(`this client has no verb ${verb}`);
    return (await perform(...args)) ?? null;
  };
  const answer = (value: object) => process.stdout.write(`${MARK}${JSON.stringify(value)}\n`);
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const { id, verb, args } = JSON.parse(line) as { id: number; verb: string; args: unknown[] };
      perform(verb, args).then(
        (value) => answer({ id, value }),
        (error: Error & { code?: number }) => answer({ id, error: error.message, code: error.code }),
      );
    })
    .on("close", () => process.exit());
}
