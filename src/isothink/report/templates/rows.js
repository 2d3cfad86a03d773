// What the two plots of the first screen draw: rows, ranges and titles made from a verdict. Pure; used by explorer.js,
// which tells each question the unit of its costs.
"use strict";
const Rows = (() => {
  const NUDGE = 0.016; // of the axis, about six pixels: arms of one budget cost the same and would cover each other
  const LINE_POINTS = 64;
  const FADED = 0.3; // what the budgets exclude
  const UNITS = { flops: "FLOPs", seconds: "device-seconds", usd: "dollars" };

  const amount = (value, question) =>
    `${question.money ? Numbers.short(value) : Numbers.scientific(value)} ${question.unit}`;

  const ticks = (low, high) => {
    const found = [];
    const decades = Math.log10(high / low);
    const digits = decades > 4 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
    const every = Math.max(1, Math.ceil(decades / 9));
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      if (power % every) continue;
      for (const digit of digits) {
        const tick = Number(`${digit}e${power}`);
        if (tick >= low && tick <= high) found.push(tick);
      }
    }
    return found;
  };

  const label = (name) => (name.length <= 60 ? name : `${name.slice(0, 40)} … ${name.slice(-20)}`);

  /** The title of the cost axis, with its unit. */
  function axisTitle(axis, question) {
    const device = question.money ? ` on ${question.money.device}` : "";
    const whole = `, whole life at ${Numbers.scientific(question.queries)} queries`;
    return `${question.unit}${device}${{ training: " of training", query: " per query", life: whole }[axis]} (log)`;
  }

  /** `size` is that of the plot's place in pixels. */
  function choice(study, verdict, question, axis, size) {
    const { among } = verdict;
    const standing = Frontier.frontier(study, among, axis, question.queries);
    const shown = standing.map((one, index) => index).filter((index) => standing[index].cost > 0);
    const limit = {
      training:
        verdict.rescaled ??
        (question.money ? Candidates.priced(study, question.budget, question.money) : question.budget),
      query: question.inference_budget,
      life: question.lifetime_budget,
    }[axis];
    const costs = shown.map((index) => standing[index].cost);
    if (!costs.length) return null;
    const reach = [Math.min(...costs), Math.max(...costs)];
    const near = limit > reach[0] / 30 && limit < reach[1] * 30;
    const [low, high] = [Math.min(reach[0], near ? limit : Infinity), Math.max(reach[1], near ? limit : 0)];
    const room = Math.max(1.3, (high / low) ** 0.06);
    const domain = [low / room, high * room];
    const step = axis === "training" ? (domain[1] / domain[0]) ** NUDGE : 1;
    const used = [...new Set(among.cells.map((cell) => cell.arm))].sort((a, b) => a - b);
    const place = (index) =>
      standing[index].cost * step ** (used.indexOf(among.cells[index].arm) - (used.length - 1) / 2);
    const allowed = new Set(verdict.eligible);
    const row = (index) => {
      const cell = among.cells[index];
      return {
        configuration: label(cell.name),
        arm: study.arm_labels[cell.arm],
        student: study.student_labels[cell.student],
        cost: standing[index].cost,
        place: place(index),
        accuracy: cell.accuracy,
        low: cell.low,
        high: cell.high,
        expected: cell.expected_accuracy,
        cost_text: amount(standing[index].cost, question),
        probability: standing[index].probability,
        opacity: allowed.has(index) ? 1 : FADED,
        bar_opacity: index === verdict.recommended?.index ? 1 : allowed.has(index) ? 0.45 : 0.18,
        standing:
          index === verdict.recommended?.index
            ? "recommended"
            : allowed.has(index)
              ? "within the budgets"
              : "beyond a budget",
      };
    };
    const cells = shown.map(row);
    const spread = cells.flatMap((one) => [one.low, one.high]);
    const bounds = [Math.min(...spread), Math.max(...spread)];
    const margin = 0.04 * (bounds[1] - bounds[0]) + 0.01;
    const members = shown.filter((index) => standing[index].on).sort((a, b) => standing[a].cost - standing[b].cost);
    const even = verdict.break_even;
    const best = verdict.recommended?.index;
    const pairs = pairOf(even, question).filter(([, index]) => standing[index].cost > 0);
    const y = [bounds[0] - margin, bounds[1] + margin];
    const target =
      even && even.kind !== "no_equal_accuracy"
        ? [{ accuracy: even.target_accuracy, text: `equal accuracy ${Numbers.percent(even.target_accuracy)}` }]
        : [];
    const plot = {
      title: axisTitle(axis, question),
      domain,
      y,
      data: {
        cells,
        members: members.map((index) => ({ cost: standing[index].cost, accuracy: among.cells[index].accuracy })),
        limit: near ? [{ cost: limit, text: axis === "training" ? "budget" : "limit" }] : [],
        target,
        even: pairs.map(([arm, index]) => ({
          place: place(index),
          accuracy: among.cells[index].accuracy,
          text: `${arm}, cheapest at equal accuracy`,
        })),
        recommended: best !== undefined && standing[best].cost > 0 ? [row(best)] : [],
      },
      names: members.map((index) => label(among.cells[index].name)),
    };
    plot.data.target_label = Labels.ofTargets(plot, size);
    return plot;
  }

  /** The two cells whose lines meet at the break-even, or are the cheapest of their arms where none meet. */
  function pairOf(even, question) {
    if (!even || even.kind === "no_equal_accuracy") return [];
    const at = even.queries ?? Math.max(question.queries, 1);
    return Object.entries(even.lines).map(([arm, lines]) => {
      const cost = (place) => lines.once[place] + at * lines.perQuery[place];
      const least = lines.once.reduce((best, _, place) => (cost(place) < cost(best) ? place : best), 0);
      return [Sentences.armName(arm), lines.indices[least]];
    });
  }

  function breakEven(verdict, question) {
    const even = verdict.break_even;
    if (!even || even.kind === "no_equal_accuracy") return null;
    const marks = [even.queries, even.interval?.low, even.interval?.high].filter((value) => value > 0);
    const around = [...marks, Math.max(1, question.queries)];
    const low = 10 ** Math.floor(Math.log10(Math.min(...around)) - 0.5),
      high = 10 ** Math.ceil(Math.log10(Math.max(...around)) + 0.5);
    const points = Array.from({ length: LINE_POINTS }, (_, at) => low * (high / low) ** (at / (LINE_POINTS - 1)));
    const lines = Object.entries(even.lines).flatMap(([arm, own]) =>
      points.map((value) => ({ arm: Sentences.armName(arm), queries: value, cost: BreakEven.cheapest(own, value) })),
    );
    const costs = lines.map((one) => one.cost);
    const room = Math.max(1.2, (Math.max(...costs) / Math.min(...costs)) ** 0.05);
    const crossing =
      even.queries === null
        ? []
        : [
            {
              queries: even.queries,
              cost: BreakEven.cheapest(even.lines.ift, even.queries),
              text: `equal at ${Numbers.count(even.queries)} queries`,
            },
          ];
    const now = question.queries > 0 ? [{ queries: question.queries, text: "your queries" }] : [];
    const [from, to] = even.interval
      ? [even.interval.low, even.interval.high].map((value) => Math.min(high, Math.max(low, value)))
      : [];
    return {
      domain: [low, high],
      y: [Math.min(...costs) / room, Math.max(...costs) * room],
      title: "queries served (log)",
      yTitle: `whole life, ${question.unit} (log)`,
      data: {
        lines,
        even: crossing,
        band: even.interval ? [{ low: from, high: to }] : [],
        now,
        now_before: now.filter((one) => one.queries ** 2 > low * high),
        now_after: now.filter((one) => one.queries ** 2 <= low * high),
      },
    };
  }

  return { choice, breakEven, ticks, amount, UNITS };
})();
