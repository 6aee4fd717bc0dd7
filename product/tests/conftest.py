import pytest

pytest_plugins = ["runtime.testing.databases", "runtime.testing.rpc"]


@pytest.fixture
def migrations() -> str:
    return "product.migrations"
