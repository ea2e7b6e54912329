"""The small data of one's own that docs/data.md shows: every file that its suites name, the same each time."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.io import wavfile

PARTS = ["pump", "lid", "handle", "motor", "display", "filter", "cable", "hinge", "delivery", "manual"]
PRAISE = ["runs quietly", "is a joy to use", "still looks like new", "does what it says", "was worth every penny"]
BLAME = ["rattles badly", "came loose", "stopped working", "smells of burnt rubber", "was a waste of money"]
SINCE = ["after a month", "on the first day", "since Easter", "in spite of daily use", "and nobody answers the phone"]
PEOPLE = ["Ada Byron", "Carl Gauss", "Emmy Noether", "Leonhard Euler", "Sofia Kovalevskaya", "Alan Turing", "Hypatia"]
PLACES = ["Paris", "New York", "Lake Como", "Basel", "Königsberg", "Alexandria", "St Petersburg", "Oslo"]
SAYINGS = [
    "{p} visited {l} {d} .",
    "In {l} , {p} gave a talk {d} .",
    "The train to {l} was late {d} .",
    "{p} could not come {d} , said {p} .",
    "Nobody knew why {p} had left {l} {d} .",
    "It rained {d} , and {d} too .",
]
DAYS = ["in spring", "last week", "at noon", "on Monday", "in May", "again", "on the first of June", "all day long"]
TOPICS = {
    "bread": ["Sourdough for beginners", "Rye loaf with caraway", "Flat bread from the pan", "Why dough rises"],
    "bikes": ["How to true a wheel", "Brakes that squeal", "A chain lasts longer if clean", "Tubes or tubeless"],
    "birds": ["Swifts over the city", "Feeding tits in winter", "An owl in the barn", "Herons at the pond"],
    "stars": ["Saturn through a small telescope", "The Pleiades by eye", "What a nova is", "A map of the moon"],
}


def write_reviews(folder: Path) -> None:
    """reviews.csv: 160 reviews by 40 customers, every tenth judged against its words."""
    draw = random.Random(1)
    rows = []
    for i in range(160):
        good = draw.random() < 0.5
        what = draw.choice(PRAISE if good else BLAME)
        text = f"The {draw.choice(PARTS)} {what} {draw.choice(SINCE)}."
        rows.append((f"c{i % 40:02d}", text, "good" if good != (i % 10 == 9) else "bad"))
    _csv(folder / "reviews.csv", ("customer", "review", "verdict"), rows)


def write_notes(folder: Path) -> None:
    """notes.conll: 200 sentences with people and places."""
    draw = random.Random(2)
    lines: list[str] = []
    for _ in range(200):
        for word in draw.choice(SAYINGS).split():
            name = {"{p}": ("PER", PEOPLE), "{l}": ("LOC", PLACES)}.get(word)
            if name is None:
                lines += [f"{one} O" for one in (draw.choice(DAYS) if word == "{d}" else word).split()]
                continue
            first, *others = draw.choice(name[1]).split()
            lines += [f"{first} B-{name[0]}", *(f"{other} I-{name[0]}" for other in others)]
        lines.append("")
    (folder / "notes.conll").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_photos(folder: Path) -> None:
    """photos/<class>/<n>.png: 240 grainy drawings of a disc, a square and a cross, anywhere in the picture."""
    draw, grain = random.Random(3), np.random.default_rng(3)
    for i in range(240):
        shape = ("cross", "disc", "square")[i % 3]
        picture = Image.new("RGB", (32, 32), tuple(draw.randrange(0, 90) for _ in range(3)))
        x, y, r = draw.randrange(9, 23), draw.randrange(9, 23), draw.randrange(5, 9)
        colour, pen = tuple(draw.randrange(130, 256) for _ in range(3)), ImageDraw.Draw(picture)
        if shape == "disc":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        elif shape == "square":
            pen.rectangle((x - r, y - r, x + r, y + r), fill=colour)
        else:
            pen.line((x - r, y, x + r, y), fill=colour, width=3)
            pen.line((x, y - r, x, y + r), fill=colour, width=3)
        noisy = np.clip(np.asarray(picture, dtype=int) + grain.integers(-20, 21, (32, 32, 3)), 0, 255)
        (folder / "photos" / shape).mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy.astype(np.uint8)).save(folder / "photos" / shape / f"{i:03d}.png")


def write_sounds(folder: Path) -> None:
    """sounds/<class>/<n>.wav: 150 noisy calls of 0.3 to 0.5 s at 8 kHz that rise, fall or stay."""
    noise = np.random.default_rng(4)
    for i in range(150):
        call, slope = (("falling", -1), ("rising", 1), ("steady", 0))[i % 3]
        time = np.arange(int(8000 * noise.uniform(0.3, 0.5))) / 8000
        pitch = noise.uniform(700, 1500) + slope * noise.uniform(500, 900) * time / time[-1]
        wave = 0.3 * np.sin(2 * math.pi * np.cumsum(pitch) / 8000) + noise.normal(0, 0.15, len(time))
        (folder / "sounds" / call).mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / "sounds" / call / f"{i:03d}.wav", 8000, np.int16(np.clip(wave, -1, 1) * 32767))


def write_views(folder: Path) -> None:
    """views.csv, articles.csv: 80 readers, who mostly stay with a topic, of 16 articles."""
    draw = random.Random(5)
    articles = [(f"{topic}-{i}", title) for topic, titles in TOPICS.items() for i, title in enumerate(titles)]
    rows = []
    for i in range(80):
        topic = draw.choice(list(TOPICS))
        likes = [name for name, _ in articles if name.startswith(topic)]
        others = [name for name, _ in articles if not name.startswith(topic)]
        read = [*draw.sample(likes, draw.randrange(2, 5)), *draw.sample(others, draw.randrange(1, 3))]
        draw.shuffle(read)
        rows += [(f"u{i:02d}", name, 1_700_000_000 + 3600 * (10 * i + n)) for n, name in enumerate(read)]
    _csv(folder / "views.csv", ("reader", "article", "when"), rows)
    _csv(folder / "articles.csv", ("article", "title"), articles)


def write_loans(folder: Path) -> None:
    """loans.csv: 240 loans, numbers and categories."""
    draw = random.Random(6)
    rows = []
    for i in range(240):
        income, amount = round(draw.lognormvariate(8, 0.4)), draw.randrange(1, 40) * 500
        job = draw.choice(["clerk", "nurse", "mason", "none"])
        risk = amount / income - 2 + (job == "none") + draw.gauss(0, 1)
        rows.append((f"l{i:03d}", income, amount, job, "no" if risk > 0 else "yes"))
    _csv(folder / "loans.csv", ("loan", "income", "amount", "job", "repaid"), rows)


def write_sales(folder: Path) -> None:
    """sales.csv: two shops, 300 days with a weekly rhythm."""
    draw = random.Random(7)
    start = np.datetime64("2025-01-01")
    rows = [
        (
            str(start + day),
            *(round(level * (1.6 if day % 7 < 2 else 1) * draw.uniform(0.85, 1.15)) for level in (80, 30)),
        )
        for day in range(300)
    ]
    _csv(folder / "sales.csv", ("day", "high street", "station"), rows)


def _csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])
