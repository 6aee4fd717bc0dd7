"""The settings that all workers share."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, override

from pydantic import AfterValidator, Field

from runtime.auth.settings import ClientSettings
from runtime.settings import Duration, TelemetrySettings
from runtime.state_folder import state_folder


def _expand_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: this user has no home folder, name another one") from error


class WorkerSettings(ClientSettings, TelemetrySettings):
    """Working."""

    deadline: Annotated[
        Duration, Field(gt=timedelta(0), description="longest time that a stream may take")
    ] = timedelta(seconds=30)
    max_backoff: Annotated[
        Duration,
        Field(gt=timedelta(0), description="longest time between tries while a server is away"),
    ] = timedelta(seconds=10)
    data: Annotated[
        Path, AfterValidator(_expand_home), Field(description="folder of state and checkpoints")
    ] = state_folder()

    @override
    def _data(self) -> Path:
        return self.data
