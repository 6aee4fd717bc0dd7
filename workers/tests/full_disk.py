"""A disk that fills up, for whoever cannot have a small one."""

import resource
from collections.abc import Callable


def full_disk(size: int) -> Callable[[], None]:
    """Return what lets no file of the process grow beyond a size: the kernel fails the write."""

    def limit() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    return limit
