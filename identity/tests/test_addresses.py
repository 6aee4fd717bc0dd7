import pytest
from pydantic import ValidationError

from identity.abuse.addresses import ClientAddresses
from identity.settings import AbuseSettings

PROXIES = "10.0.0.0/8, 2001:db8:1::/48,127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # Not a proxy of ours: not believed.
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),  # The first is forged.
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("2001:db8:1::5", ["2001:db8:2:3:4:5:6:7"], "2001:db8:2:3::/64"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("fe80::1%eth0", [], "fe80::/64"),
        (None, ["198.51.100.1"], "unknown"),
        ("testclient", [], "unknown"),
    ],
)
def test_the_address_is_the_last_that_no_proxy_of_ours_has(
    peer: str | None, forwarded: list[str], address: str
) -> None:
    assert ClientAddresses(PROXIES).of(peer, forwarded) == address


def test_with_no_proxy_nothing_is_believed() -> None:
    assert ClientAddresses("").of("127.0.0.1", ["198.51.100.1"]) == "127.0.0.1"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        ClientAddresses("10.0.0.0/8, nonsense")


def test_the_server_does_not_start_with_what_is_no_network() -> None:
    assert AbuseSettings(trusted_proxies=PROXIES).trusted_proxies == PROXIES
    with pytest.raises(ValidationError, match="nonsense: must be an address or a network"):
        AbuseSettings(trusted_proxies="10.0.0.0/8, nonsense")
