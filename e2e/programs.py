"""Python programs for the inside of a container; each prints JSON."""

# Every file that somebody may execute, and every module that is no business of a server.
CONTENTS = """
import importlib.util, json, os
programs = []
for folder, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys", "/dev")]
    paths = [os.path.join(folder, name) for name in names]
    files = [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]
    programs += [path for path in files if os.access(path, os.X_OK)]
tools = [m for m in ("pip", "ensurepip", "setuptools", "pytest") if importlib.util.find_spec(m)]
print(json.dumps({"programs": programs, "tools": tools}))
"""

# The topmost folders in which a file can be made, and who tries.
WRITABLE = """
import json, os
found = []
for folder, folders, _ in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys", "/dev")]
    path = os.path.join(folder, "written")
    try:
        open(path, "w").close()
    except OSError:
        continue
    os.remove(path)
    found.append(folder)
    folders.clear()
print(json.dumps({"folders": found, "user": [os.getuid(), os.getgid()], "groups": os.getgroups()}))
"""

# What the process may do, and what runs as the first of the container.
PROCESS = """
import json
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines())
command = open("/proc/1/cmdline").read().split("\\0")[:-1]
print(json.dumps({"command": command} | {k: status[k] for k in ("CapEff", "CapPrm", "NoNewPrivs")}))
"""

# Loads each extension module, and with it all the shared libraries that it is linked against.
EXTENSIONS = """
import importlib, json, pathlib, sys
loaded, failed = [], {}
for root in ("/usr/lib/python3.14/lib-dynload", "/usr/local/lib/python3.14/dist-packages"):
    for path in sorted(pathlib.Path(root).rglob("*.so")):
        parts = path.relative_to(root).with_suffix("").parts
        module = ".".join((*parts[:-1], parts[-1].partition(".")[0]))
        try:
            importlib.import_module(module)
            loaded.append(module)
        except Exception as error:
            failed[module] = repr(error)
print(json.dumps({"loaded": loaded, "failed": failed}))
"""

# The files that Python compiles while it imports MODULE; anyio reads its own, which is no matter.
COMPILED = """
import json, sys
compiled = []
def watch(event, arguments):
    if event != "compile" or not str(arguments[1]).endswith(".py"):
        return
    if sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):
        compiled.append(arguments[1])
sys.addaudithook(watch)
import MODULE
print(json.dumps([str(path) for path in compiled]))
"""

# The secret that the identity server made for CLIENT at its first start.
PRIVATE_FILE = """
import json, os, stat
with open("/data/clients/CLIENT.secret") as file:
    mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    print(json.dumps({"mode": mode, "text": file.read().strip()}))
"""

# Keeps a secret where the worker looks for it.
WRITE_FILE = """
import os
os.mkdir("/data/clients", 0o700)
file = os.open("/data/clients/product-worker.secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
os.write(file, b"SECRET")
print("null")
"""
