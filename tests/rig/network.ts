import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";

/** Network namespaces joined by a bridge of this machine, which the rest of the world is no part of. */
export interface Network {
  /** The bridge's own address: where the gateway listens and clients dial. */
  readonly address: string;
  /** Namespaces by the name they were asked for. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Their addresses, by the same names. */
  readonly addresses: Readonly<Record<string, string>>;
  /** By name, of the namespaces whose cable runs through a third one: there `startWire` joins its two ends. */
  readonly wires: Readonly<Record<string, WireEnds>>;
  /** Pulls the cable of one namespace. */
  cut(name: string): void;
  /** Drops what a namespace sends or gets: all of it, or TCP to one port. */
  drop(name: string, way: "sent" | "got", tcpPort?: number): void;
  mend(name: string): void;
  remove(): void;
}

export interface WireEnds {
  readonly namespace: string;
  /** Towards the namespace whose cable it is. */
  readonly near: string;
  /** Towards the bridge. */
  readonly far: string;
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

/** Where `ip netns exec` looks for files that replace those of /etc. */
const NETNS_FILES = "/etc/netns";

/**
 * @param wired those of the names whose cable is a wire, and where the name localhost means the bridge's address: SDKs
 * dial directly only what they think is this machine.
 */
export function createNetwork(names: readonly string[], wired: readonly string[] = []): Network {
  // Interface names have at most 15 characters; the process id keeps runs side by side apart.
  const tag = `vg${(process.pid % 100_000).toString(36)}${count++}`;
  const subnet = `10.${200 + (process.pid % 50)}.${count % 250}`;
  const address = `${subnet}.1`;
  const bridge = `${tag}b`;
  const namespaces: Record<string, string> = {};
  const wires: Record<string, WireEnds> = {};
  const dropping = new Set<string>();
  const addressOf = (index: number) => `${subnet}.${10 + index}`;
  const outer = (name: string) => `${tag}o${names.indexOf(name)}`;

  const remove = () => {
    process.off("exit", remove);
    for (const namespace of [...Object.values(namespaces), ...Object.values(wires).map((ends) => ends.namespace)]) {
      spawnSync("ip", ["netns", "del", namespace]);
      rmSync(`${NETNS_FILES}/${namespace}`, { recursive: true, force: true });
    }
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
      if (wired.includes(name)) {
        const ends = { namespace: `${tag}w${index}`, near: `${tag}c${index}`, far: `${tag}f${index}` };
        // No end of a wire has an address, and its namespace none at all: nothing answers for the other side.
        ip("netns", "add", ends.namespace);
        wires[name] = ends;
        ip("-n", ends.namespace, "link", "add", ends.near, "type", "veth", "peer", "name", inner, "netns", namespace);
        ip("link", "add", outer(name), "type", "veth", "peer", "name", ends.far, "netns", ends.namespace);
        ip("-n", ends.namespace, "link", "set", ends.near, "up");
        ip("-n", ends.namespace, "link", "set", ends.far, "up");
        mkdirSync(`${NETNS_FILES}/${namespace}`, { recursive: true });
        writeFileSync(`${NETNS_FILES}/${namespace}/hosts`, `${address} localhost\n`);
      } else {
        ip("link", "add", outer(name), "type", "veth", "peer", "name", inner, "netns", namespace);
      }
      ip("link", "set", outer(name), "master", bridge, "up");
      ip("-n", namespace, "addr", "add", `${addressOf(index)}/24`, "dev", inner);
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
    addresses: Object.fromEntries(names.map((name, index) => [name, addressOf(index)])),
    wires,
    cut: (name) => ip("link", "set", outer(name), "down"),
    drop(name, way, tcpPort) {
      const [chain, by, match] = way === "sent" ? ["OUTPUT", "-o", "--dport"] : ["INPUT", "-i", "--sport"];
      const packets = tcpPort === undefined ? [] : ["-p", "tcp", match!, String(tcpPort)];
      const rule = ["-A", chain!, "!", by!, "lo", ...packets, "-j", "DROP"];
      ip("netns", "exec", namespaces[name]!, "iptables", ...rule);
      dropping.add(name);
    },
    mend(name) {
      ip("link", "set", outer(name), "up");
      if (dropping.delete(name)) ip("netns", "exec", namespaces[name]!, "iptables", "-F");
    },
    remove,
  };
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}
