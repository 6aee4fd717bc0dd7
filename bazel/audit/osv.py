"""A client of OSV, the database of open-source vulnerabilities (its API, version 1)."""

from collections.abc import Iterable, Iterator
from itertools import batched

import httpx
from pydantic import BaseModel, ValidationError

from bazel.audit.locked import Package

# Of queries in one request; the API takes 1,000 at most.
BATCH = 500

# Versions with vulnerabilities that are long known. A database that finds none for them has no data
# of their ecosystem, so that its silence about other packages would say nothing.
KNOWN = {
    "Debian": ("openssl", "1.0.1e-2"),  # CVE-2014-0160, Heartbleed
    "PyPI": ("jinja2", "2.4.1"),  # CVE-2014-1402
}


class OsvError(Exception):
    """The database cannot be asked, or its answer cannot be used."""


class Reference(BaseModel):
    """A vulnerability by its identifier."""

    id: str


class Result(BaseModel):
    """What is known of one package; with a token where there is more."""

    vulns: list[Reference] = []
    next_page_token: str = ""


class Results(BaseModel):
    """Results in the order of the queries."""

    results: list[Result]


class Event(BaseModel):
    """The version in which a vulnerability is fixed, or another event."""

    fixed: str = ""


class Range(BaseModel):
    """Versions between events."""

    events: list[Event] = []


class Affected(BaseModel):
    """A package that is affected."""

    class Name(BaseModel):
        """Its name."""

        ecosystem: str
        name: str

    package: Name | None = None
    ranges: list[Range] = []


class Vulnerability(BaseModel):
    """What is said of a vulnerability."""

    id: str
    aliases: list[str] = []
    summary: str = ""
    affected: list[Affected] = []

    def fixes(self, package: Package) -> list[str]:
        """Return the versions of a package in which this is fixed."""
        return [
            event.fixed
            for affected in self.affected
            if affected.package
            and (affected.package.ecosystem, affected.package.name)
            == (package.ecosystem, package.name)
            for each in affected.ranges
            for event in each.events
            if event.fixed
        ]


class Osv:
    """The database at a URL."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _call[T: BaseModel](self, answer: type[T], method: str, path: str, body: object) -> T:
        url = self._client.base_url.join(path)
        try:
            response = self._client.request(method, path, json=body).raise_for_status()
            return answer.model_validate_json(response.content)
        except httpx.HTTPError as error:
            message = f"{url}: {str(error) or type(error).__name__}"
            raise OsvError(message) from error
        except ValidationError as error:
            message = f"{url}: not an answer of OSV: {response.text[:80]!r}"
            raise OsvError(message) from error

    def _pages(self, packages: Iterable[Package]) -> Iterator[tuple[Package, str]]:
        """Yield each package with the identifier of each of its vulnerabilities."""
        asked = [(package, "") for package in packages]
        while asked:
            queries = [
                {
                    "package": {"ecosystem": package.ecosystem, "name": package.name},
                    "version": package.version,
                }
                | ({"page_token": token} if token else {})
                for package, token in asked
            ]
            found = self._call(Results, "POST", "v1/querybatch", {"queries": queries}).results
            if len(found) != len(asked):
                message = f"OSV gave {len(found)} results for {len(asked)} packages"
                raise OsvError(message)
            for (package, _), result in zip(asked, found, strict=True):
                yield from ((package, each.id) for each in result.vulns)
            asked = [
                (package, result.next_page_token)
                for (package, _), result in zip(asked, found, strict=True)
                if result.next_page_token
            ]

    def find(self, packages: list[Package]) -> dict[Package, list[Vulnerability]]:
        """Return the vulnerabilities of those packages that have any.

        Raises OsvError also where the database has no data of a package's ecosystem.
        """
        ecosystems = {package.ecosystem for package in packages}
        known = [Package(each, *KNOWN[each.partition(":")[0]]) for each in sorted(ecosystems)]
        found: dict[Package, set[str]] = {}
        for batch in batched([*known, *packages], BATCH, strict=False):
            for package, identifier in self._pages(batch):
                found.setdefault(package, set()).add(identifier)
        if blind := [package.ecosystem for package in known if package not in found]:
            message = f"OSV has no data of {', '.join(blind)}"
            raise OsvError(message)
        read = {
            identifier: self._call(Vulnerability, "GET", f"v1/vulns/{identifier}", None)
            for package in packages
            for identifier in found.get(package, ())
        }
        return {
            package: [read[identifier] for identifier in sorted(found[package])]
            for package in packages
            if package in found
        }
