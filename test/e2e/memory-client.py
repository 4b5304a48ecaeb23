"""A build that uses much of the network at once: memory-client.py slow HOST | open HOST COUNT. It makes files in $WORK when it is
where it should be, and goes on when a file is made there."""

import os
import socket
import ssl
import sys
import time

WORK = os.environ["WORK"]
TLS = ssl.create_default_context()


def reached(name):
    open(os.path.join(WORK, name), "w").close()


def told(name):
    while not os.path.exists(os.path.join(WORK, name)):
        time.sleep(0.02)


def connect(host):
    plain = socket.create_connection((host, 443), 60)
    return TLS.wrap_socket(plain, server_hostname=host)


def ask(connection, host, path):
    connection.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host)).encode())


def read(connection, count, pace=0.0):
    """Reads so many bytes, not faster than a MiB in `pace` seconds."""
    buffer = bytearray(1 << 20)
    began, taken = time.monotonic(), 0
    while taken < count:
        got = connection.recv_into(buffer, min(count - taken, len(buffer)))
        if got == 0:
            raise SystemExit("the answer ended %d bytes early" % (count - taken))
        taken += got
        time.sleep(max(0.0, began + pace * (taken >> 20) - time.monotonic()))


def head(connection):
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        text += connection.recv(1)
    return text


def slow(host):
    """1 GiB, whose reader takes 100 MiB a second, and stops for a while after 64 MiB."""
    with connect(host) as connection:
        ask(connection, host, "/1k")
        head(connection)
        read(connection, 1024)
        reached("warm")
        told("go")
        ask(connection, host, "/1g")
        head(connection)
        read(connection, 64 << 20, 0.01)
        reached("stalled")
        told("continue")
        read(connection, (1 << 30) - (64 << 20), 0.01)
        reached("done")
        told("end")


def open_many(host, count):
    """Connections with a request under way each."""
    connections = [connect(host) for _ in range(int(count))]
    for connection in connections:
        ask(connection, host, "/held")
    reached("open")
    told("end")
    for connection in connections:
        head(connection)
        connection.close()
    reached("closed")
    told("bye")


{"slow": slow, "open": open_many}[sys.argv[1]](*sys.argv[2:])
