pytest_plugins = ["runtime.testing.rpc", "runtime.testing.tokens"]
