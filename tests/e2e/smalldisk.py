"""A small disk of its own for a test to fill and to break, mounted where nobody but the test sees it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Sequence

import netns
from world import wait_for

SIZE_KB = 4096


class SmallDisk:
    """A file system mounted on `folder`, in a mount namespace that one sleeping process keeps.

    `seen(path)` is how everybody else may call a path in there: by the root of that process in /proc, so whatever
    opens a file by it opens it on the disk.
    """

    def __init__(self, folder: Path, mount: Sequence[str]) -> None:
        """Mount by `mount`, the words that come before the folder: `-t tmpfs tmpfs`, `-o loop IMAGE`."""
        netns.require("unshare", "nsenter", "mount")
        self.folder = folder
        self._mount = list(mount)
        # It reads its standard input and so lives until `close`.
        self._keeper: subprocess.Popen[Any] = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", 'mount "$@" && echo ready && exec cat', "sh", *mount, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._keeper.stdout.readline() == b"ready\n", "the disk cannot be mounted"

    @classmethod
    def in_memory(cls, folder: Path) -> SmallDisk:
        """Make an empty one that can be filled and emptied."""
        return cls(folder, ["-t", "tmpfs", "-o", f"size={SIZE_KB}k", "tmpfs"])

    @classmethod
    def on_a_device(cls, folder: Path, image: Path) -> SmallDisk:
        """Make an empty one that can fail as an SD card does; it is in the file `image`, and loses nothing."""
        netns.require("mkfs.ext4", "losetup", "e2fsck")
        with image.open("wb") as file:
            file.truncate(SIZE_KB * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        return cls(folder, ["-o", "loop,errors=remount-ro", str(image)])

    def seen(self, path: Path) -> Path:
        """Return the name by which everybody can open a path of the keeper's."""
        return Path(f"/proc/{self._keeper.pid}/root{path}")

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.seen(self.folder) / "filler").open("ab", buffering=0) as file:
            for piece in (b"\0" * 4096, b"\0"):
                try:
                    while True:
                        file.write(piece)
                except OSError:
                    continue

    def is_full(self) -> bool:
        """Tell whether not even another byte fits."""
        with (self.seen(self.folder) / "filler").open("ab", buffering=0) as file:
            try:
                file.write(b"\0" * 4096)
            except OSError:
                return True
        return False

    def make_room(self) -> None:
        """Take away what `fill` put there."""
        (self.seen(self.folder) / "filler").unlink()

    def mount_again(self, options: str) -> subprocess.CompletedProcess[str]:
        """Change how the disk is mounted: `remount,ro`."""
        return self._inside("mount", "-o", options, str(self.folder))

    def repair(self, image: Path) -> None:
        """Unmount a disk that failed, have it checked and mount it, once nobody has a file open there."""
        wait_for(lambda: self._inside("umount", str(self.folder)).returncode == 0, "the disk to be let go")
        assert self._inside("e2fsck", "-fy", str(image)).returncode in (0, 1), "the disk cannot be repaired"
        assert self._inside("mount", *self._mount, str(self.folder)).returncode == 0

    def _inside(self, *argv: str) -> subprocess.CompletedProcess[str]:
        words = ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", *argv]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def close(self) -> None:
        """Let the disk go; what is mounted only there is unmounted by the kernel."""
        self._keeper.stdin.close()
        self._keeper.wait(timeout=20)
        self._keeper.stdout.close()
