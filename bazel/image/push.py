"""Copies an image to a registry: push.py SKOPEO LAYOUT REFERENCE DESTINATION [FLAG OF SKOPEO ...].

DESTINATION is REGISTRY/NAME:TAG, or a place that skopeo has a transport for: oci:FOLDER:TAG.
All architectures of the image go there. The registry's credentials are those of `skopeo login`.
"""

import os
import sys
from pathlib import Path

TRANSPORTS = ("dir:", "docker:", "oci:", "oci-archive:")


def main() -> None:
    """Become skopeo."""
    if len(sys.argv) < 5:
        sys.exit("push: name the destination: REGISTRY/NAME:TAG")
    skopeo, layout, reference, destination, *flags = sys.argv[1:]
    if not destination.startswith(TRANSPORTS):
        destination = f"docker://{destination}"
    # What the user names relative to a folder is relative to the one where the command was typed.
    source = f"oci:{Path(layout).resolve()}:{reference}"
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    # The policy of a machine is about whose images it may run; this image was built here.
    command = [skopeo, "--insecure-policy", "copy", "--all", *flags, source, destination]
    os.execv(skopeo, command)  # noqa: S606


if __name__ == "__main__":
    main()
