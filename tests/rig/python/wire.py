"""A cable between two interfaces, frame by frame, that a test may cut, slow down, hold and tap; see wire.ts.

Commands come as JSON lines, each is answered with a JSON line. Ways: "out" is from the near interface to the far one.
"""

import heapq
import itertools
import json
import os
import random
import selectors
import socket
import struct
import sys
import time

NEAR, FAR = sys.argv[1:3]
SEED = 20
ETH_P_ALL = 3
SOL_PACKET = 263
# With this header offloaded checksums and segments longer than a frame stay what they are.
PACKET_VNET_HDR = 15
VNET_HEADER_BYTES = 10
MAX_FRAME_BYTES = 70_000
BUFFER_BYTES = 8 << 20
ETHERNET_BYTES = 14
TCP, UDP = 6, 17


def open_end(interface):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    end.bind((interface, ETH_P_ALL))
    end.setblocking(False)
    return end


class Way:
    def __init__(self, target):
        self.target = target
        self.counts = {"passed": 0, "lost": 0, "held": 0, "repeated": 0}
        self.seen = None
        self.clear()

    def clear(self):
        self.loss = 0.0
        self.delay_ms = 0.0
        self.holds = False
        self.held = []
        self.tapped = None
        self.closed_at = None


ends = {"near": open_end(NEAR), "far": open_end(FAR)}
ways = {"out": Way(ends["far"]), "in": Way(ends["near"])}
chance = random.Random(SEED)
order = itertools.count()
# (when due, order, function): frames under way, and what repeats itself
due = []
# Repetition stops when this number has changed.
generation = 0


def send(way, frame):
    try:
        way.target.send(frame)
        way.counts["passed"] += 1
    except OSError:
        # A full queue, or an end that is down: as on any cable, the frame is lost.
        way.counts["lost"] += 1


def later(seconds, action):
    heapq.heappush(due, (time.monotonic() + seconds, next(order), action))


def carry(way, frame):
    protocol = protocol_of(frame)
    if protocol in (TCP, UDP):
        if protocol == UDP:
            way.seen = frame
        if way.tapped is not None:
            way.tapped.append(frame)
        if way.closed_at is None and says_goodbye(frame, protocol):
            way.closed_at = time.monotonic()
    if way.loss and chance.random() < way.loss:
        way.counts["lost"] += 1
    elif way.holds:
        way.counts["held"] += 1
        way.held.append(frame)
    elif way.delay_ms:
        later(way.delay_ms / 1000, lambda: send(way, frame))
    else:
        send(way, frame)


def protocol_of(frame):
    at = VNET_HEADER_BYTES + ETHERNET_BYTES
    if frame[at - 2 : at] != b"\x08\x00":
        return None
    return frame[at + 9]


def says_goodbye(frame, protocol):
    """TCP's FIN or RST, or a DTLS alert, which close_notify is."""
    at = VNET_HEADER_BYTES + ETHERNET_BYTES + 20
    return bool(frame[at + 13] & 0x05) if protocol == TCP else frame[at + 8 : at + 9] == b"\x15"


def junk_like(frame):
    """A datagram from the same port to the same port, with bytes that nobody authenticated."""
    ethernet = frame[VNET_HEADER_BYTES : VNET_HEADER_BYTES + ETHERNET_BYTES]
    ip = bytearray(frame[VNET_HEADER_BYTES + ETHERNET_BYTES :][:20])
    ports = frame[VNET_HEADER_BYTES + ETHERNET_BYTES + 20 :][:4]
    payload = chance.choice(
        (
            os.urandom(40),
            # A STUN request without integrity, a STUN indication, a DTLS application record, a DTLS alert.
            struct.pack("!HHI", 0x0001, 0, 0x2112A442) + os.urandom(12),
            struct.pack("!HHI", 0x0011, 0, 0x2112A442) + os.urandom(12),
            b"\x17\xfe\xfd" + struct.pack("!HHIH", 1, 0, chance.randrange(1 << 32), 64) + os.urandom(64),
            b"\x15\xfe\xfd" + struct.pack("!HHIH", 1, 0, chance.randrange(1 << 32), 26) + os.urandom(26),
        )
    )
    ip[2:4] = struct.pack("!H", 28 + len(payload))
    ip[10:12] = b"\0\0"
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip[10:12] = struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)
    # A UDP checksum of 0 means that there is none.
    udp = ports + struct.pack("!HH", 8 + len(payload), 0)
    return bytes(VNET_HEADER_BYTES) + ethernet + bytes(ip) + udp + payload


def repeat(way, every_ms, make):
    mine = generation

    def turn():
        if generation != mine:
            return
        send(way, make())
        way.counts["repeated"] += 1
        later(every_ms / 1000, turn)

    turn()


def obey(asked):
    global generation
    way = ways.get(asked.get("way"))
    command = asked["command"]
    if command == "set":
        way.loss = asked.get("loss", 0.0)
        way.delay_ms = asked.get("delayMs", 0.0)
        way.holds = asked.get("holds", False)
    elif command == "release":
        way.holds = False
        held, way.held = way.held, []
        for frame in held:
            send(way, frame)
        return len(held)
    elif command == "tap":
        way.tapped = []
    elif command == "listen":
        way.closed_at = None
    elif command == "closed":
        return None if way.closed_at is None else way.closed_at * 1000
    elif command == "replay":
        frames = itertools.cycle(way.tapped)
        repeat(way, asked["everyMs"], lambda: next(frames))
        return len(way.tapped)
    elif command == "junk":
        if way.seen is None:
            raise ValueError("no datagram went that way")
        like = way.seen
        repeat(way, asked["everyMs"], lambda: junk_like(like))
    elif command == "clear":
        generation += 1
        due.clear()
        for each in ways.values():
            each.clear()
    elif command != "counts":
        raise ValueError(f"no command {command}")
    return {name: each.counts for name, each in ways.items()}


def read_frames(end, way):
    # A bound, so that commands and timers get their turn.
    for _ in range(64):
        try:
            frame, (_, _, kind, *_) = end.recvfrom(MAX_FRAME_BYTES)
        except BlockingIOError:
            return
        except OSError:
            # The interface went down for a moment.
            return
        if kind != socket.PACKET_OUTGOING:
            carry(way, frame)


unread = b""


def read_commands():
    global unread
    came = os.read(0, 65_536)
    if came == b"":
        sys.exit(0)
    *lines, unread = (unread + came).split(b"\n")
    for line in lines:
        answer_to(line)


def answer_to(line):
    try:
        answer = {"value": obey(json.loads(line))}
    except (ValueError, TypeError, KeyError) as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


waits = selectors.DefaultSelector()
waits.register(ends["near"], selectors.EVENT_READ, lambda: read_frames(ends["near"], ways["out"]))
waits.register(ends["far"], selectors.EVENT_READ, lambda: read_frames(ends["far"], ways["in"]))
waits.register(sys.stdin, selectors.EVENT_READ, read_commands)
sys.stdout.write(json.dumps({"value": "ready"}) + "\n")
sys.stdout.flush()
while True:
    patience = max(0.0, due[0][0] - time.monotonic()) if due else None
    for key, _ in waits.select(patience):
        key.data()
    now = time.monotonic()
    while due and due[0][0] <= now:
        heapq.heappop(due)[2]()
