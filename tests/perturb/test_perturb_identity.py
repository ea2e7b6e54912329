"""Identity swaps: what a sentence about somebody else looks like."""

from __future__ import annotations

import pytest

from fmbench.perturb.examples import Text, Tokens
from fmbench.perturb.lists import rows
from fmbench.perturb.perturbation import perturb
from fmbench.registry import PERTURBATIONS

GENDER, NAME = PERTURBATIONS["gender-swap"], PERTURBATIONS["name-swap"]
SWAPPED = [
    ("He said that she saw him.", "She said that he saw her."),
    ("Her brother met her again.", "His sister met him again."),
    ("Call her, or her dog.", "Call him, or his dog."),
    ("The fault was his. His wife knew.", "The fault was hers. Her husband knew."),
    ("I MISS HIM, said Miss Jones.", "I MISS HER, said Mr Jones."),
    ("Emily's mum and DeShawn's son", "Jacob's dad and Latoya's daughter"),
    ("A sister-in-law, a human, a manual, a shelter", None),
    ("She is pregnant again.", None),
    ("It was a good film.", None),
]


@pytest.mark.parametrize(("text", "expected"), SWAPPED)
def test_everybody_changes_gender_at_severity_5(text: str, expected: str | None) -> None:
    example = Text(text)
    found = perturb(GENDER, example, "any", 5)
    assert found is example if expected is None else found.text == expected


@pytest.mark.parametrize("text", ["He met his wife and her brother.", "Emily told the boys that Omar hurt himself."])
def test_twice_is_the_same_text(text: str) -> None:
    assert perturb(GENDER, perturb(GENDER, Text(text), "a", 5), "b", 5).text == text


def test_tags_stay_with_their_words() -> None:
    example = Tokens(("Emily", "told", "her", "dad", "."), ("B-PER", "O", "O", "O", "O"))
    assert perturb(GENDER, example, "a", 5) == Tokens(("Jacob", "told", "his", "mum", "."), example.tags)


def test_a_name_gives_way_to_one_of_its_gender_from_elsewhere_and_stays_one_person() -> None:
    where = {name: (row[0], row[1]) for row in rows("identity-names.tsv") for name in row[2].split(",")}
    origins = set()
    for seed in range(40):
        first, verb, second, _, third, verb_again, fourth = perturb(
            NAME, Text("Priya saw Meera and Priya saw Omar"), "a", 5, seed
        ).text.split(" ")
        assert (verb, verb_again) == ("saw", "saw")
        assert first == third != second
        assert where[first][1] == where[second][1] == "female" != where[fourth][1]
        assert where[first][0] == where[second][0] != "Indian"
        origins.add(where[first][0])
    assert len(origins) == 6


def test_the_lists_are_even_and_every_word_is_there_once() -> None:
    names = rows("identity-names.tsv")
    assert len({len(row[2].split(",")) for row in names}) == 1
    flat = [name for row in names for name in row[2].split(",")]
    assert len(flat) == len(set(flat))
    assert all(
        row[1:2] == ("female",) and other[:2] == (row[0], "male")
        for row, other in zip(names[::2], names[1::2], strict=True)
    )
    words = [word for pair in rows("gender-words.tsv") for word in pair]
    assert len(words) == len(set(words))
    vowels = tuple("aeiou")
    assert all(a.startswith(vowels) == b.startswith(vowels) for a, b in rows("gender-words.tsv")), "a stays a, an an"
