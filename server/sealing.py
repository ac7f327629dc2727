"""Private words kept so that a copy of the database alone does not show them.

AES-256-GCM; the key is derived from a secret of the server, and what is sealed is bound to what it
belongs to, so that it cannot be passed off as somebody else's.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES: Final = 12


class Sealer:
    """Seals and opens bytes. `purpose` parts the keys made of one secret."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
        self._cipher = AESGCM(derive.derive(secret))

    def seal(self, words: bytes, belongs_to: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, words, belongs_to.encode())

    def unseal(self, sealed: bytes, belongs_to: str) -> bytes | None:
        """None when they were sealed with another secret or for somebody else."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, belongs_to.encode())
        except (InvalidTag, ValueError):
            return None
