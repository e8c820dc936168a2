"""The scripts that a library sent, and how the server runs them; all suites in Python and of compiled languages ask."""

import hashlib


def scripts_in(commands):
    """The different texts of all scripts that a recording heard, in their order."""
    texts = {}
    for words in commands:
        name = words[0].upper()
        if name in (b"EVAL", b"EVAL_RO"):
            texts[words[1]] = None
        if name == b"SCRIPT" and words[1].upper() == b"LOAD":
            texts[words[2]] = None
    return list(texts)


def reasons_for_lua(scripts, call):
    """Why scripts do not run natively: a reason for each that does not, by its text.

    `call` sends a command to a server that may learn the scripts, and returns its reply.
    """
    reasons = {}
    for text in scripts:
        call("SCRIPT", "LOAD", text)
        answer = call("SCRIPT", "EXPLAIN", hashlib.sha1(text).hexdigest())
        fields = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2]))
        if fields[b"runs"] != b"native":
            reasons[text] = fields[b"reason"].decode()
    return reasons
