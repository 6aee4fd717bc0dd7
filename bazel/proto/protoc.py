"""protoc, as grpcio-tools carries it."""

import sys

from grpc_tools import protoc

sys.exit(protoc.main(sys.argv))
