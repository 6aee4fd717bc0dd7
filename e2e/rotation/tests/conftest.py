pytest_plugins = ["runtime.testing.databases", "runtime.testing.rpc"]
