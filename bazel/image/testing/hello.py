"""A program that is small, and yet has a wheel and generated code: what an image is tried with."""

import grpc

from bodega.product.v1 import product_pb2

if __name__ == "__main__":
    print(product_pb2.DESCRIPTOR.package, grpc.__version__)
