"""Where programs keep what outlives them, unless told otherwise."""

import os
from contextlib import suppress
from pathlib import Path


def state_folder() -> Path:
    """Return the folder for Bodega's state, as the XDG Base Directory Specification has it.

    Of a user without a home it keeps the `~`, for whoever opens it to complain of.
    """
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():  # An unset or relative one is to be ignored.
        base = Path("~/.local/state")
        with suppress(RuntimeError):
            base = base.expanduser()
    return base / "bodega"
