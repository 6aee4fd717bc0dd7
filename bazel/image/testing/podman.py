"""Containers for tests, hardened as in production, on a loopback network of the test's own."""

import fcntl
import json
import os
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

# crun needs no cgroups for what is tried here, and not every kernel's suit it. Locks in shared
# memory would be one for all users of the machine, and the first user's own.
CONFIGURATION = """\
[containers]
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "crun"
"""

# Whose signatures an image must have: no one's. Not every system has a file that says so.
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}

HARDENED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--network=host",
    "--log-driver=k8s-file",
)


def enter_private_network() -> None:
    """Move this thread, and what it starts, into a network that is nothing but a loopback."""
    os.unshare(os.CLONE_NEWNET)
    request = struct.Struct("16sh14x")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name, flags = request.unpack(fcntl.ioctl(control, SIOCGIFFLAGS, request.pack(b"lo", 0)))
        fcntl.ioctl(control, SIOCSIFFLAGS, request.pack(name, flags | IFF_UP))


class Podman:
    """podman with storage of its own below a folder."""

    def __init__(self, program: str, folder: Path) -> None:
        configuration = folder / "containers.conf"
        configuration.write_text(CONFIGURATION)
        policy = folder / ".config" / "containers" / "policy.json"
        policy.parent.mkdir(parents=True)
        policy.write_text(json.dumps(POLICY))
        self._command = [program]
        for flag, name in (("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")):
            self._command += [flag, str(folder / name)]
        self._env = os.environ | {
            "CONTAINERS_CONF": str(configuration),
            "HOME": str(folder),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
            "STORAGE_DRIVER": "vfs",
        }

    def __call__(self, *arguments: str) -> str:
        """Run podman and return what it printed; AssertionError with its words if it fails."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run podman, come what may."""
        return subprocess.run(  # noqa: S603
            [*self._command, *arguments],
            env=self._env,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )

    def load(self, archive: Path) -> str:
        """Load an image and return its name."""
        return self("load", "--quiet", "--input", str(archive)).removeprefix("Loaded image: ")

    def start(self, image: str, *arguments: str, volume: str, env: dict[str, str]) -> str:
        """Start a hardened container with a volume for its data, and return its id."""
        settings = [f"--env={name}={value}" for name, value in env.items()]
        return self(
            "run", "--detach", *HARDENED, *settings, f"--volume={volume}:/data", image, *arguments
        )

    def python(self, container: str, program: str) -> Any:
        """Run a Python program inside a container, and return the JSON that it prints."""
        return json.loads(self("exec", container, "/usr/bin/python3.14", "-c", program))

    def read_until(self, container: str, text: str, times: int = 1) -> None:
        """Read a container's log as it is written, until so many lines hold the text."""
        with subprocess.Popen(  # noqa: S603
            [*self._command, "logs", "--follow", container],
            env=self._env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as following:
            assert following.stdout is not None
            read = []
            for line in following.stdout:
                read.append(line)
                if sum(text in each for each in read) == times:
                    following.kill()
                    return
        raise AssertionError(f"{text} was not said {times} times: {''.join(read)}")

    def inspect(self, image: str) -> Any:
        """Return what podman knows of an image."""
        return json.loads(self("image", "inspect", image))

    def terminate(self, container: str) -> int:
        """Send SIGTERM and return the exit code."""
        self("kill", "--signal=TERM", container)
        return int(self("wait", container))

    def clean_up(self) -> None:
        """Remove all: no file is left whose owner is a container's user."""
        self("rm", "--all", "--force", "--time=0", "--volumes")
        self("volume", "rm", "--all", "--force")
        self("rmi", "--all", "--force")
