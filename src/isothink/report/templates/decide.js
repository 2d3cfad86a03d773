// The decision for one family, budget and number of queries, from the stored draws: evidence/verdict.decide and what it
// calls, in the page. Pure functions of a data object (report/decision_data.py); no DOM. Every step keeps the order of
// operations of its Python twin, so that both give the same floating-point numbers; the tests compare them.
"use strict";
const Decision = (() => {
  const ROUNDING = 1 + 1e-6; // a budget is met to rounding
  const JUST_BELOW = 1e-6; // of a crossing: where the order of the costs before it is read
  const DRAW_UNIT = 1e-4; // draws are stored as whole numbers of it
  const SAME_COST = 1e-9; // relative: the costs of two arms at a crossing
  const MOST_ALTERNATIVES = 3;
  const CANNOT_TELL = "cannot tell";
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const DIGIT = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, DIGITS.indexOf(String.fromCharCode(code))));

  // ---- the stored draws

  /** Whole numbers packed into a text: each is `low` and what `width` bits say, six bits to a character. */
  function unpacked({ low, width, count, text }) {
    const values = new Float64Array(count);
    let held = 0,
      bits = 0,
      at = 0;
    for (let number = 0; number < count; number += 1) {
      while (bits < width) {
        held = held * 64 + DIGIT[text.charCodeAt(at)];
        at += 1;
        bits += 6;
      }
      const below = 2 ** (bits - width);
      const value = Math.floor(held / below);
      held -= value * below;
      bits -= width;
      values[number] = (low + value) * DRAW_UNIT;
    }
    return values;
  }

  /** The study with its cells as objects; the page holds them as rows without names. */
  function opened(stored) {
    const families = stored.families.map((family) => ({
      ...family,
      cells: family.cells.values.map((row) =>
        Object.fromEntries(row.map((value, at) => [family.cells.names[at], value])),
      ),
    }));
    return { ...stored, families };
  }

  const drawsOf = new WeakMap(); // a cell -> its draws, unpacked when its family is first looked at
  function cellDraws(cell) {
    if (!drawsOf.has(cell)) {
      const accuracy = unpacked(cell.draws);
      const choice = cell.choice_draws ? unpacked(cell.choice_draws) : accuracy;
      drawsOf.set(cell, { accuracy, choice, inference: unpacked(cell.inference_draws) });
    }
    return drawsOf.get(cell);
  }

  // ---- small numbers: numpy's quantiles

  /** numpy's linear quantile of sorted values. */
  function quantile(sorted, share) {
    const place = (sorted.length - 1) * share;
    const before = Math.floor(place);
    const low = sorted[before],
      high = sorted[Math.min(before + 1, sorted.length - 1)];
    const part = place - before;
    return part >= 0.5 ? high - (high - low) * (1 - part) : low + (high - low) * part;
  }

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const within = (cost, cap) => cap === null || cap === undefined || cost <= cap * ROUNDING;

  // ---- candidates: evidence/candidates.py and evidence/money.py

  function secondsOf(flops, device, money) {
    return flops / (device.peak_flops * money.utilisation);
  }

  function secondsToServe([prefill, decode, weights, cache], device, money) {
    const moved = weights / money.batch_size + cache;
    const phase = (flops, bytes) => Math.max(flops / (device.peak_flops * money.utilisation), bytes / device.bandwidth);
    return phase(prefill, 0) + phase(decode, moved);
  }

  const inUnit = (seconds, money) => (money.axis === "usd" ? (seconds * money.price_per_hour) / 3600 : seconds);

  /** What training FLOPs cost on the axis of money. */
  const moneyOf = (study, flops, money) =>
    inUnit(
      secondsOf(
        flops,
        study.devices.find((one) => one.name === money.device),
        money,
      ),
      money,
    );

  /** A family's cells as parallel arrays; on an axis of money those whose serving is not known are left out. */
  function candidates(study, family, money) {
    const cells = family.cells.filter((cell) => !money || cell.serving);
    const device = money && study.devices.find((one) => one.name === money.device);
    const training = cells.map((cell) => cell.training);
    const spent = cells.map((cell) => cell.training + cell.fixed);
    const among = {
      cells,
      trainingFlops: training,
      training,
      once: spent,
      perQuery: cells.map((cell) => cell.per_query),
    };
    if (money) {
      const priced = (seconds) => inUnit(seconds, money);
      among.training = training.map((flops) => priced(secondsOf(flops, device, money)));
      among.once = spent.map((flops) => priced(secondsOf(flops, device, money)));
      among.perQuery = cells.map((cell) => priced(secondsToServe(cell.serving, device, money)));
    }
    return withDraws(among);
  }

  function withDraws(among) {
    const stored = among.cells.map(cellDraws);
    among.accuracy = among.cells.map((cell) => cell.expected_accuracy);
    among.draws = stored.map((one) => one.accuracy);
    among.choiceDraws = stored.map((one) => one.choice);
    among.perQueryDraws = stored.map((one, index) => one.inference.map((ratio) => ratio * among.perQuery[index]));
    among.count = among.draws.length ? among.draws[0].length : 0;
    return among;
  }

  const lifetimes = (among, queries) => among.once.map((once, index) => once + queries * among.perQuery[index]);

  // ---- one choice: evidence/choice.py

  /** The first of the highest by (accuracy, lowest whole-life cost). */
  function highest(indices, accuracy, lifetime) {
    return indices.reduce((best, index) =>
      accuracy[index] > accuracy[best] || (accuracy[index] === accuracy[best] && lifetime[index] < lifetime[best])
        ? index
        : best,
    );
  }

  /** Whether the lower end of the interval of a paired difference is zero or less; sorts only where counting cannot tell. */
  function reachesZero(first, second, level) {
    const tail = (1 - level) / 2;
    const before = Math.floor((first.length - 1) * tail);
    let count = 0;
    for (let draw = 0; draw < first.length; draw += 1) if (first[draw] - second[draw] <= 0) count += 1;
    if (count <= before) return false;
    if (count > before + 1) return true;
    return quantile(first.map((value, draw) => value - second[draw]).sort(), tail) <= 0;
  }

  function choose(eligible, among, lifetime, study) {
    const { accuracy, choiceDraws } = among;
    const best = highest(eligible, accuracy, lifetime);
    const near = [best, ...eligible.filter((index) => reachesZero(choiceDraws[best], choiceDraws[index], study.level))];
    const lowest = Math.min(...near.map((index) => lifetime[index]));
    const cheap = near.filter((index) => lifetime[index] <= lowest * (1 + study.cost_tolerance));
    return highest(cheap, accuracy, lifetime);
  }

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

  function highestDraws(among, eligible) {
    const top = new Float64Array(among.count).fill(-Infinity);
    for (const index of eligible) {
      const own = among.draws[index];
      for (let draw = 0; draw < top.length; draw += 1) if (own[draw] > top[draw]) top[draw] = own[draw];
    }
    return top;
  }

  function recommendation(among, index, top, { lifetime, level, beyond, queries }) {
    const cell = among.cells[index];
    const own = among.draws[index];
    const tail = (1 - level) / 2;
    const sorted = Float64Array.from(own).sort();
    const [low, high] = [tail, 1 - tail].map((share) => Math.min(1, Math.max(0, quantile(sorted, share))));
    const accuracy = among.accuracy[index];
    return {
      index,
      cell: cell.name,
      arm: cell.arm,
      student: cell.student,
      accuracy,
      interval: { low: Math.min(low, accuracy), high: Math.max(high, accuracy), level },
      probability_best: mean(Array.from(own, (value, draw) => (value >= top[draw] ? 1 : 0))),
      expected_regret_points: 100 * mean(Array.from(own, (value, draw) => top[draw] - value)),
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

  // ---- break-even: evidence/break_even.py

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
    const share = Numbers.fixed((values.length / among.count) * 100, 0);
    return { even, notes: some ? [`a break-even number of queries exists in ${share}% of the draws`] : [] };
  }

  function crossingInterval(value, values, level) {
    if (value === null || !values.length) return null;
    const tail = (1 - level) / 2;
    const sorted = Float64Array.from(values).sort();
    const [low, high] = [quantile(sorted, tail), quantile(sorted, 1 - tail)];
    return { low: Math.min(low, value), high: Math.max(high, value), level };
  }

  // ---- outcome: evidence/verdict.py

  function comparisonsAt(study, family, budget) {
    const counted = study.budgets.filter((item) => item <= budget * ROUNDING);
    const grid = counted.length ? Math.max(...counted) : null;
    return family.comparisons.filter((item) => item.budget === grid);
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
      return { outcome: kind === "reasoning" ? "reasoning" : "curriculum", reasons };
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

  /** Whether every student and arm that reached the budget here also reaches the rescaled one there. */
  function bracketed(among, here, there, { budget, rescaled, tolerance }) {
    const lines = new Map();
    among.cells.forEach((cell, index) => {
      const line = `${cell.student}/${cell.arm}`;
      lines.set(line, [...(lines.get(line) ?? []), index]);
    });
    const top = Math.max(...here.filter((cost) => cost <= budget * ROUNDING));
    return [...lines.values()].every((indices) => {
      const reached = Math.max(...indices.map((index) => here[index])) * (1 + tolerance) >= top;
      const far = Math.max(...indices.map((index) => there[index])) * (1 + tolerance);
      return !(reached && far < rescaled * Math.min(1, top / budget));
    });
  }

  /** Every cell re-priced and the budget rescaled by the recommended cell's ratio; `why` says that it cannot be told. */
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
      withDraws({
        cells: among.cells,
        trainingFlops: there,
        training: there,
        perQuery: priced.map(([, query]) => query),
        once: there.map((flops, index) => flops + ratio * among.cells[index].fixed),
      });
    if (!bracketed(among, here, there, { budget, rescaled, tolerance })) {
      return { why: "some student was not trained for as much as this convention would allow", among: newPrices() };
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
    const chosen = choose(other.eligible, other.among, lifetimes(other.among, terms.queries), study);
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
    let among = candidates(study, family, money);
    const notes = [];
    if (money && among.cells.length < family.cells.length) {
      const left = family.cells.length - among.cells.length;
      notes.push(
        `${left} of ${family.cells.length} configurations have no known shape, so no ${money.axis}, and are left out`,
      );
    }
    const life = lifetimes(among, queries);
    let eligible = among.cells
      .map((_, index) => index)
      .filter(
        (index) =>
          within(among.trainingFlops[index], budget) &&
          within(among.perQuery[index], question.inference_budget) &&
          within(life[index], question.lifetime_budget),
      );
    const deciding = comparisonsAt(study, family, budget);
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
      sensitivity: {},
      reasons: [reason],
      among,
      eligible: [],
      rescaled: null,
      priced_in: study.convention,
      cannot_tell: false,
    });
    if (!eligible.length) return nothing(nothingEligible(family, among));
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
    const lifetime = lifetimes(among, queries);
    const record = (index) => recommendation(among, index, top, { lifetime, level: study.level, beyond, queries });
    const { even, notes: evenNotes } = question.brief
      ? { even: null, notes: [] }
      : breakEven(among, eligible, { queries, target: question.target ?? null, study });
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
      sensitivity: named(others),
      reasons: [...reasons, ...notes, ...evenNotes],
      among,
      eligible,
      rescaled,
      priced_in: convention,
      cannot_tell: false,
    };
  }

  const named = (others) => Object.fromEntries(Object.entries(others).map(([name, one]) => [name, one.name]));

  function nothingEligible(family, among) {
    if (!family.cells.length) return `no configuration has complete scores on ${family.name}`;
    if (!among.cells.length) return "no configuration has a known shape, so none has seconds or dollars";
    const cell = among.cells.reduce((least, one) => (one.training < least.training ? one : least));
    const cost = Numbers.flops(cell.training);
    return `no configuration meets every budget; the cheapest to train, ${cell.name}, cost ${cost}`;
  }

  // ---- the frontier: evidence/frontier.py

  /** Marks who is on the frontier. `order` lists all by cost and stays nearly sorted from draw to draw. */
  function onFrontier(accuracy, cost, order, { step, factor }, found) {
    for (let at = 1; at < order.length; at += 1) {
      // an insertion sort: quick on what is nearly sorted
      const index = order[at];
      let place = at;
      for (; place > 0 && cost[order[place - 1]] > cost[index]; place -= 1) order[place] = order[place - 1];
      order[place] = index;
    }
    // The most accurate of those no dearer within the tolerance, and of those cheaper beyond it.
    let near = 0,
      below = 0,
      bestNear = -Infinity,
      bestBelow = -Infinity;
    for (const own of order) {
      for (; near < order.length && cost[order[near]] <= cost[own] * factor; near += 1) {
        if (accuracy[order[near]] > bestNear) bestNear = accuracy[order[near]];
      }
      for (; below < order.length && cost[order[below]] * factor < cost[own]; below += 1) {
        if (accuracy[order[below]] > bestBelow) bestBelow = accuracy[order[below]];
      }
      found[own] = bestNear > accuracy[own] + step || bestBelow >= accuracy[own] - step ? 0 : 1;
    }
  }

  /** Each candidate's cost on the axis, whether it is on the frontier, and in what share of the draws it is. */
  function frontier(study, among, axis, queries) {
    const costs = { training: among.training, query: among.perQuery, life: lifetimes(among, queries) }[axis];
    const size = costs.length;
    const ties = { step: study.accuracy_tolerance + 1e-12, factor: 1 + study.cost_tolerance + 1e-12 };
    const order = Uint32Array.from(costs, (_, index) => index);
    const now = new Uint8Array(size),
      drawn = new Uint8Array(size),
      often = new Uint32Array(size);
    onFrontier(
      among.cells.map((cell) => cell.accuracy),
      costs,
      order,
      ties,
      now,
    );
    const accuracy = new Float64Array(size),
      cost = Float64Array.from(costs);
    for (let draw = 0; draw < among.count; draw += 1) {
      for (let index = 0; index < size; index += 1) {
        accuracy[index] = among.draws[index][draw];
        if (axis === "query") cost[index] = among.perQueryDraws[index][draw];
        if (axis === "life") cost[index] = among.once[index] + queries * among.perQueryDraws[index][draw];
      }
      onFrontier(accuracy, cost, order, ties, drawn);
      for (let index = 0; index < size; index += 1) often[index] += drawn[index];
    }
    return costs.map((value, index) => ({
      cost: value,
      on: now[index] === 1,
      probability: often[index] / among.count,
    }));
  }

  return { opened, decide, frontier, unpacked, cheapest, priced: moneyOf };
})();
