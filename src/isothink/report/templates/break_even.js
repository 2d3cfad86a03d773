// At how many queries the whole-life costs of IFT and reasoning are equal: evidence/break_even.py in the page.
"use strict";
const BreakEven = (() => {
  const JUST_BELOW = 1e-6; // of a crossing: where the order of the costs before it is read
  const SAME_COST = 1e-9; // relative: the costs of two arms at a crossing

  /** Costs with those within the tolerance of a lower one made equal to it. */
  function tied(costs, tolerance) {
    const result = [...costs];
    let anchor = -Infinity;
    for (const index of costs.map((_, at) => at).sort((a, b) => costs[a] - costs[b] || a - b)) {
      if (result[index] > anchor * (1 + tolerance) || anchor < 0) anchor = result[index];
      result[index] = anchor;
    }
    return result;
  }

  const cheapest = (arm, queries) => {
    let lowest = Infinity;
    for (let at = 0; at < arm.once.length; at += 1) {
      const cost = arm.once[at] + queries * arm.perQuery[at];
      if (cost < lowest) lowest = cost;
    }
    return lowest;
  };
  const cheaper = (reasoning, ift, queries) =>
    cheapest(reasoning, queries) < cheapest(ift, queries) ? "reasoning" : "ift";
  const best = (values) => {
    let top = -Infinity;
    for (const value of values) if (value > top) top = value;
    return top;
  };

  function reaching(arm, target) {
    const kept = { indices: [], accuracy: [], once: [], perQuery: [] };
    for (let at = 0; at < arm.once.length; at += 1) {
      if (arm.accuracy[at] < target) continue;
      kept.indices.push(arm.indices[at]);
      kept.accuracy.push(arm.accuracy[at]);
      kept.once.push(arm.once[at]);
      kept.perQuery.push(arm.perQuery[at]);
    }
    return kept;
  }

  /** The lines that are the cheapest somewhere or might be: a line dearer in both costs than another never is.
   *  They come in the order of what is paid once. */
  function undominated(arm) {
    const kept = { once: [], perQuery: [] };
    let lowest = Infinity;
    for (let at = 0; at < arm.once.length; at += 1) {
      if (arm.perQuery[at] >= lowest) continue;
      lowest = arm.perQuery[at];
      kept.once.push(arm.once[at]);
      kept.perQuery.push(arm.perQuery[at]);
    }
    return kept;
  }

  /** The crossing of the two arms' lowest costs nearest to `queries`, in ratio; null where they never cross. */
  function nearestCrossing(ours, theirs, queries) {
    const near = Math.max(queries, 1);
    const ourLines = undominated(ours),
      theirLines = undominated(theirs);
    let found = null,
      distance = Infinity,
      from = 0,
      to = Infinity;
    for (let r = 0; r < ours.once.length; r += 1) {
      for (let i = 0; i < theirs.once.length; i += 1) {
        const saved = theirs.perQuery[i] - ours.perQuery[r];
        const value = (ours.once[r] - theirs.once[i]) / saved;
        if (!(value > 0) || saved === 0 || value < from || value > to) continue;
        const away = Math.abs(Math.log(value / near));
        if (away > distance || (away === distance && value >= found)) continue;
        const our = cheapest(ourLines, value),
          their = cheapest(theirLines, value);
        if (!(Math.abs(our - their) <= SAME_COST * Math.abs(their))) continue;
        found = value;
        distance = away;
        from = near * Math.exp(-distance) * (1 - 1e-12); // others further away need no logarithm
        to = near * Math.exp(distance) * (1 + 1e-12);
      }
    }
    return found;
  }

  function solve(reasoning, ift, queries, target) {
    const none = { kind: "no_equal_accuracy", queries: null };
    if (!reasoning.once.length || !ift.once.length) return none;
    const wanted = target === null ? Math.min(best(reasoning.accuracy), best(ift.accuracy)) : target;
    const ours = reaching(reasoning, wanted),
      theirs = reaching(ift, wanted);
    if (!ours.once.length || !theirs.once.length) return none;
    const value = nearestCrossing(ours, theirs, queries);
    if (value !== null) return { kind: "at_queries", queries: value };
    return { kind: `${cheaper(ours, theirs, Math.max(queries, 1))}_always`, queries: null };
  }

  function breakEven(among, eligible, { queries, target, study }) {
    const groups = ["reasoning", "ift"].map((kind) => eligible.filter((index) => among.cells[index].kind === kind));
    if (groups.some((group) => !group.length)) {
      return { even: null, notes: ["no break-even: it needs an eligible configuration of both ift and reasoning"] };
    }
    const once = tied(among.once, study.cost_tolerance);
    for (const group of groups) group.sort((a, b) => once[a] - once[b]); // as `undominated` wants them
    const arms = groups.map((indices) => ({
      indices,
      once: indices.map((index) => once[index]),
      accuracy: new Float64Array(indices.length),
      perQuery: new Float64Array(indices.length),
    }));
    /** The arms with the given numbers; filled anew at every call. */
    const offers = (accuracy, perQuery) => {
      for (const arm of arms) {
        for (let at = 0; at < arm.indices.length; at += 1) {
          arm.accuracy[at] = accuracy(arm.indices[at]);
          arm.perQuery[at] = perQuery(arm.indices[at]);
        }
      }
      return arms;
    };
    const [reasoning, ift] = offers(
      (index) => among.accuracy[index],
      (index) => among.perQuery[index],
    );
    const { kind, queries: value } = solve(reasoning, ift, queries, target);
    const wanted = target === null ? Math.min(best(reasoning.accuracy), best(ift.accuracy)) : target;
    const [ours, theirs] = [reaching(reasoning, wanted), reaching(ift, wanted)];
    const values = [];
    for (let draw = 0; draw < among.count; draw += 1) {
      const drawn = offers(
        (index) => among.draws[index][draw],
        (index) => among.perQueryDraws[index][draw],
      );
      const crossing = solve(...drawn, queries, target).queries;
      if (crossing !== null) values.push(crossing);
    }
    const even = {
      kind,
      target_accuracy: wanted,
      queries: value,
      interval: crossingInterval(value, values, study.level),
      cheaper_below: value === null ? null : cheaper(ours, theirs, value * (1 - JUST_BELOW)),
      lines: { reasoning: ours, ift: theirs },
    };
    const some = values.length > 0 && values.length < among.count;
    const share = values.length / among.count;
    const told = share < 0.01 ? "fewer than 1%" : share > 0.99 ? "more than 99%" : `${Numbers.fixed(share * 100, 0)}%`;
    return { even, notes: some ? [`a break-even number of queries exists in ${told} of the draws`] : [] };
  }

  function crossingInterval(value, values, level) {
    if (value === null || !values.length) return null;
    const tail = (1 - level) / 2;
    const sorted = Float64Array.from(values).sort();
    const [low, high] = [Candidates.quantile(sorted, tail), Candidates.quantile(sorted, 1 - tail)];
    return { low: Math.min(low, value), high: Math.max(high, value), level };
  }

  return { breakEven, cheapest };
})();
