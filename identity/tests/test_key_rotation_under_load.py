"""Two replicas with clocks and polls of their own, while tokens are made and read all the time."""

import asyncio
from datetime import timedelta

from identity.keys.key_cipher import KeyCipher
from identity.keys.signing_keys import SigningKeys
from identity.keys.tokens import Tokens
from identity.settings import KeySettings
from runtime.clock import SECOND, now_micros
from runtime.database import open_database
from runtime.migrate import upgrade

ROTATIONS = 10
SETTINGS = KeySettings.model_validate(
    {"key_period": "300ms", "key_announce": "200ms", "key_poll": "20ms"}
)
LIFETIME = timedelta(seconds=2)


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
    databases = [await open_database(database_url) for _ in range(2)]
    cipher = KeyCipher([bytes(32)])
    replicas = [
        Replica(await SigningKeys.open(each, cipher, SETTINGS, token_lifetime=LIFETIME))
        for each in databases
    ]
    followers = [asyncio.create_task(each.keys.follow_for_ever()) for each in replicas]
    kept: list[tuple[int, str]] = []
    read = 0
    async with asyncio.timeout(60):
        while min(len(each.kids) for each in replicas) <= ROTATIONS:
            kept += [(now_micros(), each.issue()) for each in replicas]
            # What was made in the last second and a half, whichever replica made it.
            kept = [(time, token) for time, token in kept if now_micros() - time < 3 * SECOND // 2]
            for index in (0, len(kept) // 2, -1):
                time, token = kept[index]
                for replica in replicas:
                    claims = await replica.tokens.read_access_token(token)
                    assert claims is not None or now_micros() - time > SECOND
                    read += 1
            await asyncio.sleep(0.001)  # Let the followers follow.
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    assert read > 1000
    one, two = (set(each.kids) for each in replicas)
    assert len(one | two) <= max(len(one), len(two)) + 1, "each had keys of its own"
    for each in databases:
        await each.close()
