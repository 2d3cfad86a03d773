// The decision for one family, budget and number of queries, from the stored draws: evidence/verdict.decide with
// choice.py and sensitivity.py, in the page. Pure functions of what report/decision_data.py makes; no DOM.
"use strict";
const Decision = (() => {
  const ROUNDING = 1 + 1e-6; // a budget is met to rounding
  const MOST_ALTERNATIVES = 3;
  const CANNOT_TELL = "cannot tell";

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const within = (cost, cap) => cap === null || cap === undefined || cost <= cap * ROUNDING;

  // ---- one choice: evidence/choice.py

  /** The first of the highest by (accuracy, lowest whole-life cost). */
  function highest(indices, accuracy, lifetime) {
    return indices.reduce((best, index) =>
      accuracy[index] > accuracy[best] || (accuracy[index] === accuracy[best] && lifetime[index] < lifetime[best])
        ? index
        : best,
    );
  }

  /** Whether the lower end of the interval of a paired difference is zero or less.
   *  It sorts only where counting cannot tell. */
  function reachesZero(first, second, level) {
    const tail = (1 - level) / 2;
    const before = Math.floor((first.length - 1) * tail);
    let count = 0;
    for (let draw = 0; draw < first.length; draw += 1) if (first[draw] - second[draw] <= 0) count += 1;
    if (count <= before) return false;
    if (count > before + 1) return true;
    return Candidates.quantile(first.map((value, draw) => value - second[draw]).sort(), tail) <= 0;
  }

  function choose(eligible, among, lifetime, study) {
    const { accuracy, choiceDraws } = among;
    const best = highest(eligible, accuracy, lifetime);
    const near = [best, ...eligible.filter((index) => reachesZero(choiceDraws[best], choiceDraws[index], study.level))];
    const lowest = Math.min(...near.map((index) => lifetime[index]));
    const cheap = near.filter((index) => lifetime[index] <= lowest * (1 + study.cost_tolerance));
    return highest(cheap, accuracy, lifetime);
  }

  function highestDraws(among, eligible) {
    const top = new Float64Array(among.count).fill(-Infinity);
    for (const index of eligible) {
      const own = among.draws[index];
      for (let draw = 0; draw < top.length; draw += 1) if (own[draw] > top[draw]) top[draw] = own[draw];
    }
    return top;
  }

  const share = (value) => Math.min(1, Math.max(0, value));

  function recommendation(among, index, top, { lifetime, level, beyond, queries }) {
    const cell = among.cells[index];
    const own = Float64Array.from(among.draws[index], share); // luck may go beyond all right; no accuracy does
    const tail = (1 - level) / 2;
    const sorted = Float64Array.from(own).sort();
    const [low, high] = [tail, 1 - tail].map((part) => Candidates.quantile(sorted, part));
    const accuracy = among.accuracy[index];
    return {
      index,
      cell: cell.name,
      arm: cell.arm,
      student: cell.student,
      accuracy,
      interval: { low: Math.min(low, accuracy), high: Math.max(high, accuracy), level },
      probability_best: mean(Array.from(own, (value, draw) => (value >= share(top[draw]) ? 1 : 0))),
      expected_regret_points: 100 * mean(Array.from(own, (value, draw) => share(top[draw]) - value)),
      training_flops: cell.training,
      inference_flops_per_query: cell.per_query,
      lifetime_flops: cell.training + cell.fixed + queries * cell.per_query,
      training_cost: among.training[index],
      inference_cost_per_query: among.perQuery[index],
      lifetime_cost: lifetime[index],
      extrapolated: beyond || cell.source === "predicted",
      edge: cell.edge,
      source: cell.source,
    };
  }

  /** The most accurate eligible cell of every other arm, best first. */
  function alternatives(among, eligible, chosen) {
    const best = new Map();
    for (const index of [...eligible].sort((a, b) => among.accuracy[b] - among.accuracy[a] || a - b)) {
      if (!best.has(among.cells[index].arm)) best.set(among.cells[index].arm, index);
    }
    best.delete(among.cells[chosen].arm);
    return [...best.values()].slice(0, MOST_ALTERNATIVES);
  }

  // ---- outcome: evidence/verdict.py

  /** The largest budget of the grid that does not exceed the one asked about. */
  function budgetThatCounts(study, budget) {
    const counted = study.budgets.filter((item) => item <= budget * ROUNDING);
    return counted.length ? Math.max(...counted) : null;
  }

  function outcomeOf(study, family, among, deciding, eligible, chosen) {
    const reasons = deciding.map((item) => item.told);
    const key = (student, arm) => `${student}/${arm}`; // numbers of names, not names
    const there = new Set(eligible.map((index) => key(among.cells[index].student, among.cells[index].arm)));
    const counting = deciding.filter(
      (item) => there.has(key(item.student, item.arm)) && there.has(key(item.baseline_student, item.baseline)),
    );
    if (counting.length < deciding.length) {
      reasons.push("the caps on costs exclude cells that were compared; such comparisons decide nothing here");
    }
    const own = among.cells[chosen].arm;
    const name = (arm) => study.arms[arm];
    const better = counting
      .filter((item) => item.outcome === "better")
      .sort((a, b) => Number(a.arm !== own) - Number(b.arm !== own) || b.difference - a.difference);
    if (better.length) {
      const [first] = better;
      if (better.length > 1) {
        const names = better.map((item) => name(item.arm)).join(" and ");
        const why = first.arm === own ? "is recommended" : "has the highest estimate";
        reasons.push(`${names} are each resolved better than IFT; ${name(first.arm)} ${why}`);
      }
      const kind = among.cells.filter((cell) => cell.arm === first.arm).at(-1).kind;
      return { outcome: ["reasoning", "other"].includes(kind) ? kind : "curriculum", reasons };
    }
    const rivals = new Set(eligible.map((index) => among.cells[index].arm));
    rivals.delete(study.baseline);
    const judged = new Map(counting.map((item) => [item.arm, item.outcome]));
    if (rivals.size && [...rivals].every((arm) => judged.get(arm) === "worse")) return { outcome: "ift", reasons };
    if (!rivals.size || !counting.length) {
      reasons.push("no arm can be compared with IFT at the budget that counts");
    } else if (family.conditional) {
      reasons.push("unresolved: no configuration has two seeds, so training luck cannot be told from a difference");
    } else {
      reasons.push(`unresolved: not every difference from IFT is resolved at adjusted p < ${study.significance_text}`);
    }
    return { outcome: "unresolved", reasons };
  }

  // ---- other conventions: evidence/sensitivity.py

  /** The first cell of a student and arm that reached the budget here and does not reach the rescaled one there. */
  function fallingShort(among, here, there, { budget, rescaled, tolerance }) {
    const lines = new Map();
    among.cells.forEach((cell, index) => {
      const line = `${cell.student}/${cell.arm}`;
      lines.set(line, [...(lines.get(line) ?? []), index]);
    });
    const top = Math.max(...here.filter((cost) => cost <= budget * ROUNDING));
    const short = [...lines.values()].find((indices) => {
      const reached = Math.max(...indices.map((index) => here[index])) * (1 + tolerance) >= top;
      const far = Math.max(...indices.map((index) => there[index])) * (1 + tolerance);
      return reached && far < rescaled * Math.min(1, top / budget);
    });
    return short && among.cells[short[0]];
  }

  /** Every cell re-priced and the budget rescaled by the recommended cell's ratio, or why that cannot be told. */
  function repriced(study, among, convention, { eligible, chosen, budget }) {
    const at = study.conventions.indexOf(convention);
    const priced = among.cells.map((cell) => cell.conventions[at]);
    if (priced.some((one) => one === null))
      return { why: `the ${convention} convention does not price every configuration` };
    const here = among.trainingFlops;
    if (here[chosen] <= 0) return { why: "the recommended configuration was not trained" };
    const there = priced.map(([training]) => training);
    const ratio = there[chosen] / here[chosen];
    const rescaled = budget * ratio;
    const tolerance = study.cost_tolerance;
    const newPrices = () =>
      Candidates.withDraws({
        cells: among.cells,
        trainingFlops: there,
        training: there,
        perQuery: priced.map(([, query]) => query),
        once: there.map((flops, index) => flops + ratio * among.cells[index].fixed),
      });
    const short = fallingShort(among, here, there, { budget, rescaled, tolerance });
    if (short) {
      const line = `${study.students[short.student]} with ${study.arms[short.arm]}`;
      return { why: `${line} was not trained for as much as this convention would allow`, among: newPrices() };
    }
    const cap = rescaled * (1 + tolerance); // the ratios of cells of one budget differ a little
    const allowed = new Set(eligible);
    const left = there
      .map((_, index) => index)
      .filter((index) => within(there[index], cap) && !(here[index] <= budget * ROUNDING && !allowed.has(index)));
    return { among: newPrices(), eligible: left, rescaled };
  }

  function underConvention(study, among, convention, terms) {
    const other = repriced(study, among, convention, terms);
    if (other.why) return { ...other, name: CANNOT_TELL };
    const chosen = choose(other.eligible, other.among, Candidates.lifetimes(other.among, terms.queries), study);
    return { ...other, chosen, name: other.among.cells[chosen].name };
  }

  // ---- the decision

  /** A question is {family, budget, queries, inference_budget, lifetime_budget, target, money, convention, brief}.
   *  A brief answer leaves out the break-even and the other conventions. */
  function decide(study, question) {
    const family = study.families[question.family];
    const { budget, queries } = question;
    const money = question.money ?? null;
    const convention = question.convention ?? study.convention;
    let among = Candidates.candidates(study, family, money);
    const notes = [];
    if (money && among.cells.length < family.cells.length) {
      const left = family.cells.length - among.cells.length;
      notes.push(
        `${left} of ${family.cells.length} configurations have no known shape, so no ${money.axis}, and are left out`,
      );
    }
    const life = Candidates.lifetimes(among, queries);
    const caps = [
      ["the training budget", among.trainingFlops, budget, null],
      ["the inference budget per query", among.perQuery, question.inference_budget, money],
      ["the whole-life budget", life, question.lifetime_budget, money],
    ];
    let eligible = among.cells
      .map((_, index) => index)
      .filter((index) => caps.every(([, costs, cap]) => within(costs[index], cap)));
    const grid = budgetThatCounts(study, budget);
    const deciding = family.comparisons.filter((item) => item.budget === grid);
    const known = family.at_budgets.find((item) => item.budget === grid);
    const nothing = (reason) => ({
      family: family.name,
      budget,
      queries,
      money,
      convention,
      outcome: "unresolved",
      recommended: null,
      alternatives: [],
      break_even: null,
      crossover_parameters: null,
      sensitivity: {},
      reasons: [reason],
      at_equal_cost: [],
      would_change_it: [],
      among,
      eligible: [],
      rescaled: null,
      priced_in: study.convention,
      cannot_tell: false,
    });
    if (!eligible.length) return nothing(whyNothing(family, among, caps));
    let chosen = choose(eligible, among, life, study);
    const terms = { eligible, chosen, budget, queries };
    const others = {};
    const priced = money ? [] : family.conventions.filter((name) => !question.brief || name === convention);
    for (const other of priced) others[other] = underConvention(study, among, other, terms);
    let rescaled = null;
    if (!money && convention !== study.convention) {
      const under = others[convention] ?? {
        name: CANNOT_TELL,
        why: `nothing is priced in the ${convention} convention`,
      };
      if (under.why) {
        const priced_in = under.among ? convention : study.convention;
        const instead = `under ${study.convention} it is ${among.cells[chosen].name}`;
        const reason = `${CANNOT_TELL} under the ${convention} convention: ${under.why}; ${instead}`;
        return {
          ...nothing(reason),
          cannot_tell: true,
          sensitivity: named(others),
          among: under.among ?? among,
          priced_in,
        };
      }
      ({ among, eligible, chosen, rescaled } = under);
    }
    const { outcome, reasons } = outcomeOf(study, family, among, deciding, eligible, chosen);
    const ends = study.budgets.length ? Math.max(...study.budgets) : budget;
    const beyond = budget > ends * ROUNDING;
    if (beyond) notes.push(`extrapolated: nothing was trained above ${Numbers.flops(study.budgets.at(-1))}`);
    const top = highestDraws(among, eligible);
    const lifetime = Candidates.lifetimes(among, queries);
    const record = (index) => recommendation(among, index, top, { lifetime, level: study.level, beyond, queries });
    const { even, notes: evenNotes } = question.brief
      ? { even: null, notes: [] }
      : BreakEven.breakEven(among, eligible, { queries, target: question.target ?? null, study });
    return {
      family: family.name,
      budget,
      queries,
      money,
      convention,
      outcome,
      recommended: record(chosen),
      alternatives: alternatives(among, eligible, chosen).map(record),
      break_even: even,
      crossover_parameters: known.crossover,
      sensitivity: named(others),
      reasons: [...reasons, ...notes, ...evenNotes, known.crossover_note].filter(Boolean),
      at_equal_cost: known.at_equal_cost,
      would_change_it: Outlook.wouldChangeIt(study, { deciding, own: among.cells[chosen], even, queries }),
      among,
      eligible,
      rescaled,
      priced_in: convention,
      cannot_tell: false,
    };
  }

  const named = (others) => Object.fromEntries(Object.entries(others).map(([name, one]) => [name, one.name]));

  const amount = (value, money) =>
    money ? `${Numbers.short(value)} ${money.axis === "usd" ? "dollars" : "seconds"}` : Numbers.flops(value);

  /** Why no configuration is eligible: the first cap that leaves none of those that the caps before it allow. */
  function whyNothing(family, among, caps) {
    if (!family.cells.length) return `no configuration has complete scores on ${family.name}`;
    if (!among.cells.length) return "no configuration has a known shape, so none has seconds or dollars";
    let left = among.cells.map((_, index) => index);
    const before = [];
    for (const [name, costs, cap, unit] of caps) {
      if (cap === null || cap === undefined) continue;
      const allowed = left.filter((index) => within(costs[index], cap));
      if (!allowed.length) {
        const least = left.reduce((best, index) => (costs[index] < costs[best] ? index : best));
        const kept = before.length ? ` of those within ${before.join(" and ")}` : "";
        return (
          `no configuration${kept} is within ${name} of ${amount(cap, unit)}; the cheapest, ` +
          `${among.cells[least].name}, costs ${amount(costs[least], unit)}`
        );
      }
      before.push(name);
      left = allowed;
    }
    throw new Error("some configuration is eligible");
  }

  return { decide, budgetThatCounts };
})();
