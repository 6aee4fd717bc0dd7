"""The endpoints that clients call, beside the token endpoint."""
