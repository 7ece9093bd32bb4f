"""Numbers as dialled in a region: the candidate, built with the cargo feature `phone`, says what phonenumbers says.

Both have the same metadata; a service whose phonenumbers has other gets `phone.metadata`, which the binding tests hold.
"""

import json
import os
import subprocess
from pathlib import Path
from random import Random

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

ROOT = Path(__file__).resolve().parents[2]
COUNT = 20_000 if os.environ.get("CROSSFADE_LONG") else 2_000
REGIONS = ["US", "DE", "GB", "IT", "AR", "BR", "MX", "JP", "CN", "IN", "RU", "FR", "CH", "AU", "SG", "CI"]
METADATA = "9.0.42"


def control(text: str, region: str) -> tuple[str, str]:
    """The four steps of the chapter, in phonenumbers' words."""
    if not text.isascii() or len(text) > 250:
        return "unsupported", "phone.form"
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return "invalid", "invalid_phone"
    if number.extension:
        return "unsupported", "phone.form"
    if not phonenumbers.is_valid_number(number):
        return "invalid", "invalid_phone"
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if written != text and control(written, region) != ("same", ""):
        return "unsupported", "phone.form"
    return ("same", "") if written == text else ("string", written)


def spelled(dice: Random) -> tuple[str, str]:
    """A region, and a number near one of its own: in the ways that people write it, with a digit off, with noise."""
    region = dice.choice(REGIONS)
    kind = dice.choice([0, 1, 2, 3, 6])
    example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    form = dice.choice([PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, 3])
    text = phonenumbers.format_number(example, form)
    if dice.random() < 0.5:
        at = dice.randrange(len(text))
        text = text[:at] + dice.choice("0123456789") + text[at + dice.choice([0, 1]) :]
    noise = ["", "", "", " ", "00", "0", "(0)", " ext. 5", "x", ";isub=1", "/", ".", "A", "１", "tel:", "~"]
    return region, dice.choice([dice.choice(noise) + text, text + dice.choice(noise), text])


def test_numbers_are_read_as_phonenumbers_reads_them() -> None:
    """Same metadata, same answer: E.164, refused, or left to the control."""
    assert phonenumbers.__version__ == METADATA
    dice = Random(7)
    asked = [spelled(dice) for _ in range(COUNT)]
    questions = [
        {"rule": f'phone = {{ region = "{region}" }}', "kind": "string", "text": text} for region, text in asked
    ]
    command = ["cargo", "run", "-q", "-p", "crossfade-core", "--features", "phone", "--example", "field_trace"]
    sent = "".join(json.dumps(question) + "\n" for question in questions)
    said = subprocess.run(command, cwd=ROOT, input=sent, stdout=subprocess.PIPE, check=True, text=True).stdout
    answers = [json.loads(line) for line in said.splitlines()]
    assert len(answers) == COUNT

    kinds: dict[str, int] = {}
    for (region, text), answer in zip(asked, answers, strict=True):
        wanted = control(text, region)
        kinds[wanted[0]] = kinds.get(wanted[0], 0) + 1
        given = (answer["answer"], answer.get("text") or answer.get("code") or "")
        assert given == wanted, (region, text)
    assert min(kinds[kind] for kind in ("same", "string", "invalid", "unsupported")) > COUNT / 100, kinds
