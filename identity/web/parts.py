"""What the pages bring to the server, each made once."""

from collections.abc import Awaitable, Callable

from identity.abuse.lockout import Lockout
from identity.logout.backchannel import Backchannel
from identity.logout.logout_notices import LogoutNotices
from identity.logout.outgoing import Outgoing
from identity.logout.sign_out import SignOut
from identity.parts import Parts
from identity.users.consents import Consents
from identity.users.sessions import Sessions
from identity.web.routes import Needs, Web, make_web


class WebParts:
    """Sessions and what hangs on them, over the parts of the protocol."""

    def __init__(self, parts: Parts, http: Outgoing) -> None:
        base, settings = parts.base, parts.base.settings
        database, clock = base.database, base.clock
        self.sessions = Sessions(
            database,
            lifetime=settings.session_lifetime,
            idle=settings.session_idle,
            clock=clock,
        )
        self.lockout = Lockout(database, settings, clock=clock)
        self.notices = LogoutNotices(database, clock=clock)
        self.backchannel = Backchannel(self.notices, base.clients, parts.tokens, http)
        self._parts = parts

    def make_web(self) -> Web:
        """Return the routes of the pages, and the pages of errors."""
        parts, base = self._parts, self._parts.base
        needs = Needs(
            issuer=base.issuer,
            derive=base.cipher.derive,
            describe=base.resources.describe,
            limits=parts.server.needs.address_limits,
            users=parts.users,
            sessions=self.sessions,
            consents=Consents(base.database, clock=base.clock),
            lockout=self.lockout,
            addresses=parts.addresses,
            sign_out=SignOut(self.sessions, self.backchannel.wake),
            authorization=parts.authorization,
            devices=parts.devices,
            clients=base.clients,
            logout=parts.logout,
            clock=base.clock,
        )
        return make_web(needs)

    def purges(self) -> list[Callable[[int], Awaitable[int]]]:
        """Return what forgets sessions, failures and notices that are over."""
        return [self.sessions.purge, self.lockout.purge, self.notices.purge]
