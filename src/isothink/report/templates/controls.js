// The first screen: reads the controls, asks decide.js, and shows the answer, the frontier and the break-even at once.
// Everything that comes from data is written as text; the two plots are drawn once and fed new rows.
"use strict";
const Explorer = (() => {
  const root = document.getElementById("explorer");
  if (!root) return { drawn: Promise.resolve(), resize: () => {} };
  const { study: stored, charts } = JSON.parse(document.getElementById("decision").textContent);
  const study = Candidates.opened(stored);
  const find = (name) => document.getElementById(`set-${name}`);
  const show = (id) => document.getElementById(id);
  const OUTCOMES = ["ift", "reasoning", "curriculum", "other", "unresolved"];
  const AXES = { training: "training", query: "inference, per query", life: "whole life" };
  const views = {};

  // ---- sliders over steps, each beside a number that may lie between them

  const rounded = (value) => Number(value.toPrecision(2));
  const sorted = (values) => [...new Set(values)].sort((a, b) => a - b);
  const spelled = (value) => {
    const plain = String(value),
      power = value.toExponential().replace("e+", "e");
    return plain.length <= 5 || plain.length <= power.length ? plain : power;
  };

  function budgetSteps() {
    const costs = study.families.flatMap((family) => family.cells.map((cell) => cell.training));
    const low = Math.log10(Math.min(...costs, ...study.budgets)),
      high = Math.log10(Math.max(...costs, ...study.budgets) * 10);
    const count = Math.ceil((high - low) * 20);
    const between = Array.from({ length: count + 1 }, (_, at) => rounded(10 ** (low + ((high - low) * at) / count)));
    return sorted([...between, ...study.budgets]);
  }

  function querySteps() {
    const decades = Array.from({ length: 13 }, (_, power) => power);
    return sorted([
      0,
      study.queries,
      ...decades.flatMap((power) => [1, 1.5, 2, 3, 5, 7].map((digit) => Math.round(digit * 10 ** power))),
    ]);
  }

  const nearest = (steps, value) =>
    steps.reduce(
      (best, step, at) =>
        Math.abs(Math.log((step + 1) / (value + 1))) < Math.abs(Math.log((steps[best] + 1) / (value + 1))) ? at : best,
      0,
    );

  /** A range and a number that say the same; `get` gives the exact value. */
  function paired(name, steps, first, unit, lowest) {
    const range = find(name),
      number = find(`${name}-number`);
    let value = first;
    range.max = String(steps.length - 1);
    const told = () => {
      range.setAttribute("aria-valuetext", `${Numbers.count(value)} ${unit}`);
      number.setAttribute("aria-invalid", "false");
    };
    const set = (wanted) => {
      value = wanted;
      number.value = spelled(value);
      range.value = String(nearest(steps, value));
      told();
    };
    range.addEventListener("input", () => {
      value = steps[Number(range.value)];
      number.value = spelled(value);
      told();
    });
    number.addEventListener("input", () => {
      const typed = number.valueAsNumber;
      if (!Number.isFinite(typed) || typed < lowest) {
        number.setAttribute("aria-invalid", "true");
        return;
      }
      value = typed;
      range.value = String(nearest(steps, value));
      told();
    });
    number.addEventListener("change", () => set(value));
    set(first);
    return { get: () => value, set };
  }

  const positive = (name, otherwise, test = (value) => value > 0) => {
    const value = find(name).valueAsNumber;
    const fits = Number.isFinite(value) && test(value);
    find(name).setAttribute("aria-invalid", String(!fits && find(name).value !== ""));
    return fits ? value : otherwise;
  };

  const top = study.budgets.length
    ? study.budgets.at(-1)
    : Math.max(...study.families.flatMap((one) => one.cells.map((cell) => cell.training)));
  const budget = paired("budget", budgetSteps(), top, "FLOPs", Number.MIN_VALUE);
  const queries = paired("queries", querySteps(), study.queries, "queries", 0);

  // ---- what is asked

  function money() {
    const axis = find("unit").value;
    if (axis === "flops") return null;
    return {
      axis,
      device: find("device").value,
      price_per_hour: positive("price", 1),
      batch_size: positive("batch", study.batch_size, (value) => value >= 1 && Number.isInteger(value)),
      utilisation: positive("utilisation", 100 * study.utilisation, (value) => value > 0 && value <= 100) / 100,
    };
  }

  function asked() {
    const cap = (name) => positive(name, null, (value) => value >= 0);
    const target = positive("target", null, (value) => value >= 0 && value <= 100);
    return {
      family: Number(find("family").value),
      budget: budget.get(),
      queries: queries.get(),
      money: money(),
      convention: find("convention").value,
      inference_budget: cap("query-cap"),
      lifetime_budget: cap("life-cap"),
      target: target === null ? null : target / 100,
    };
  }

  // ---- what is shown

  const percents = (interval) => `${Numbers.percent(interval.low)} to ${Numbers.percent(interval.high)}`;
  const element = (tag, text, kind = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const named = ({ outcome, cannot_tell }) =>
    cannot_tell ? "cannot tell" : outcome === "unresolved" ? "not resolved" : Sentences.armName(outcome);

  function marked(node, outcome) {
    node.classList.remove(...OUTCOMES);
    node.classList.add(outcome);
  }

  function breakEvenTexts(even) {
    if (!even) return ["none", "it needs a configuration of both IFT and reasoning within every budget"];
    if (even.kind === "no_equal_accuracy") return ["none", "the arms reach no equal accuracy"];
    const at = `both reach ${Numbers.percent(even.target_accuracy)}`;
    if (even.queries === null) {
      return [
        "none",
        `${even.kind === "ift_always" ? "IFT" : "reasoning"} costs less at any number of queries (${at})`,
      ];
    }
    const number = (value) => (value < 100 ? String(Number(value.toPrecision(3))) : Numbers.count(value));
    const interval = even.interval
      ? `${study.level_text} interval ${number(even.interval.low)} to ${number(even.interval.high)}; `
      : "";
    return [
      `${number(even.queries)} queries`,
      `${interval}with fewer, ${Sentences.armName(even.cheaper_below)} is the cheaper (${at})`,
    ];
  }

  /** What every other convention recommends, in one line. */
  function conventionText(verdict) {
    const groups = new Map();
    for (const [name, cell] of Object.entries(verdict.sensitivity))
      groups.set(cell, [...(groups.get(cell) ?? []), name]);
    const own = verdict.recommended?.cell;
    return [...groups].map(([cell, names]) => `${names.join(", ")}: ${cell === own ? "the same" : cell}`).join("; ");
  }

  function tiles(verdict, question) {
    const one = verdict.recommended;
    const found = [];
    if (one) {
      const life = `${Numbers.count(question.queries)} ${question.queries === 1 ? "query" : "queries"}`;
      found.push(
        [
          verdict.outcome === "unresolved" ? "Best guess for now" : "Take",
          one.cell,
          Sentences.standing(one).replace(/^ \(|\)$/g, ""),
          "wide",
        ],
        ["Expected accuracy", Numbers.percent(one.accuracy), `${study.level_text} interval ${percents(one.interval)}`],
        [
          "Probability best",
          Numbers.probability(one.probability_best).replace(" ", "\u00a0"),
          `expected regret ${Numbers.fixed(one.expected_regret_points, 1)} points`,
        ],
        ["Training", Rows.amount(one.training_cost, question), question.money ? `on ${question.money.device}` : ""],
        ["One query", Rows.amount(one.inference_cost_per_query, question), ""],
        ["Whole life", Rows.amount(one.lifetime_cost, question), life],
      );
    }
    if (one) found.push(["Break-even", ...breakEvenTexts(verdict.break_even), "wide"]);
    if (verdict.crossover_parameters !== null) {
      const size = `${Numbers.scientific(verdict.crossover_parameters)} parameters`;
      found.push(["Reasoning gains nothing at", size, "fitted to the study's students", "wide"]);
    }
    show("answer-tiles").replaceChildren(
      ...found.map(([name, value, more, kind]) => {
        const tile = element("div", "", kind);
        const [number, unit] = kind ? [value, ""] : value.split(/ (.*)/);
        const shown = element("dd", number, "value");
        if (unit) shown.append(element("span", ` ${unit}`, "in"));
        tile.append(element("dt", name), shown);
        if (more) tile.append(element("dd", more, "more"));
        return tile;
      }),
    );
  }

  /** The answer in a line: what is resolved, and what to take. */
  function shortened(verdict, question) {
    const one = verdict.recommended;
    const clause = Sentences.outcomeClause(study, study.families[question.family], verdict).replace(
      /, and differences below .*$/,
      "",
    );
    if (verdict.cannot_tell) return `${verdict.reasons.join("; ")}.`;
    if (!one) return `no configuration is recommended (${verdict.reasons.join("; ")}).`;
    return `${clause}; ${verdict.outcome === "unresolved" ? "the best guess for now is" : "take"} ${one.cell}.`;
  }

  function sentences(verdict, question) {
    const family = study.families[question.family];
    const text = shortened(verdict, question);
    const lead = show("answer-sentence");
    if (lead.textContent !== `${family.name}: ${text}`) lead.replaceChildren(element("bdi", family.name), `: ${text}`);
    show("answer-full").textContent = verdict.cannot_tell ? "" : Sentences.sentence(study, question, verdict);
    marked(show("answer"), verdict.outcome);
    const notes = [];
    if (verdict.rescaled !== null) {
      notes.push(
        `Priced under the ${question.convention} convention, where the budget of ${Numbers.flops(question.budget)} ` +
          `(${study.convention}) is ${Numbers.flops(verdict.rescaled)}.`,
      );
    }
    show("answer-notes").textContent = notes.join(" ");
    const changes = verdict.would_change_it.map((text) => text.replace(/[. ]+$/, "")).join("; ");
    show("answer-change").textContent = changes ? `What would change it: ${changes}.` : "";
    const told = [...verdict.reasons, ...verdict.at_equal_cost];
    show("answer-reasons").replaceChildren(...told.map((reason) => element("li", reason)));
    const conventions = conventionText(verdict);
    if (conventions)
      show("answer-reasons").append(element("li", `recommended under other FLOPs conventions: ${conventions}`));
  }

  function families(question, shown) {
    for (const item of document.querySelectorAll("#families li")) {
      const number = Number(item.dataset.family);
      const own = number === question.family;
      const verdict = own ? shown : Decision.decide(study, { ...question, family: number, brief: true });
      item.classList.toggle("current", own);
      if (!study.families[number].cells.length) continue;
      marked(item, verdict.outcome);
      item.querySelector(".badge").textContent = named(verdict);
      item.querySelector(".told").textContent = headline(verdict);
    }
  }

  /** sections/verdict.py writes the same for the study's own question. */
  function headline(verdict) {
    const one = verdict.recommended;
    if (!one) return verdict.reasons.join("; ");
    const lead = verdict.outcome === "unresolved" ? "best guess for now" : "take";
    return (
      `${lead} ${one.cell}: ${Numbers.percent(one.accuracy)} (${percents(one.interval)}), best with a probability ` +
      `${Numbers.probabilityPhrase(one.probability_best)}`
    );
  }

  function command(question) {
    const quoted = (text) => (/^[\w.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
    const parts = [
      "isothink verdict RUN --family",
      quoted(study.families[question.family].name),
      "--budget",
      spelled(question.budget),
      "--queries",
      spelled(question.queries),
    ];
    if (question.inference_budget !== null) parts.push("--inference-budget", spelled(question.inference_budget));
    if (question.lifetime_budget !== null) parts.push("--lifetime-budget", spelled(question.lifetime_budget));
    if (question.target !== null) parts.push("--target", spelled(question.target));
    if (!question.money && question.convention !== study.convention) parts.push("--convention", quoted(question.convention));
    if (question.money) {
      const { axis, device, price_per_hour, batch_size, utilisation } = question.money;
      parts.push("--axis", axis, "--device", quoted(device));
      if (axis === "usd") parts.push("--price", spelled(price_per_hour));
      parts.push("--batch-size", batch_size, "--utilisation", utilisation);
    }
    show("answer-command").textContent = parts.join(" ");
  }

  // ---- the plots

  /** The compiled chart with its ranges, ticks and titles left open for `feed`; the first ones hold their places. */
  function opened(spec) {
    const signals = {
      x_domain: [1, 10],
      y_domain: [1, 10],
      x_ticks: [1],
      y_ticks: [1],
      x_title: "cost",
      y_title: "cost",
    };
    spec.signals = [...(spec.signals ?? []), ...Object.entries(signals).map(([name, value]) => ({ name, value }))];
    for (const scale of spec.scales)
      if (scale.name === "x" || scale.name === "y") scale.domain = { signal: `${scale.name}_domain` };
    const isLog = (name) => spec.scales.find((scale) => scale.name === name).type === "log";
    for (const axis of spec.axes) {
      if (isLog(axis.scale)) axis.values = { signal: `${axis.scale}_ticks` };
      if (axis.labels !== false && isLog(axis.scale)) axis.title = { signal: `${axis.scale}_title` };
    }
    return spec;
  }

  function feed(name, rows) {
    const figure = show(`explorer-${name}`).closest("figure");
    figure.classList.toggle("nothing", rows === null);
    const view = views[name];
    if (!view || rows === null) return;
    for (const [set, values] of Object.entries(rows.data)) view.data(set, values);
    view
      .signal("x_domain", rows.domain)
      .signal("x_ticks", Rows.ticks(...rows.domain))
      .signal("x_title", rows.title)
      .signal("y_domain", rows.y);
    if (rows.yTitle) view.signal("y_ticks", Rows.ticks(...rows.y)).signal("y_title", rows.yTitle);
    view.run();
  }

  function plots(verdict, question) {
    const axis = find("axis").value;
    const choice = Rows.choice(study, verdict, question, axis);
    const even = Rows.breakEven(verdict, question);
    feed("frontier", choice);
    feed("break-even", even);
    const family = study.families[question.family].name;
    const best = verdict.recommended ? ` Recommended: ${verdict.recommended.cell}.` : "";
    show("explorer-frontier-title").textContent = `Accuracy against cost: ${AXES[axis]}`;
    show("explorer-frontier").setAttribute(
      "aria-label",
      choice === null
        ? `${family}: nothing to draw`
        : `${family}: accuracy against ${choice.title}, ${choice.data.cells.length} configurations. ` +
            `On the frontier: ${choice.names.join(", ")}.${best}`,
    );
    show("explorer-break-even").setAttribute(
      "aria-label",
      `${family}: whole-life cost against queries served. ` +
        `Break-even: ${breakEvenTexts(verdict.break_even).join(", ")}.`,
    );
    show("explorer-break-even-none").textContent =
      even === null ? `There is no break-even to draw: ${breakEvenTexts(verdict.break_even)[1]}.` : "";
  }

  function unitOf(question, verdict) {
    if (question.money) return Rows.UNITS[question.money.axis];
    return verdict.priced_in === study.convention ? "FLOPs" : `${verdict.priced_in} FLOPs`;
  }

  let last = null;
  function update() {
    const start = performance.now();
    const question = asked();
    const verdict = Decision.decide(study, question);
    question.unit = unitOf(question, verdict);
    last = { question, verdict };
    sentences(verdict, question);
    tiles(verdict, question);
    command(question);
    families(question, verdict);
    plots(verdict, question);
    performance.measure("answer", { start, end: performance.now() });
  }

  // ---- wiring

  function unitChanged() {
    const isMoney = find("unit").value !== "flops";
    for (const node of root.querySelectorAll("[data-for=money]")) node.hidden = !isMoney;
    for (const node of root.querySelectorAll("[data-for=usd]")) node.hidden = find("unit").value !== "usd";
    find("convention").disabled = isMoney;
    for (const node of root.querySelectorAll(".unit"))
      node.textContent = isMoney ? Rows.UNITS[find("unit").value] : "FLOPs";
    for (const name of ["query-cap", "life-cap"]) find(name).value = ""; // a limit in FLOPs is none in dollars
  }

  let waiting = 0;
  function soon() {
    // several events before one frame are one update
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(update);
  }

  function reset() {
    budget.set(top);
    queries.set(study.queries);
    for (const control of root.querySelectorAll("#controls select")) {
      if (control.id !== "set-family")
        control.value = control.querySelector("option[selected]")?.value ?? control.options[0].value;
    }
    for (const control of root.querySelectorAll("#controls input[type=number]")) {
      if (!control.id.endsWith("-number")) control.value = control.defaultValue;
    }
    unitChanged();
    update();
  }

  async function draw(name) {
    const host = show(`explorer-${name}`);
    const width = Math.floor(host.clientWidth);
    if (!width || host.dataset.width === String(width)) return;
    host.dataset.width = String(width);
    const spec = Plots.single(charts[name], width, name === "frontier" ? 340 : 300);
    try {
      views[name]?.finalize();
      views[name] = (await Plots.embed(host, spec, { patch: opened })).view;
    } catch (error) {
      host.textContent = `This plot could not be drawn (${error.message}).`;
      host.classList.add("failed");
      console.error(error);
    }
  }

  async function drawBoth() {
    for (const name of ["frontier", "break-even"]) {
      show(`explorer-${name}`).closest("figure").classList.remove("nothing"); // what is hidden has no width
      await draw(name);
    }
    plots(last.verdict, last.question);
    document.documentElement.dataset.explorer = "drawn";
    performance.measure("drawn", { start: 0, end: performance.now() });
  }

  for (const node of root.querySelectorAll("[hidden]:not([data-for])")) node.hidden = false;
  find("unit").addEventListener("change", unitChanged);
  show("controls").addEventListener("input", soon);
  show("controls").addEventListener("change", soon);
  show("set-reset").addEventListener("click", reset);
  for (const item of document.querySelectorAll("#families li")) {
    if (!study.families[Number(item.dataset.family)].cells.length) continue;
    item.addEventListener("click", () => {
      find("family").value = item.dataset.family;
      soon();
    });
  }
  unitChanged();
  update();
  return { drawn: drawBoth(), resize: drawBoth, answer: () => last };
})();
