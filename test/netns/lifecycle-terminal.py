"""A user at a terminal: lifecycle-terminal.py KEYS COMMAND [ARG...]. Starts the command on a terminal of its own, types KEYS
(escapes as in Python) when the output says "ready", and prints what was shown and how it ended as JSON."""

import fcntl
import json
import os
import pty
import struct
import sys
import termios

keys, command = sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
shown = b""
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    shown += read
    if keys and b"ready" in shown:
        os.write(terminal, keys)
        keys = b""
_, status = os.waitpid(pid, 0)
print(json.dumps({"shown": shown.decode(), "code": os.waitstatus_to_exitcode(status)}))
