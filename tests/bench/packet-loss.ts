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

/**
 * What a kernel drops on its way out it tells the sender (EPERM), as no network does; libjuice then puts its next consent
 * check off by 5 s, and gives up living connections. A queue that nobody reads swallows packets without a word.
 */
const SWALLOW = ["-j", "NFQUEUE", "--queue-num", "65535"];

/** Loses that share of the packets each way, independently of each other. @returns what ends it. */
export function losePackets(namespace: string, share: number): () => void {
  const some = ["-m", "statistic", "--mode", "random", "--probability", String(share)];
  const rules = [
    ["INPUT", ...some, "-j", "DROP"],
    ["OUTPUT", ...some, ...SWALLOW],
  ];
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
