"""The pages put together, and the paths they answer at."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import Route

from identity.abuse.addresses import ClientAddresses
from identity.abuse.lockout import Lockout
from identity.abuse.rate_limit import RateLimits
from identity.clients.clients import Clients
from identity.grants.devices import Devices
from identity.logout.sign_out import SignOut
from identity.protocol.authorization import Authorization
from identity.protocol.end_session import Logout
from identity.users.consents import Consents
from identity.users.sessions import Sessions
from identity.users.users import Users
from identity.web.assets import Assets
from identity.web.authorize import AuthorizePages
from identity.web.cookies import Cookies
from identity.web.csrf import Csrf
from identity.web.device import DevicePages
from identity.web.errors import ErrorPages
from identity.web.guard import Guard
from identity.web.known_browsers import KnownBrowsers
from identity.web.links import Links
from identity.web.login import LoginPages
from identity.web.logout import LogoutPages
from identity.web.marks import Marks
from identity.web.pages import Pages
from identity.web.site import Site
from identity.web.words import Words
from runtime.clock import Clock, now_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the pages are made of. `derive` is KeyCipher's, `describe` is Resources'."""

    issuer: str
    derive: Callable[[str], bytes]
    describe: Callable[[str], str]
    limits: RateLimits
    users: Users
    sessions: Sessions
    consents: Consents
    lockout: Lockout
    addresses: ClientAddresses
    sign_out: SignOut
    authorization: Authorization
    devices: Devices
    clients: Clients
    logout: Logout
    clock: Clock = now_micros


@dataclass(frozen=True, slots=True)
class Web:
    """The routes of the pages, and the pages of errors for whoever else answers browsers."""

    routes: list[Route]
    errors: ErrorPages


def make_web(needs: Needs) -> Web:
    """Put the pages together, below the issuer's own path."""
    links = Links(needs.issuer)
    assets = Assets(links)
    pages = Pages(links, assets)
    site = Site(
        links=links,
        pages=pages,
        cookies=Cookies(secure=links.is_secure),
        csrf=Csrf(needs.derive("csrf"), links.origin),
        sessions=needs.sessions,
        users=needs.users,
        addresses=needs.addresses,
    )
    errors = ErrorPages(pages)
    guard = Guard(site, errors, needs.limits)
    return Web([*_routes(needs, site, guard), _assets_route(links, assets, guard)], errors)


def _routes(needs: Needs, site: Site, guard: Guard) -> list[Route]:
    words = Words(needs.describe)
    marks = Marks(needs.derive("login-mark"), clock=needs.clock)
    known = KnownBrowsers(needs.derive("known-browser"), clock=needs.clock)
    authorize = AuthorizePages(
        site, needs.authorization, needs.consents, marks, words, clock=needs.clock
    )
    login = LoginPages(site, needs.authorization, needs.lockout, known, marks, needs.sign_out)
    device = DevicePages(site, needs.devices, needs.clients, needs.lockout, words)
    logout = LogoutPages(site, needs.logout, needs.sign_out)
    table = (
        ("/", "GET", logout.home),
        ("/authorize", "GET", authorize.begin),
        ("/authorize", "POST", authorize.post),
        ("/consent", "POST", authorize.decide),
        ("/login", "GET", login.show),
        ("/login", "POST", login.log_in),
        ("/select-account", "POST", login.choose),
        ("/device", "GET", device.ask),
        ("/device", "POST", device.look_up),
        ("/device/confirm", "POST", device.decide),
        ("/logout", "GET", logout.begin),
        ("/logout", "POST", logout.post),
        ("/logout/confirm", "POST", logout.confirm),
        ("/logged-out", "GET", logout.gone),
    )
    return [
        Route(site.links(path), guard(handler), methods=[method]) for path, method, handler in table
    ]


def _assets_route(links: Links, assets: Assets, guard: Guard) -> Route:
    return Route(links("/assets/{name}"), guard(assets.serve), methods=["GET"])
