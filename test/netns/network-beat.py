"""A flow that goes on: network-beat.py HOST PORT FILE. Sends a line and reads it back, for ever, and counts in FILE."""

import itertools
import os
import socket
import sys
import time

host, port, file = sys.argv[1:]
with socket.create_connection((host, int(port))) as s:
    for count in itertools.count(1):
        s.sendall(b"beat %d\n" % count)
        if not s.recv(100):
            break
        with open(file + ".new", "w") as out:
            out.write(str(count))
        os.replace(file + ".new", file)
        time.sleep(0.02)
