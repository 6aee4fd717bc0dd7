"""Two replicas with clocks and polls of their own, while tokens are made and read all the time."""

import asyncio
from collections import deque
from datetime import timedelta

from identity.keys.key_cipher import KeyCipher
from identity.keys.key_store import KeyStore
from identity.keys.signing_keys import SigningKeys
from identity.keys.tokens import Tokens
from identity.settings import KeySettings
from runtime.migrate import upgrade
from runtime.testing.databases import open_patiently

ROTATIONS = 10
SETTINGS = KeySettings.model_validate(
    {"key_period": "300ms", "key_announce": "200ms", "key_poll": "20ms"}
)
LIFETIME = timedelta(minutes=10)
MOST_KEPT = 1000


class Replica:
    """A server, as far as tokens go, with its own connection to the database."""

    def __init__(self, keys: SigningKeys) -> None:
        self.keys = keys
        self.tokens = Tokens(
            "https://identity.example",
            keys,
            access_token_lifetime=LIFETIME,
            id_token_lifetime=LIFETIME,
        )
        self.kids: dict[str, None] = {}

    def issue(self) -> str:
        self.kids[self.keys.signer().kid] = None
        return self.tokens.access_token(subject="a", client_id="a", scopes=["read"])[0]


async def test_keys_rotate_ten_times_and_no_call_fails(database_url: str) -> None:
    await upgrade(database_url, "identity.migrations")
    databases = [await open_patiently(database_url) for _ in range(2)]
    cipher = KeyCipher([bytes(32)])
    replicas = [
        Replica(await SigningKeys.open(each, cipher, SETTINGS, token_lifetime=LIFETIME))
        for each in databases
    ]
    followers = [asyncio.create_task(each.keys.follow_for_ever()) for each in replicas]
    kept: deque[str] = deque(maxlen=MOST_KEPT)
    async with asyncio.timeout(120):
        while min(len(each.kids) for each in replicas) <= ROTATIONS:
            kept.extend(each.issue() for each in replicas)
            for index in (0, len(kept) // 2, -1):  # Whichever replica made it.
                for replica in replicas:
                    assert await replica.tokens.read_access_token(kept[index]) is not None
            await asyncio.sleep(0.001)  # Let the followers follow.
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    table = await KeyStore(databases[0]).read()
    signed = {kid for each in replicas for kid in each.kids}
    assert signed <= {key.kid for key in table.keys}, "one had keys of its own"
    for each in databases:
        await each.close()
