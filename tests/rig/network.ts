import { spawnSync } from "node:child_process";

/** Network namespaces joined by a bridge of this machine, which the rest of the world is no part of. */
export interface Network {
  /** The bridge's own address: where the gateway listens and clients dial. */
  readonly address: string;
  /** Namespaces by the name they were asked for. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Pulls the cable of one namespace. */
  cut(name: string): void;
  mend(name: string): void;
  remove(): void;
}

/** Why tests with namespaces cannot run here, or undefined. For `t.skip`. */
export function namespacesMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "NETWORK NAMESPACES NOT TESTED: they need root";
  const probe = `vgprobe${process.pid}`;
  if (spawnSync("ip", ["netns", "add", probe]).status !== 0) {
    return "NETWORK NAMESPACES NOT TESTED: `ip netns add` does not work on this machine";
  }
  ip("netns", "del", probe);
  return undefined;
}

let count = 0;

export function createNetwork(names: readonly string[]): Network {
  // Interface names have at most 15 characters; the process id keeps runs side by side apart.
  const tag = `vg${(process.pid % 100_000).toString(36)}${count++}`;
  const subnet = `10.${200 + (process.pid % 50)}.${count % 250}`;
  const address = `${subnet}.1`;
  const bridge = `${tag}b`;
  const namespaces: Record<string, string> = {};
  const outer = (name: string) => `${tag}o${names.indexOf(name)}`;

  const remove = () => {
    process.off("exit", remove);
    for (const namespace of Object.values(namespaces)) spawnSync("ip", ["netns", "del", namespace]);
    for (const name of names) spawnSync("ip", ["link", "del", outer(name)]);
    spawnSync("ip", ["link", "del", bridge]);
  };
  process.once("exit", remove);
  try {
    ip("link", "add", bridge, "type", "bridge");
    ip("addr", "add", `${address}/24`, "dev", bridge);
    ip("link", "set", bridge, "up");
    names.forEach((name, index) => {
      const namespace = `${tag}n${index}`;
      const inner = `${tag}i${index}`;
      ip("netns", "add", namespace);
      namespaces[name] = namespace;
      ip("link", "add", outer(name), "type", "veth", "peer", "name", inner, "netns", namespace);
      ip("link", "set", outer(name), "master", bridge, "up");
      ip("-n", namespace, "addr", "add", `${subnet}.${10 + index}/24`, "dev", inner);
      ip("-n", namespace, "link", "set", inner, "up");
      ip("-n", namespace, "link", "set", "lo", "up");
    });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    address,
    namespaces,
    cut: (name) => ip("link", "set", outer(name), "down"),
    mend: (name) => ip("link", "set", outer(name), "up"),
    remove,
  };
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}
