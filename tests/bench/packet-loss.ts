import { spawnSync } from "node:child_process";

/** Why packets cannot be lost on purpose here, or undefined. */
export function packetLossMissing(namespace: string): string | undefined {
  try {
    losePackets(namespace, 0.5)();
    return undefined;
  } catch (error) {
    return `NO PACKET LOSS HERE: ${(error as Error).message}`;
  }
}

/** Loses that share of the packets each way, independently of each other. @returns what ends it. */
export function losePackets(namespace: string, share: number): () => void {
  const rules = ["INPUT", "OUTPUT"].map((chain) => [
    chain,
    ...["-m", "statistic", "--mode", "random", "--probability", String(share), "-j", "DROP"],
  ]);
  for (const rule of rules) iptables(namespace, "-A", rule);
  return () => {
    for (const rule of rules) iptables(namespace, "-D", rule);
  };
}

function iptables(namespace: string, order: string, rule: readonly string[]): void {
  const { status, stderr, error } = spawnSync("ip", ["netns", "exec", namespace, "iptables", order, ...rule], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`iptables: ${error?.message ?? stderr.trim()}`);
}
