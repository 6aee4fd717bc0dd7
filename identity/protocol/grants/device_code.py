"""A device without a browser asks until its user has approved elsewhere (RFC 8628)."""

from typing import Any, override

from authlib.oauth2.rfc8628 import DeviceCodeGrant as AuthlibGrant
from authlib.oauth2.rfc8628 import DeviceCredentialMixin

from identity.grants.devices import DeviceRequest, Poll
from identity.grants.grants import NewGrant
from identity.model import User
from identity.protocol.errors import InvalidGrantError
from identity.protocol.issuing import Issue
from identity.protocol.sync import wait
from identity.protocol.token_endpoint import TokenGrant


class PresentedDeviceCode(DeviceCredentialMixin):
    """A device code, as Authlib asks about it."""

    def __init__(self, poll: Poll, *, expired: bool) -> None:
        self.poll = poll
        self._expired = expired

    @override
    def get_client_id(self) -> str:
        return self.poll.request.client_id

    @override
    def get_scope(self) -> str:
        return " ".join(self.poll.request.scopes)

    @override
    def get_user_code(self) -> str:
        return self.poll.request.user_code

    @override
    def is_expired(self) -> bool:
        return self._expired


class DeviceCodeGrant(TokenGrant, AuthlibGrant):
    """The device code is used up in the one transaction that begins its family."""

    @override
    def query_device_credential(self, device_code: str) -> PresentedDeviceCode:
        needs = self.server.needs
        poll = wait(needs.devices.poll(device_code, self.client.get_client_id()))
        if poll is None or poll.request.state == "consumed":
            raise InvalidGrantError("Invalid 'device_code' in payload")
        self._poll = poll
        return PresentedDeviceCode(poll, expired=poll.request.expire_time <= needs.clock())

    @override
    def query_user_grant(self, user_code: str) -> tuple[User | None, bool] | None:
        request = self._poll.request
        if request.state == "approved" and request.user_id is not None:
            return self.find_user(request.user_id), True
        return (None, False) if request.state == "denied" else None

    @override
    def should_slow_down(self, credential: PresentedDeviceCode) -> bool:
        return credential.poll.too_fast

    @override
    def generate_token(
        self, user: User, scope: str, include_refresh_token: bool = True, **_options: Any
    ) -> dict[str, Any]:
        request, needs = self._poll.request, self.server.needs
        reach = needs.scopes.within(request.scopes, request.resources, self.request.resources)
        redeemed = wait(
            needs.devices.redeem(request, self._new_grant(request), refresh=include_refresh_token)
        )
        if redeemed is None:
            raise InvalidGrantError("Invalid 'device_code' in payload")
        grant, refreshable = redeemed
        client = self.client.registered
        token = self.issue(
            Issue(client=client, reach=reach, jkt=self.request.jkt, user=user, grant=grant)
        )
        if refreshable.refresh_token is not None:
            token["refresh_token"] = refreshable.refresh_token
        self.audit_issue(user_id=user.user_id, scope=token["scope"])
        return token

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        """Nothing is left to do: `generate_token` has redeemed the device code."""

    def _new_grant(self, request: DeviceRequest) -> NewGrant:
        needs = self.server.needs
        assert request.user_id is not None  # noqa: S101 (it was approved)
        now = needs.clock()
        return NewGrant(
            client_id=request.client_id,
            user_id=request.user_id,
            sid=request.sid,
            scopes=request.scopes,
            resources=request.resources,
            auth_time=request.auth_time or now,
            expire_time=now + needs.grant_lifetime,
            dpop_jkt=self.bound_jkt(),
        )
