"""What the server does without until somebody needs it: memory that most never pay for."""

from runtime.testing.modules import DEAR, modules_of

HERE = {"grpc", "google.protobuf", "httpx", "jinja2"}


def test_the_server_imports_nothing_dear_that_it_may_never_use() -> None:
    imported = modules_of("identity.server")
    assert "identity.server" in imported
    assert imported & (DEAR | HERE) == set()
