"""How long a file in the watch folder must be left alone before it counts as all there.

Nobody says when a copy ends, and one that stalls (a card reader, a share on a slow link) looks as if it had. So two
witnesses are asked: the kernel, whether anybody has the file open for writing, and the file, how long it should be.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from panocast import folders
from panocast.errors import RefusedError
from panocast.probe import SNIFF_BYTES, sniff_container

# All there, by all that can be known.
STABLE_S = 2.0
# Nobody knows: MPEG-TS and FLV do not say how long they are, and whoever copies over the network opens no file here.
UNSURE_S = 15.0
# Somebody still writes it, or it says that there is more: longer than a network connection takes to give up. What is
# cut off for good is taken then, for what it has.
STALLED_S = 300.0

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def quiet_s(root: Path, key: str, *, now: Callable[[], float] = time.time) -> float:
    """For so many seconds the file `key` below `root` should not change, while we look, before it is taken."""
    *parents, name = key.split("/")
    try:
        with folders.folder_below(root, parents) as folder:
            file = os.fdopen(folders.open_file(folder, name), "rb")
        with file:
            written, whole = is_written(file), is_whole(file)
            found = os.fstat(file.fileno())
    except OSError:  # gone, or not ours to read: whoever takes it says so
        return STABLE_S
    # Read-only and closed is how our own store leaves them, whatever is in them.
    sure = written is False and not found.st_mode & 0o222
    wanted_s = STABLE_S if sure else _wanted_s(written, whole)
    # Nobody can set st_ctime: what lay here before we began to look need not wait once more.
    return wanted_s if now() - found.st_ctime < wanted_s else STABLE_S


def _wanted_s(written: bool | None, whole: bool | None) -> float:
    if whole is False or (written and not whole):
        return STALLED_S
    return STABLE_S if whole and not written else UNSURE_S


def is_written(file: BinaryIO) -> bool | None:
    """Whether anybody has the file open for writing; None where the kernel does not tell (somebody else's file, some
    network shares, where others say always).

    A lease for reading is refused while there is a writer (fcntl(2)); it is given back at once.
    """
    # Who opens the file in between breaks the lease, which is told by SIGIO: that would end us. SIGURG is ignored.
    fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def is_whole(file: BinaryIO) -> bool | None:
    """Whether the file is as long as its container says, None where that does not say. Raises OSError."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        return False
    file.seek(0)
    try:
        container = sniff_container(file.read(SNIFF_BYTES))
    except RefusedError:
        return None
    if container == "mov":
        return _is_whole_mp4(file, size)
    return _is_whole_matroska(file, size) if container == "matroska" else None


def _is_whole_mp4(file: BinaryIO, size: int) -> bool | None:
    """ISO/IEC 14496-12, 4.2: boxes up to the end, index and media among them. Cameras append things of their own."""
    names, end = set(), 0
    for name, end in _boxes(file, size):
        if end > size:
            return False
        names.add(name)
    if not names >= {b"moov", b"mdat"}:
        return False
    return True if end == size else None


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """The name of each box and where it ends, up to the first that is none; of one without a length, which goes on to
    the end of the file, where its content begins."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16).ljust(16, b"\0")
        length, name, large = struct.unpack(">I4sQ", header)
        length = large if length == 1 else length
        if 0 < length < 8 or not name.isascii() or not name.decode().isprintable():
            return
        at += length or 8
        yield name, at
        if not length:
            return


def _is_whole_matroska(file: BinaryIO, size: int) -> bool | None:
    """RFC 9559: a header, then a segment that holds all the rest; one that was streamed says no length."""
    file.seek(0)
    head, at = file.read(SNIFF_BYTES), 0
    for wanted in (_EBML, _SEGMENT):
        if int.from_bytes(head[at : at + 4]) != wanted or at + 4 >= len(head):
            return None
        at += 4
        width = 9 - head[at].bit_length()
        length = int.from_bytes(head[at : at + width]) & ~(1 << 7 * width)
        at += width
        if wanted == _SEGMENT:
            return None if length == (1 << 7 * width) - 1 else at + length <= size
        at += length
    return None
