"""The slips of people who type: each function returns another text or date, or the same.

Kinds of slips after the registry rules of Poitou-Charentes and the error types of FEBRL (Christen 2012): one
key wrong, one letter left out, doubled or exchanged with the next, another spelling of the same sound; day
and month exchanged, one digit wrong, one off, ten years off.
"""

from __future__ import annotations

from calendar import monthrange

import numpy as np

# Keys beside each other on a French keyboard.
NEIGHBOURS = dict(
    pair.split(":")
    for pair in [
        "A:ZQ",
        "B:VGN",
        "C:XDV",
        "D:SEFC",
        "E:ZRD",
        "F:DRGV",
        "G:FTHB",
        "H:GYJN",
        "I:UOK",
        "J:HUKN",
        "K:JIL",
        "L:KOM",
        "M:LP",
        "N:BHJ",
        "O:IPL",
        "P:OM",
        "Q:AWS",
        "R:ETF",
        "S:QZDX",
        "T:RYG",
        "U:YIJ",
        "V:CFB",
        "W:QXS",
        "X:WSC",
        "Y:TUH",
        "Z:AES",
    ]
)
# Spellings of one sound; each may be written for the other.
SOUNDS = tuple(
    tuple(pair.split("/"))
    for pair in [
        "PH/F",
        "EAU/AU",
        "AUD/AULT",
        "AU/O",
        "TH/T",
        "Y/I",
        "SS/C",
        "QU/K",
        "CK/K",
        "LL/L",
        "NN/N",
        "TT/T",
        "RR/R",
        "MM/M",
        "EN/AN",
        "AIN/IN",
        "EZ/ES",
        "ET/AY",
        "C/K",
        "Z/S",
        "EE/E",
        "HE/E",
        "GN/NI",
        "EUX/EU",
    ]
)


def misspelt(rng: np.random.Generator, name: str) -> str:
    """One slip in `name` (upper case). Names of one letter come back unchanged."""
    if len(name) < 2:
        return name
    kind = rng.random()
    at = int(rng.integers(1, len(name)))
    letter = name[at]
    if kind < 0.30:
        return name[:at] + name[at + 1 :]
    if kind < 0.45:
        return name[:at] + letter + name[at:]
    if kind < 0.60:
        return name[: at - 1] + letter + name[at - 1] + name[at + 1 :]
    if kind < 0.80 and letter in NEIGHBOURS:
        keys = NEIGHBOURS[letter]
        return name[:at] + keys[rng.integers(len(keys))] + name[at + 1 :]
    first = int(rng.integers(len(SOUNDS)))
    for a, b in SOUNDS[first:] + SOUNDS[:first]:
        for written, heard in ((a, b), (b, a)):
            if written in name:
                return name.replace(written, heard, 1)
    return name[:at] + name[at + 1 :]


def mistyped_digits(rng: np.random.Generator, number: str) -> str:
    """One digit of a telephone number or postal code wrong, or two neighbours exchanged."""
    at = int(rng.integers(1, len(number)))
    if rng.random() < 0.5:
        return number[: at - 1] + number[at] + number[at - 1] + number[at + 1 :]
    return number[:at] + str(rng.integers(10)) + number[at + 1 :]


def wrong_date(rng: np.random.Generator, date: str) -> str:
    """One slip in a date YYYY-MM-DD: another valid date, or the same one where the slip has no room."""
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
    kind = rng.random()
    if kind < 0.35 and day <= 12:
        month, day = day, month
    elif kind < 0.60:
        day = int(rng.integers(1, 29))
    elif kind < 0.75:
        day = min(max(day + int(rng.choice([-1, 1])), 1), 28)
    elif kind < 0.85:
        month = int(rng.integers(1, 13))
    elif kind < 0.93:
        year += int(rng.choice([-1, 1]))
    else:
        year += int(rng.choice([-10, 10]))
    return f"{year:04d}-{month:02d}-{min(day, monthrange(year, month)[1]):02d}"


def default_date(rng: np.random.Generator, date: str) -> str:
    """What a registrar writes who knows the year alone, or year and month."""
    kind = rng.random()
    if kind < 0.6:
        return f"{date[:4]}-01-01"
    return f"{date[:4]}-12-31" if kind < 0.8 else f"{date[:7]}-01"
