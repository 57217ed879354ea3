#!/usr/bin/env python3
"""Opens stored values with a given key: an independent reading of the envelope for the tests.

It shares no code with keyrotation; the ciphers are OpenSSL's, by way of the package
`cryptography` (Debian: python3-cryptography; pip: cryptography).

Standard input:  one JSON object a line, {"key": …, "value": …}
    key    as in deployment.toml: 48 or 64 characters are hexadecimal, others the key's bytes
    value  the text of the column, or of the property in a file

Standard output: one JSON object a line, in the same order, either
    {"plaintext": <hex>, "form": "gcm" | "ecb" | "cbc" | "empty", "t": …, "iv": <bytes>,
     "keyId": … (or null), "ownKeyId": whether keyId is the given key's, "exact": …}
or
    {"error": <why>}

`exact` says that the text is, byte for byte, one that the server itself could have written:
clean base64, the members in Gson's order, no spaces or escapes, inner and outer IV the same.
An error on one line never stops the others; the exit code is 0 unless a line is no request.
"""

import base64
import binascii
import functools
import gc
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
GCM = {"aes/gcm/nopadding"}
ECB = {"aes", "aes/ecb/pkcs5padding", "aes/ecb/pkcs7padding"}
CBC = {"aes/cbc/pkcs5padding", "aes/cbc/pkcs7padding"}


class NotOpened(Exception):
    """Why a value does not open."""


@functools.cache
def key_bytes(text):
    raw = bytes.fromhex(text) if len(text) in (48, 64) else text.encode()
    if len(raw) not in (16, 24, 32):
        raise NotOpened(f"a key of {len(raw)} bytes")
    return raw


@functools.cache
def key_id(key):
    return b64(hashlib.sha256(key).digest())


@functools.cache
def gcm(key):
    return AESGCM(key)


def decode(text):
    """Base64 as the server reads it: foreign characters skipped, a broken end dropped."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)  # the same of clean base64, much sooner
    except ValueError:
        pass
    kept = "".join(c for c in text if c in ALPHABET or c == "=")
    kept = kept[: len(kept) // 4 * 4]
    out = b""
    for start in range(0, len(kept), 4):
        quantum = kept[start : start + 4]
        a, b, c, d = (127 if char == "=" else ALPHABET.index(char) for char in quantum)
        three = bytes([(a << 2 | b >> 4 & 3) & 255, (b << 4 | c >> 2 & 15) & 255, (c << 6 | d & 63) & 255])
        out += three[: 1 if quantum[2] == "=" else 2 if quantum[3] == "=" else 3]
    return out


def json_object(raw, what):
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise NotOpened(f"{what} is no JSON") from error
    if not isinstance(value, dict):
        raise NotOpened(f"{what} is no JSON object")
    return value


def member(holder, name, what):
    text = holder.get(name)
    if not isinstance(text, str):
        raise NotOpened(f"{what} has no {name}")
    return text


def unpad(padded):
    unpadder = padding.PKCS7(128).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise NotOpened("wrong padding") from error


def decrypt_blocks(key, mode, ciphertext):
    if len(ciphertext) % 16:
        raise NotOpened(f"a ciphertext of {len(ciphertext)} bytes")
    decryptor = Cipher(algorithms.AES(key), mode).decryptor()
    return unpad(decryptor.update(ciphertext) + decryptor.finalize())


def b64(raw):
    return base64.b64encode(raw).decode()


GSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def gson(members):
    return GSON.encode(members).encode()


def open_value(key, value):
    outer = json_object(decode(value), "the stored text")
    c = decode(member(outer, "c", "the envelope"))
    t = member(outer, "t", "the envelope")
    result = {"plaintext": "", "form": "empty", "t": t, "iv": 0, "keyId": None, "ownKeyId": False}
    name = t.lower()
    if name in GCM:
        inner = json_object(c, "the inner text")
        ciphertext = decode(member(inner, "cipher", "the inner object"))
        iv = decode(member(inner, "initializationVector", "the inner object"))
        result |= {"iv": len(iv), "keyId": inner.get("keyId"), "ownKeyId": inner.get("keyId") == key_id(key)}
        written = {"cipher": b64(ciphertext), "initializationVector": b64(iv)}
        if "keyId" in inner:
            written["keyId"] = inner["keyId"]
        written = {"c": b64(gson(written)), "t": t, "iv": b64(iv)}
        if ciphertext:
            try:
                plaintext = gcm(key).decrypt(iv, ciphertext, None)
            except InvalidTag as error:
                raise NotOpened("wrong tag") from error
            result |= {"plaintext": plaintext.hex(), "form": "gcm"}
    elif name in ECB | CBC:
        written = {"c": b64(c), "t": t}
        mode, form = modes.ECB(), "ecb"
        if name in CBC:
            iv = decode(member(outer, "iv", "the envelope"))
            if len(iv) != 16:
                raise NotOpened(f"an IV of {len(iv)} bytes")
            written["iv"] = b64(iv)
            result["iv"] = len(iv)
            mode, form = modes.CBC(iv), "cbc"
        if c:
            result |= {"plaintext": decrypt_blocks(key, mode, c).hex(), "form": form}
    else:
        raise NotOpened(f"transformation {t!r}")
    result["exact"] = value == b64(gson(written))
    return result


def answer(line):
    request = json.loads(line)
    try:
        return open_value(key_bytes(request["key"]), request["value"])
    except (NotOpened, ValueError) as error:
        return {"error": str(error)}


def main():
    gc.disable()  # it makes no circles, and looking for them takes a tenth of its time
    rest = b""
    while read := os.read(0, 1 << 16):
        *lines, rest = (rest + read).split(b"\n")
        # All that came together are answered together: who asks is not woken for each.
        sys.stdout.write("".join(json.dumps(answer(line)) + "\n" for line in lines))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
