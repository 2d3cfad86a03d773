"""The verdict's words, exactly."""

import report_example as example

from isothink.evidence.record import Interval
from isothink.report.sentences import deciding_comparison, verdict_sentences

CHANGE = " What would change it: more than 3.2e6 queries; a larger student."


def test_a_resolved_family_says_outcome_configuration_accuracy_and_how_sure():
    assert verdict_sentences(example.evidence())[0] == (
        "arithmetic-oe: reasoning beats IFT at 2e12 FLOPs of training (best student of each: +27.2 points, 90% "
        "interval +24.2 to +30.2, adjusted p = 0.006); the recommended configuration is large/reasoning/2e12 (at the "
        "edge of what was tried), with an expected accuracy of 90.8% (90% interval 87.3% to 94.3%) and a probability "
        "of 0.86 of being the best." + CHANGE
    )


def test_an_unresolved_family_says_so_first_and_still_recommends():
    assert verdict_sentences(example.evidence())[1] == (
        "arithmetic-mc: not resolved at 2e12 FLOPs of training: the best reasoning student minus the best IFT "
        "student is +1.7 points, 90% interval -1.3 to +4.7, adjusted p = 0.61, and differences below 3.6 points "
        "cannot be told from chance here; the best guess for now is large/reasoning/2e12 (at the edge of what was "
        "tried), with an expected accuracy of 65.3% (90% interval 61.8% to 68.8%) and a probability of 0.44 of being "
        "the best." + CHANGE
    )


def test_ift_beats_reasoning():
    assert verdict_sentences(example.evidence())[3].startswith(
        "logic-mc: IFT beats reasoning at 2e12 FLOPs of training (best student of each: -15.3 points, 90% interval "
        "-18.3 to -12.3, adjusted p = 0.006); the recommended configuration is large/ift/2e12"
    )


def changed(**changes):
    """The evidence with its first verdict changed."""
    found = example.evidence()
    first = found.verdicts[0].model_copy(update=changes)
    return found.model_copy(update={"verdicts": (first, *found.verdicts[1:])})


def test_a_curriculum_is_named():
    best = example.evidence().verdicts[0].recommended.model_copy(update={"arm": "sequential(0.5)", "edge": False})
    text = verdict_sentences(changed(outcome="curriculum", recommended=best))[0]
    assert text.startswith("arithmetic-oe: sequential(0.5) beats IFT at 2e12 FLOPs of training (best student of each")
    assert "at the edge" not in text


def test_a_predicted_and_extrapolated_recommendation_says_both():
    best = example.evidence().verdicts[0].recommended
    best = best.model_copy(update={"source": "predicted", "extrapolated": True, "probability_best": 1.0})
    text = verdict_sentences(changed(recommended=best))[0]
    assert "(predicted, not trained here, extrapolated, at the edge of what was tried)" in text
    assert "a probability of > 0.99" not in text
    assert "a probability above 0.99 of being the best" in text


def test_no_recommendation_gives_the_reasons():
    text = verdict_sentences(changed(recommended=None, reasons=("no cell fits the inference budget.",)))[0]
    assert text.endswith("; no configuration is recommended (no cell fits the inference budget)." + CHANGE)


def test_nothing_to_change_it_is_one_sentence():
    assert "What would change it" not in verdict_sentences(changed(would_change_it=()))[0]


def test_between_two_budgets_the_lower_one_decides():
    found = changed(budget_flops=1e12)
    assert deciding_comparison(found, found.verdicts[0]).budget_flops == 5e11


def test_below_all_budgets_there_is_no_comparison_to_cite():
    found = changed(budget_flops=1e10)
    assert deciding_comparison(found, found.verdicts[0]) is None
    assert verdict_sentences(found)[0].startswith("arithmetic-oe: reasoning beats IFT at 1e10 FLOPs of training; the")


def test_families_without_a_verdict_are_said():
    assert verdict_sentences(example.all_failed().evidence) == [
        f"{family}: no verdict, because no configuration of this family has a result." for family in example.FAMILIES
    ]
    assert verdict_sentences(example.empty().evidence) == []


def test_another_level_is_named():
    best = example.evidence().verdicts[0].recommended
    best = best.model_copy(update={"interval": Interval(low=0.5, high=0.6, level=0.95)})
    assert "(95% interval 50.0% to 60.0%)" in verdict_sentences(changed(recommended=best))[0]


def test_control_characters_cannot_steer_a_terminal():
    text = "".join(verdict_sentences(example.hostile().evidence))
    assert not set(text) & set("\x00\x07\x1b\u202e\u2028\u2029")
    assert "\u241b[31m" in text


def test_unresolved_cites_the_comparison_that_is_unresolved():
    found = example.evidence()
    family = "arithmetic-mc"
    changed = tuple(
        one.model_copy(update={"outcome": "worse", "difference": -0.2})
        if (one.family, one.kind, one.arm) == (family, "best_student", "reasoning")
        else one
        for one in found.comparisons
    )
    text = verdict_sentences(found.model_copy(update={"comparisons": changed}))[1]
    assert "the best sequential(0.5) student minus the best IFT student is +1.2 points" in text
