"""Ways to write English: contractions, and varieties of it by features that linguists have documented."""

from __future__ import annotations

import re
from functools import cache

from fmbench.perturb.draws import OF_FEW, Stream
from fmbench.perturb.examples import Text
from fmbench.perturb.lists import Lexicon, lexicon
from fmbench.perturb.perturbation import perturbation
from fmbench.perturb.wording import in_letters, rewrite, substitute

_LONG = re.compile(
    r"\b(?:(?P<verb>is|are|was|were|do|does|did|has|have|had|could|would|should|will|can|must) ?not\b"
    r"|(?P<who>I|you|we|they|he|she|it|that|there|what|who) (?P<be>am|are|is|will|have)(?= (?!not\b)\w))",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(?P<stem>\w+?)(?:(?P<nt>n['’]t)|['’](?P<end>re|ve|ll|m)|(?<=it|at|he|re|ho)['’](?P<s>s)(?= (?P<next>\w+)))\b",
    re.IGNORECASE,
)
_FITS = {"am": ("i",), "are": ("you", "we", "they"), "is": ("he", "she", "it", "that", "there", "what", "who"),
         "will": ("i", "you", "we", "they", "he", "she", "it"), "have": ("i", "you", "we", "they")}  # fmt: skip
_ENDS = {"am": "m", "are": "re", "is": "s", "will": "ll", "have": "ve"}
_WHOLE = {end: whole for whole, end in _ENDS.items()}
_HAS = re.compile(r"(?:been|got|had|\w{2,}ed)$", re.IGNORECASE)
_WHO_IS = frozenset({"it", "that", "what", "he", "she", "there", "where", "here", "who"})


def _contracted(match: re.Match[str]) -> str | None:
    if match["verb"]:
        verb = match["verb"]
        short = {"will": "wo", "can": "ca"}.get(verb.lower(), verb.lower()) + "n't"
        return short.capitalize() if verb[0].isupper() else short
    who, be = match["who"], match["be"].lower()
    if who.lower() not in _FITS[be]:
        return None
    if be == "have" and not re.match(r" (?:been|got|had|never|seen|\w{2,}ed)\b", match.string[match.end() :]):
        return None
    return f"{who}'{_ENDS[be]}"


def _expanded(match: re.Match[str]) -> str | None:
    stem = match["stem"]
    if match["nt"]:
        irregular = {"ca": "cannot", "wo": "will not", "sha": "shall not", "ai": None}
        low = stem.lower()
        if low in irregular:
            found = irregular[low]
            return found.capitalize() if found and stem[0].isupper() else found
        return f"{stem} not"
    if match["end"]:
        return f"{stem} {_WHOLE[match['end'].lower()]}"
    if stem.lower() not in _WHO_IS:
        return None
    return f"{stem} has" if _HAS.match(match["next"]) else f"{stem} is"


@perturbation("text", languages=["en"])
def contractions(example: Text, rng: Stream, severity: int) -> Text:
    """Words drawn together: "do not" becomes "don't", "it is" becomes "it's"."""
    return Text(rewrite(example.text, rng, OF_FEW[severity], _LONG, _contracted))


@perturbation("text", languages=["en"])
def expansions(example: Text, rng: Stream, severity: int) -> Text:
    """Contractions written out: "don't" becomes "do not"."""
    if "'" not in example.text and "’" not in example.text:
        return example
    return Text(rewrite(example.text, rng, OF_FEW[severity], _SHORT, _expanded))


@cache
def _british() -> Lexicon:
    return lexicon("british.tsv")


@perturbation("text", "tokens", languages=["en"])
@in_letters("outside")
def british_spelling(text: str, rng: Stream, severity: int) -> str:
    """American spellings written the British way, such as "colour"."""
    return substitute(text, rng, OF_FEW[severity], _british())


_AAE = re.compile(
    r"\b(?:(?P<copula>we|they|you|he|she|we['’]re|they['’]re|you['’]re|he['’]s|she['’]s)(?P<be> is| are)?"
    r" (?P<ing>\w{2,}ing)"
    r"|(?P<aint>(?:is|are|has|have)n['’]t|am not|is not|are not)"
    r"|(?P<no>(?:do|does|did|ca|wo|ai)n['’]t \w+ )any(?P<body>body|thing|one)?"
    r"|(?P<doesnt>(?:he|she|it) )doesn['’]t"
    r"|(?P<gonna>going to)(?= (?:be|do|get|go|have|make|see|take|tell|try|win|lose|work|play|eat|buy|need|want)\b)"
    r"|(?P<were>we|they|you) were)\b",
    re.IGNORECASE,
)


def _aae(match: re.Match[str]) -> str | None:
    if match["ing"]:
        who = re.split("['’]", match["copula"])[0]
        if match["ing"].lower() in ("thing", "something", "nothing", "king", "ring", "string", "spring", "morning"):
            return None
        return f"{who} {match['ing']}" if match["be"] or "'" in match["copula"] or "’" in match["copula"] else None
    if match["aint"]:
        return "Ain't" if match["aint"][0].isupper() else "ain't"
    if match["no"]:
        return f"{match['no']}{'no' if match['body'] != 'one' else 'no '}{match['body'] or ''}"
    if match["doesnt"]:
        return f"{match['doesnt']}don't"
    return "gonna" if match["gonna"] else f"{match['were']} was"


@perturbation("text", languages=["en"])
def african_american_english(example: Text, rng: Stream, severity: int) -> Text:
    """Grammar of African American English: no copula before -ing, "ain't", negative concord, "they was", "gonna".

    Regular features of a variety with rules of its own, as in Green (2002), African American English, and the
    Electronic World Atlas of Varieties of English (features 154, 155, 174, 180).
    """
    return Text(rewrite(example.text, rng, OF_FEW[severity], _AAE, _aae))


_STATES = {
    "know": "knowing", "want": "wanting", "like": "liking", "love": "loving", "think": "thinking", "need": "needing",
    "understand": "understanding", "believe": "believing", "hope": "hoping", "see": "seeing", "prefer": "preferring",
    "agree": "agreeing", "remember": "remembering", "expect": "expecting", "enjoy": "enjoying", "hate": "hating",
}  # fmt: skip
_INDIAN = re.compile(
    rf"\b(?:(?P<who>I|we|you|they) (?P<state>{'|'.join(_STATES)})"
    r"|(?P<about>discuss(?:ed|ing)?)(?= (?:the|this|that|it|our|their|my)\b)"
    r"|(?P<back>return(?:ed)?)(?= (?:the|it|this|them|my|to)\b)|(?P<only>today|yesterday|now|here)|(?P<please>please)"
    r"|(?P<reply>answer(?:ed)?)(?= (?:the|my|our|your) (?:call|letter|mail|email|question)s?\b)|(?P<until>until))\b",
    re.IGNORECASE,
)


def _indian(match: re.Match[str]) -> str | None:
    if match["who"]:
        return f"{match['who']} {'am' if match['who'].lower() == 'i' else 'are'} {_STATES[match['state'].lower()]}"
    for group, after in (("about", " about"), ("back", " back"), ("only", " only"), ("reply", " to")):
        if match[group]:
            return (
                ("replied" if match[group].endswith("ed") else "reply") + after
                if group == "reply"
                else match[0] + after
            )
    new = "kindly" if match["please"] else "till"
    return new.capitalize() if match[0][0].isupper() else new


@perturbation("text", languages=["en"])
def indian_english(example: Text, rng: Stream, severity: int) -> Text:
    """Grammar and words of Indian English: "I am knowing", "discuss about", "return back", "today only", "kindly".

    Features as in Sedlatschek (2009), Contemporary Indian English, and the Electronic World Atlas of Varieties of
    English (feature 88).
    """
    return Text(rewrite(example.text, rng, OF_FEW[severity], _INDIAN, _indian))
