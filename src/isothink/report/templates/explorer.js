// The first screen: asks decide.js what the controls ask, shows the answer, the frontier and the break-even at once.
// The two plots are drawn once and fed new rows.
"use strict";
const Explorer = (() => {
  const root = document.getElementById("explorer");
  if (!root) return { drawn: Promise.resolve(), resize: () => {}, rows: () => null };
  const { study: stored, charts } = JSON.parse(document.getElementById("decision").textContent);
  const study = Candidates.opened(stored);
  const show = (id) => document.getElementById(id);
  const AXES = { training: "training", query: "inference, per query", life: "whole life" };
  const HEIGHTS = { frontier: 340, "break-even": 300 };
  const controls = Controls.opened(study, root);
  const answer = Answer.opened(study);
  const views = {};
  let drawn = { frontier: [], "break-even": [] };

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
    const axis = controls.axis();
    const place = Number(show("explorer-frontier").dataset.width ?? 0); // as drawn: to measure it now would take time
    const choice = Rows.choice(study, verdict, question, axis, [place, HEIGHTS.frontier]);
    const even = Rows.breakEven(verdict, question);
    feed("frontier", choice);
    feed("break-even", even);
    drawn = { frontier: choice?.data.cells ?? [], "break-even": even?.data.lines ?? [] };
    counts(choice, verdict);
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
        `Break-even: ${answer.breakEvenTexts(verdict).join(", ")}.`,
    );
    show("explorer-break-even-none").textContent =
      even === null ? `There is no break-even to draw: ${answer.breakEvenTexts(verdict)[1]}.` : "";
  }

  /** Captions' n: configurations, and the items that each answered; and of which configurations the lines are. */
  function counts(choice, verdict) {
    const items = verdict.among.cells.map((cell) => cell.items);
    const [fewest, most] = [Math.min(...items), Math.max(...items)];
    const each = fewest === most ? `${fewest}` : `${fewest} to ${most}`;
    show("explorer-frontier-n").textContent =
      choice === null ? "" : `n = ${choice.data.cells.length} configurations, ${each} items each.`;
    const lines = verdict.break_even?.lines ?? {};
    const told = Object.entries(lines).map(([arm, { indices }]) => `${indices.length} of ${Sentences.armName(arm)}`);
    show("explorer-break-even-n").textContent = told.length
      ? `n = ${told.join(" and ")}: configurations that reach that accuracy.`
      : "";
  }

  /** The rows of a plot as it stands, for its CSV; null of a plot that is not of the first screen. */
  function rows(identity) {
    if (identity === "explorer-frontier") {
      return drawn.frontier.map(({ place, opacity, bar_opacity, cost_text, ...row }) => row);
    }
    return identity === "explorer-break-even" ? drawn["break-even"] : null;
  }

  function unitOf(question, verdict) {
    if (question.money) return Rows.UNITS[question.money.axis];
    return verdict.priced_in === study.convention ? "FLOPs" : `${verdict.priced_in} FLOPs`;
  }

  let last = null;
  function update() {
    const start = performance.now();
    const question = controls.asked();
    const verdict = Decision.decide(study, question);
    question.unit = unitOf(question, verdict);
    last = { question, verdict };
    answer.show(verdict, question);
    plots(verdict, question);
    performance.measure("answer", { start, end: performance.now() });
  }

  // ---- wiring

  let waiting = 0;
  function soon() {
    // several events before one frame are one update
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(update);
  }

  async function draw(name) {
    const host = show(`explorer-${name}`);
    const width = Math.floor(host.clientWidth);
    if (!width || host.dataset.width === String(width)) return;
    host.dataset.width = String(width);
    const spec = Plots.single(charts[name], width, HEIGHTS[name]);
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
  show("controls").addEventListener("input", soon);
  show("controls").addEventListener("change", soon);
  show("set-reset").addEventListener("click", () => {
    controls.reset();
    update();
  });
  for (const item of document.querySelectorAll("#families li")) {
    if (!study.families[Number(item.dataset.family)].cells.length) continue;
    item.addEventListener("click", () => {
      controls.choose(item.dataset.family);
      soon();
    });
  }
  update();
  return { drawn: drawBoth(), resize: drawBoth, answer: () => last, rows };
})();
