import { BlockList, isIP, isIPv6 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/**
 * Whether an address lies on a network that this machine has an interface on, or is loopback: only there does an ICMP
 * answer come from the host itself rather than from somebody on the way (rules.md, R6).
 */
export function isDirectlyAttached(address: string, interfaces: Interfaces = networkInterfaces()): boolean {
  if (isIP(address) === 0) return false;
  const attached = new BlockList();
  attached.addSubnet("127.0.0.0", 8, "ipv4");
  attached.addAddress("::1", "ipv6");
  for (const entries of Object.values(interfaces)) {
    for (const { address: own, cidr } of entries ?? []) {
      const prefix = Number(cidr?.split("/")[1]);
      if (cidr && Number.isInteger(prefix)) attached.addSubnet(own, prefix, isIPv6(own) ? "ipv6" : "ipv4");
    }
  }
  return attached.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
