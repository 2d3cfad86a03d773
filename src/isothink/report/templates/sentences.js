// The verdict in words, as report/sentences.py writes it: the page and the terminal say the same sentence.
"use strict";
const Sentences = (() => {
  const armName = (arm) => (arm === "ift" ? "IFT" : arm);

  /** The budget of the study that decides; of the one asked about nothing was trained unless they are the same. */
  function budgetText(study, verdict) {
    const budget = Decision.budgetThatCounts(study, verdict.budget);
    if (budget === null || budget >= verdict.budget * (1 - 1e-6)) return Numbers.flops(verdict.budget);
    return `${Numbers.flops(budget)} (the largest budget within ${Numbers.scientific(verdict.budget)})`;
  }

  /** The comparison that a verdict's sentence tells. */
  function decidingComparison(study, family, verdict) {
    const budget = Decision.budgetThatCounts(study, verdict.budget);
    const name = (item) => study.arms[item.arm];
    const fits = (item) => {
      if (verdict.outcome === "ift") return item.outcome === "worse";
      if (verdict.outcome === "unresolved") return item.outcome === "unresolved";
      return item.outcome === "better" && (name(item) === "reasoning") === (verdict.outcome === "reasoning");
    };
    const preference = (item) =>
      ["curriculum", "other"].includes(verdict.outcome)
        ? [Number(verdict.recommended === null || item.arm !== verdict.recommended.arm), -item.difference]
        : [Number(name(item) !== "reasoning"), item.p_value];
    const fitting = family.comparisons.filter((item) => item.budget === budget && fits(item));
    return fitting.reduce((least, item) => {
      if (least === null) return item;
      const [a, b] = [preference(item), preference(least)];
      return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]) ? item : least;
    }, null);
  }

  function outcomeClause(study, family, verdict) {
    const item = decidingComparison(study, family, verdict);
    const at = `at ${budgetText(study, verdict)} of training`;
    if (verdict.outcome === "unresolved") {
      if (!item) return `not resolved ${at}`;
      const pair = [item.arm, item.baseline].map((arm) => `the best ${armName(study.arms[arm])} student`);
      return `not resolved ${at}: ${pair.join(" minus ")} is ${item.difference_text}, ` + `and ${item.limit_text}`;
    }
    const arm = item ? armName(study.arms[item.arm]) : verdict.outcome === "ift" ? "the other arms" : verdict.outcome;
    const [winner, loser] = verdict.outcome === "ift" ? ["IFT", arm] : [arm, "IFT"];
    return `${winner} beats ${loser} ${at}${item ? ` (best student of each: ${item.difference_text})` : ""}`;
  }

  function standing(one) {
    const notes = [];
    if (one.source !== "trained") notes.push(`${one.source}, not trained here`);
    if (one.extrapolated) notes.push("extrapolated");
    if (one.edge) notes.push("at the edge of what was tried");
    return notes.length ? ` (${notes.join(", ")})` : "";
  }

  function recommendationClause(study, verdict) {
    const one = verdict.recommended;
    if (one === null) {
      const reasons = verdict.reasons.map((text) => text.replace(/[. ]+$/, "")).join("; ");
      return `no configuration is recommended (${reasons})`;
    }
    const lead = verdict.outcome === "unresolved" ? "the best guess for now is" : "the recommended configuration is";
    const interval = `${Numbers.percent(one.interval.low)} to ${Numbers.percent(one.interval.high)}`;
    return (
      `${lead} ${one.cell}${standing(one)}, with an expected accuracy of ${Numbers.percent(one.accuracy)} ` +
      `(${study.level_text} interval ${interval}) and a probability ` +
      `${Numbers.probabilityPhrase(one.probability_best)} of being the best`
    );
  }

  /** The sentence of report/sentences.verdict_sentence. */
  function sentence(study, question, verdict) {
    const family = study.families[question.family];
    return `${family.name}: ${outcomeClause(study, family, verdict)}; ${recommendationClause(study, verdict)}.`;
  }

  return { sentence, outcomeClause, standing, armName };
})();
