"""Looks for the key of the gateway's authority wherever a build can look, as root, and tells as JSON what it found."""

import ctypes
import json
import os
import re
import subprocess

RUN = "/run/tidegate"
SECRET = re.compile(rb"-----BEGIN (?:EC |RSA |ENCRYPTED )?PRIVATE KEY-----")
libc = ctypes.CDLL(None, use_errno=True)


def content(path, limit=1 << 22):
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError:
        return b""


def works(action):
    """None when the kernel refuses."""
    try:
        return action() is not None
    except OSError:
        return False


def opens(path, flags=os.O_RDONLY):
    return works(lambda: os.open(path, flags))


def files(root):
    for folder, _, names in os.walk(root):
        yield from (os.path.join(folder, name) for name in names)


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descriptors():
    for fd in os.listdir("/proc/self/fd"):
        try:
            yield int(fd), os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass


places = [path for root in (RUN, "/run", "/dev/shm") for path in files(root)]
memories = ["/proc/%d/environ" % pid for pid in processes()] + ["/proc/%d/cmdline" % pid for pid in processes()]
store = subprocess.run(
    ["openssl", "pkcs12", "-in", RUN + "/truststore.p12", "-passin", "pass:changeit", "-nodes", "-nocerts"],
    capture_output=True, check=False,
)
beyond = max(processes()) + 1

print(json.dumps({
    "given": sorted(os.listdir(RUN)),
    "secrets": [path for path in places + memories if SECRET.search(content(path))],
    "trust store": SECRET.search(store.stdout) is not None,
    "processes": sorted({content("/proc/%d/cmdline" % pid).split(b"\0")[0].decode() for pid in processes()}),
    "descriptors": [name for fd, name in descriptors() if fd > 2 and not name.startswith("/proc/")],
    # PTRACE_ATTACH to process numbers that are no process here, though they are some on the machine.
    "traced": [pid for pid in range(beyond, beyond + 2000) if libc.ptrace(16, pid, None, None) == 0],
    "works": sorted(name for name, did in {
        "kernel memory": opens("/proc/kcore") or opens("/dev/mem"),
        "writing to ca.crt": opens(RUN + "/ca.crt", os.O_WRONLY),
        "a new file": opens(RUN + "/new", os.O_WRONLY | os.O_CREAT),
        # MS_REMOUNT | MS_BIND, MNT_DETACH
        "remounting": libc.mount(b"none", RUN.encode(), None, 32 | 4096, None) == 0,
        "unmounting": libc.umount2(RUN.encode(), 2) == 0,
        "a program of its own for crashes": opens("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        # SYS_bpf and SYS_perf_event_open on x86-64
        "watching the kernel": os.uname().machine == "x86_64" and (
            libc.syscall(321, 0, ctypes.create_string_buffer(128), 128) >= 0),
    }.items() if did),
}))
