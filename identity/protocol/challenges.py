"""What an answer says of how to do better: one challenge a scheme (RFC 9110 §11.6.1)."""

REALM = "bodega"


def challenge(scheme: str, **parameters: str) -> str:
    """Return a challenge. Each has a realm, which Basic must have (RFC 7617 §2)."""
    named = {"realm": REALM, **parameters}
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in named.items())
