import type { GuardResource } from "@vigil/safety";
import { VigilError } from "@vigil/shared";

/**
 * Groups whose calls are refused beyond what the guard itself refuses: their e-stop line was cut, or a hold of them is
 * being released.
 */
export interface Withheld {
  /** Only a person lets the resource's group move again. */
  requireRearm(key: string): void;
  /** False: its group did not wait for it. */
  rearm(key: string): boolean;
  awaitsRearm(key: string): boolean;
  /** Nothing of the resource's group starts until `work` has settled. */
  during(key: string, work: () => Promise<void>): Promise<void>;
  /** Why a call may not start; undefined: it may. */
  refusal(key: string): VigilError | undefined;
}

export function createWithheld(groups: readonly (readonly Pick<GuardResource, "name">[])[]): Withheld {
  const groupOf = new Map(
    groups.flatMap((group) => {
      const [first] = group;
      return group.map(({ name }) => [name, first!.name] as const);
    }),
  );
  const cut = new Set<string>();
  const busy = new Map<string, number>();
  const group = (key: string) => groupOf.get(key) ?? key;
  const add = (key: string, count: number) => busy.set(group(key), (busy.get(group(key)) ?? 0) + count);

  return {
    requireRearm: (key) => void cut.add(group(key)),
    rearm: (key) => cut.delete(group(key)),
    awaitsRearm: (key) => cut.has(group(key)),
    async during(key, work) {
      add(key, 1);
      try {
        await work();
      } finally {
        add(key, -1);
      }
    },
    refusal(key) {
      if (cut.has(group(key))) {
        const message = `the e-stop line of ${key} was cut: make the machine safe, then re-arm it`;
        return new VigilError("rearm", message);
      }
      if ((busy.get(group(key)) ?? 0) > 0) {
        return new VigilError("stopping", `${key}: its hold is being released; retry once it has stopped`);
      }
      return undefined;
    },
  };
}
