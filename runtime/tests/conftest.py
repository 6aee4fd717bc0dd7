pytest_plugins = ["runtime.testing.databases"]
