"""Changes files in ways that are not open, write, close; each named by its argument. Waits between them for a build's time."""

import ctypes
import mmap
import os
import sys
import time


def mapped(path):
    with open(path, "r+b") as file:
        with mmap.mmap(file.fileno(), 0) as memory:
            memory[0:4] = b"evil"
            memory.flush()
            # As long as it is mapped nobody is told of it: only looking shows it.
            time.sleep(2)


def copied_range(path):
    with open("/etc/hostname", "rb") as source, open(path, "r+b") as target:
        os.copy_file_range(source.fileno(), target.fileno(), 4)


def spliced(path):
    """Bytes that are written without a write."""
    read, write = os.pipe()
    os.write(write, b"evil")
    with open(path, "r+b") as target:
        os.splice(read, target.fileno(), 4, offset_dst=0)


def exchanged(path):
    """Two names change places in one step."""
    other = path + ".other"
    with open(other, "wb") as file:
        file.write(b"evil")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, path.encode(), -100, other.encode(), 2) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")
    os.unlink(other)


def linked(path):
    """By a name that is not in the workspace."""
    other = os.path.join(os.path.dirname(os.path.dirname(path)), "..", "elsewhere")
    os.link(path, other)
    with open(other, "r+b") as file:
        file.write(b"evil")
    os.unlink(other)


def replaced(path):
    with open(path + ".new", "wb") as file:
        file.write(b"evil")
    os.rename(path + ".new", path)


def symbolic(path):
    os.unlink(path)
    os.symlink("/etc/hostname", path)


def twice(path):
    """The same process writes something and, a compiler's time later, what it was."""
    with open(path, "rb") as file:
        was = file.read()
    for content in (b"evil", was):
        with open(path, "wb") as file:
            file.write(content)
        time.sleep(0.3)


def folder(path):
    """A folder of sources makes room for another that looks like it."""
    real = os.path.dirname(path)
    os.rename(real, real + ".away")
    os.mkdir(real)
    with open(path, "wb") as file:
        file.write(b"evil")


ways = {
    "mapped": mapped,
    "truncated": lambda path: os.truncate(path, 2),
    "copied-range": copied_range,
    "spliced": spliced,
    "exchanged": exchanged,
    "linked": linked,
    "replaced": replaced,
    "symbolic": symbolic,
    "twice": twice,
    "folder": folder,
}

for name in sys.argv[1:]:
    way, _, path = name.partition("=")
    ways[way](os.path.abspath(path))

# Whoever has ended cannot be looked at any more: on a busy machine that may be soon.
time.sleep(0.5)
