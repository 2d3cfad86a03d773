"""The experiment's own analyses, ready made: how gains and lengths behave over a study. Called by analysis.py."""

from isothink.evidence.curriculum_curves import curriculum_curves
from isothink.evidence.gain_patterns import answer_forms, form_of, gain_by_size, gain_by_tokens
from isothink.evidence.gains import Gain, gains_of
from isothink.evidence.pattern_record import (
    AbsentPattern,
    CurriculumCurve,
    GainBySize,
    GainByTokens,
    Patterns,
    TraceLength,
)
from isothink.evidence.trace_lengths import trace_lengths
from isothink.evidence.workings import Workings

NO_GAIN = "no student has an arm beside ift at equal budget"


def find_patterns(workings: Workings) -> Patterns:
    """Every pattern that the cells show, and the others with the reason why not."""
    level, convention = workings.settings.level, workings.settings.convention
    gains: dict[str, list[Gain]] = {}
    tokens: list[GainByTokens] = []
    sizes: list[GainBySize] = []
    curves: list[CurriculumCurve] = []
    lengths: list[TraceLength] = []
    absent: list[AbsentPattern] = []
    for name, part in workings.families.items():
        found = gains[name] = gains_of(part.drawn, workings.comparisons)
        if found:
            tokens.append(gain_by_tokens(part.drawn, found, workings.settings))
            sizes.extend(gain_by_size(part.drawn, found, level))
        else:
            absent.append(AbsentPattern(pattern="gain_by_tokens", family=name, reason=NO_GAIN))
            absent.append(AbsentPattern(pattern="gain_by_size", family=name, reason=NO_GAIN))
        own = curriculum_curves(part.drawn, convention=convention, level=level)
        curves.extend(own)
        if not own:
            absent.append(AbsentPattern(pattern="curricula", family=name, reason="no curriculum has a result"))
        lengths.extend(trace_lengths(part.drawn.family, workings.settings))
    forms = answer_forms(gains, level)
    if not forms:
        absent.append(AbsentPattern(pattern="answer_forms", family=None, reason=_no_forms(gains)))
    return Patterns(
        gain_by_tokens=tuple(tokens),
        gain_by_size=tuple(sizes),
        curricula=tuple(curves),
        answer_forms=tuple(forms),
        trace_lengths=tuple(lengths),
        absent=tuple(absent),
    )


def _no_forms(gains: dict[str, list[Gain]]) -> str:
    if len({form_of(family) for family in gains} - {None}) < 2:
        return "no two families whose names end in -mc (multiple choice) and -oe (open-ended)"
    return "no student has an arm beside ift at equal budget in every family of either form"
