"""What a perturbation is, and how one example meets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from fmbench.errors import InputError, Problem
from fmbench.perturb.draws import Stream
from fmbench.perturb.examples import Example

Label = Literal["kept", "flips", "may-change"]
"""What happens to the label of a whole text: nothing, it turns into its opposite, or nobody knows."""
Edit = Callable[..., Any]
"""(example, rng, severity, options) -> example."""
E = TypeVar("E", bound=Example)

SEVERITIES = (0, 1, 2, 3, 4, 5)
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo"})
"""Languages that do not write spaces between words."""
NOT_LATIN = UNSPACED | frozenset(
    {"ko", "ar", "fa", "ur", "he", "yi", "ru", "uk", "be", "bg", "mk", "sr", "kk", "mn", "el", "hy", "ka", "am"}
    | {"hi", "mr", "ne", "sa", "bn", "as", "pa", "gu", "or", "ta", "te", "kn", "ml", "si"}
)
"""Languages that are not written in Latin letters."""


@dataclass(frozen=True)
class Perturbation:
    """A corruption of one input; the objects named in the registry PERTURBATIONS.

    Args:
        inputs: sorts of example it works on, see `examples.MODALITIES`.
        edit: does the work; see `apply`.
        label: what happens to the label of a whole example. Tags always move along with their words and stay right.
        version: part of the seed and of whatever is cached; grows when the outcome changes.
        languages: codes it is made for, None for all.
        except_languages: codes it has no meaning for.
        takes: options that `given` may set; those in `needs` must be.
    """

    name: str
    description: str
    inputs: frozenset[str]
    edit: Edit
    label: Label = "kept"
    version: int = 1
    languages: frozenset[str] | None = None
    except_languages: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, example: E, rng: Stream, severity: int) -> E:
        """The perturbed example; the very object that came in where nothing could be changed, or at severity 0.

        Args:
            rng: what the outcome depends on beside the example, see `stream`.
            severity: 0 to 5; the edits of a lower severity are those of a higher one that come first.

        Raises:
            InputError: another severity, a sort of example it is not for, or an option that it needs is missing.
        """
        if severity not in SEVERITIES:
            raise InputError(f"perturbation {self.name!r}: severity {severity!r} is not one of 0, 1, 2, 3, 4, 5")
        if example.modality not in self.inputs:
            raise InputError(
                f"perturbation {self.name!r} works on {', '.join(sorted(self.inputs))}, not on {example.modality}"
            )
        if self.needs and not self.needs <= self.options.keys():
            missing = ", ".join(sorted(self.needs - self.options.keys()))
            raise InputError(f"perturbation {self.name!r} needs {missing}")
        if severity == 0:
            return example
        found: E = (
            self.edit(example, rng, severity, **self.options) if self.options else self.edit(example, rng, severity)
        )
        return example if found.same(example) else found

    def given(self, **options: Any) -> Perturbation:
        """The same with options, such as the `mentions` that an entity swap may use.

        Raises:
            InputError: it takes no such option.
        """
        unknown = sorted(options.keys() - self.takes)
        if unknown:
            takes = ", ".join(sorted(self.takes)) or "none"
            raise InputError(
                Problem(f"perturbation {self.name!r} has no option {name!r} (options: {takes})") for name in unknown
            )
        return replace(self, options=MappingProxyType({**self.options, **options}))

    def refusal(self, modality: str, language: str | None) -> str | None:
        """Why it cannot be asked for on such a task, in one sentence; None where it can.

        Args:
            language: a code such as "en" or "en-GB"; None where the task has no language or does not say.
        """
        if modality not in self.inputs:
            return f"perturbation {self.name!r} works on {', '.join(sorted(self.inputs))}, not on {modality}"
        if modality not in ("text", "tokens") or language is None:
            return None
        code = language.replace("_", "-").split("-")[0].lower()
        if self.languages is not None and code not in self.languages:
            return f"perturbation {self.name!r} is for {', '.join(sorted(self.languages))}, not for {code}"
        if code in self.except_languages:
            return f"perturbation {self.name!r} is not for {code}"
        return None


def perturbation(
    *inputs: str,
    label: Label = "kept",
    version: int = 1,
    languages: Sequence[str] | None = None,
    except_languages: frozenset[str] = frozenset(),
    takes: Sequence[str] = (),
    needs: Sequence[str] = (),
) -> Callable[[Edit], Perturbation]:
    """Makes a perturbation of a function: its name with hyphens, and the first sentence of its docstring."""

    def made(edit: Edit) -> Perturbation:
        return Perturbation(
            edit.__name__.replace("_", "-"),
            " ".join((edit.__doc__ or "").split("\n\n")[0].split()),
            frozenset(inputs),
            edit,
            label,
            version,
            None if languages is None else frozenset(languages),
            except_languages,
            frozenset(takes) | frozenset(needs),
            frozenset(needs),
        )

    return made


def perturb(perturbation: Perturbation, example: E, example_id: str, severity: int, seed: int = 0, part: int = 0) -> E:
    """One example perturbed; the very object that came in where nothing could be changed.

    The stream of random numbers comes from a hash of the perturbation's name and version, the seed, the example's id
    and the part, so the outcome depends on no other example. The severity is not in it: the same stream at every
    severity is what makes the edits of a lower one a part of those of a higher one, and severity curves paired.

    Args:
        part: which text of a pair; each has a stream of its own.
    """
    return perturbation.apply(example, stream(perturbation, example_id, seed, part), severity)


def perturb_rows(
    perturbation: Perturbation, rows: Sequence[Sequence[E]], example_ids: Sequence[str], severity: int, seed: int = 0
) -> list[list[E]]:
    """`perturb` of many rows, each of which has one part, or two where it is a pair."""
    return [
        [perturb(perturbation, example, example_id, severity, seed, part) for part, example in enumerate(row)]
        for row, example_id in zip(rows, example_ids, strict=True)
    ]


def stream(perturbation: Perturbation, example_id: str, seed: int = 0, part: int = 0) -> Stream:
    """The random numbers of one perturbation for one example."""
    key = f"{perturbation.name}\0{perturbation.version}\0{seed}\0{part}\0{example_id}"
    return Stream(key.encode("utf-8", "surrogatepass"))
