"""Blurbs of invented novels: what they are about, in many wordings, and what a reader may like about them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

GENRES: Mapping[str, tuple[str, ...]] = {
    "crime": (
        "a whodunit with a stubborn detective", "the hunt for a poisoner", "a cold case that two inspectors reopen",
        "a murder, nine suspects and no alibi", "a bank robbery that goes wrong",
    ),
    "romance": (
        "two strangers who fall for each other", "a second chance at first love", "a wedding that nearly is not one",
        "letters between sweethearts", "the courtship of a widow and her neighbour",
    ),
    "science fiction": (
        "a starship crew's last mission", "machines that begin to think", "a colony on a dying planet",
        "first contact with visitors from beyond the sun", "a time traveller who cannot get home",
    ),
    "fantasy": (
        "a young witch and her reluctant dragon", "the quest for an enchanted sword", "a thief who steals a spell",
        "elves and trolls at war", "a kingdom under a sorcerer's curse",
    ),
    "history": (
        "a chronicle of a Tudor court", "soldiers in the trenches of 1916", "a Roman senator's downfall",
        "the building of a medieval cathedral", "a queen's maid who sees a revolution coming",
    ),
    "horror": (
        "a haunting that nobody believes", "something hungry behind the cellar door", "a vampire who takes a lodger",
        "ghosts that answer the telephone", "a possessed child and her nurse",
    ),
    "sport": (
        "a boxer's way back into the ring", "a football club fighting relegation", "a cyclist who refuses the pills",
        "the making of a tennis champion", "a rowing eight against the odds",
    ),
    "family": (
        "three sisters who share an inheritance", "a father and the son he never knew", "four generations at one table",
        "a mother who leaves without a word", "twins brought up apart",
    ),
}  # fmt: skip
PLACES: Mapping[str, tuple[str, ...]] = {
    "sea": (
        "aboard an old trawler", "on a wind-beaten island", "in a fishing harbour", "along a coast of lighthouses",
        "on a liner crossing the Atlantic",
    ),
    "mountains": (
        "in a village below the glacier", "high in the Alps", "on a snowed-in pass", "in a climbers' hut",
        "among shepherds on the upper slopes",
    ),
    "city": (
        "in the back streets of a metropolis", "between skyscrapers and subway stations", "in a crowded downtown block",
        "in the nightclubs of Berlin", "on the rooftops of Paris",
    ),
    "desert": (
        "among dunes and dry wells", "with a caravan across the Sahara", "at an oasis", "in a sun-scorched border post",
        "on a salt flat without shade",
    ),
    "forest": (
        "deep in the woods", "in a lumber camp", "under thousand-year-old oaks", "in the rainforest",
        "at a hunter's cabin among the pines",
    ),
    "school": (
        "at a boarding school", "on a university campus", "in a classroom of thirty", "in the teachers' common room",
        "at a music academy",
    ),
}  # fmt: skip
MOODS: Mapping[str, tuple[str, ...]] = {
    "funny": (
        "told with dry wit", "full of jokes and slapstick", "hilarious from the first page", "written as a satire",
        "with a laugh in every chapter",
    ),
    "sad": (
        "told with quiet grief", "heartbreaking to the end", "full of mourning and regret", "bleak, tender and tearful",
        "an elegy in prose",
    ),
    "tense": (
        "told at breakneck speed", "with a twist in every chapter", "nerve-racking to the last line",
        "a page-turner that keeps you awake", "full of dread and sudden turns",
    ),
    "gentle": (
        "told with warmth and patience", "soothing as a cup of tea", "kind to all of its people", "slow and comforting",
        "full of small kindnesses",
    ),
    "learned": (
        "told with long footnotes", "full of philosophy and Latin", "thick with ideas and arguments",
        "researched to the last detail", "an essay in disguise",
    ),
}  # fmt: skip
ATTRIBUTES = (GENRES, PLACES, MOODS)
SHAPE = tuple(len(values) for values in ATTRIBUTES)
WORDINGS = 5

_FRAMES = (
    "{0} {1}, {2}.", "{2}: {0} {1}.", "{1}: {0}, {2}.", "{0}, {2}. It is set {1}.", "Set {1}, {2}: {0}.",
    "{0}. All of it happens {1}; {2}.", "{2}. {0}, {1}.",
)  # fmt: skip
_FIRST = (
    "Amber",
    "Broken",
    "Crooked",
    "Distant",
    "Empty",
    "First",
    "Green",
    "Hollow",
    "Little",
    "Narrow",
    "Quiet",
    "Red",
)
_SECOND = (
    "Door",
    "Evening",
    "Garden",
    "Hour",
    "Lamp",
    "Letter",
    "Mirror",
    "Number",
    "Road",
    "Season",
    "Thread",
    "Window",
)
_ASIDES = (
    "A debut.",
    "The first of a series.",
    "In large print.",
    "Winner of a small prize.",
    "320 pages.",
    "With a map.",
)


def blurb(rng: np.random.Generator, values: np.ndarray, wordings: int) -> str:
    """A title and a sentence or two on a novel.

    Args:
        values: numbers of its genre, place and mood.
        wordings: how many phrases an attribute's value may be put in, 1 to WORDINGS.
    """
    phrases = [
        list(attribute.values())[value][rng.integers(wordings)]
        for attribute, value in zip(ATTRIBUTES, values, strict=True)
    ]
    frame, aside = _FRAMES[rng.integers(len(_FRAMES))], _ASIDES[rng.integers(len(_ASIDES))]
    said = ". ".join(part[:1].upper() + part[1:] for part in frame.format(*phrases).split(". "))
    title = f"The {_FIRST[rng.integers(len(_FIRST))]} {_SECOND[rng.integers(len(_SECOND))]}"
    return f"{title}. {said}" + (f" {aside}" if rng.random() < 0.4 else "")
