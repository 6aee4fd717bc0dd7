"""Another application with the dependencies of hello."""

from bazel.image.testing import hello

if __name__ == "__main__":
    print("howdy,", hello.__doc__)
