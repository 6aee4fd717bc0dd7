pytest_plugins = ["runtime.testing.browser"]
