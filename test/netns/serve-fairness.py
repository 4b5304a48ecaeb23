"""Asks for more than one job may have, of every kind, until standard input ends."""
import select
import socket
import sys

kept = []


def connect(port):
    s = socket.socket()
    s.setblocking(False)
    try:
        s.connect(("198.18.255.254" if port == 9 else held, port))
    except BlockingIOError:
        pass
    kept.append(s)
    if len(kept) > 200:
        kept.pop(0).close()


def question(number):
    name = b"".join(bytes([len(part)]) + part for part in (b"n%d" % (number % 7), b"lab", b"test"))
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\0\1\0\1"


held = socket.gethostbyname("lab.test")
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.setblocking(False)
dns.connect(("203.0.113.53", 53))
print("begun", flush=True)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(20):
        number = (number + 1) % 65536
        connect(7 if number % 2 else 9)
        try:
            dns.send(question(number))
        except (BlockingIOError, ConnectionRefusedError):
            pass
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.sendto(b"x", (held, 7))
        udp.close()
