"""Where a device begins (RFC 8628 §3.1)."""

from typing import Any, override
from urllib.parse import urlencode

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import Endpoint
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE

from identity.grants.devices import readable
from identity.protocol.client_authentication import METHODS
from identity.protocol.errors import UnauthorizedClientError
from identity.protocol.request import Request
from identity.protocol.sync import wait


class DeviceAuthorizationEndpoint(Endpoint):
    """Authlib's own checks neither the client's grants nor its scopes, so it is not used."""

    ENDPOINT_NAME = "device_authorization"

    def __init__(self, verification_uri: str) -> None:
        super().__init__()
        self._verification_uri = verification_uri

    @override
    def create_endpoint_response(self, request: Request) -> tuple[int, Any, Any]:
        client = self.server.authenticate_client(request, METHODS, self.ENDPOINT_NAME)
        if not client.check_grant_type(DEVICE_CODE_GRANT_TYPE):
            raise UnauthorizedClientError("The client may not use device codes.")
        needs = self.server.needs
        reach = needs.scopes.requested(
            client.registered, request.payload.scope, request.resources, user=True
        )
        started = needs.devices.start(client.get_client_id(), reach.scopes, reach.resources)
        device_code, user_code = wait(started)
        shown = readable(user_code)
        body = {
            "device_code": device_code,
            "user_code": shown,
            "verification_uri": self._verification_uri,
            "verification_uri_complete": (
                f"{self._verification_uri}?{urlencode({'user_code': shown})}"
            ),
            "expires_in": needs.devices.lifetime_seconds,
            "interval": needs.devices.interval_seconds,
        }
        return 200, body, default_json_headers
