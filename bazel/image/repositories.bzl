"""The files that images are made of, for each architecture: Debian packages and wheels."""

load("//bazel/deb:deb.bzl", "debian_packages")
load(":wheels.bzl", "wheels")

def image_repositories():
    """Declares @debian_ARCHITECTURE and @wheels_ARCHITECTURE."""
    for architecture in ["amd64", "arm64"]:
        debian_packages(
            name = "debian_" + architecture,
            architecture = architecture,
            lock = Label("//bazel/image:packages.lock"),
        )
        wheels(
            name = "wheels_" + architecture,
            architecture = architecture,
            lock = Label("//:requirements_lock.txt"),
        )
