"""Runs the real shop: real.py SHOP-FLAG… SHOP_PROGRAMS says where its programs are."""

import os
import sys

from tools.shop.programs import from_runfiles, from_source
from tools.shop.shop import main

if __name__ == "__main__":
    # Bazel's tests say runfiles; without Bazel there is but the source.
    where = {"runfiles": from_runfiles, "source": from_source}
    sys.exit(main(programs=where[os.environ.get("SHOP_PROGRAMS", "source")]))
