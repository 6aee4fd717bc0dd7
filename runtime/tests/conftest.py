pytest_plugins = [
    "runtime.testing.databases",
    "runtime.testing.garbage_collector",
    "runtime.testing.rpc",
]
