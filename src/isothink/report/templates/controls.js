// The controls of the first screen: what they offer, and the question that they ask. Used by explorer.js.
"use strict";
const Controls = (() => {
  const find = (name) => document.getElementById(`set-${name}`);
  const isShare = (value) => value > 0 && value <= 100;
  const NUMBERS = {
    price: { allows: (value) => value > 0, allowed: "a number above 0" },
    batch: { allows: (value) => value >= 1 && Number.isInteger(value), allowed: "a whole number from 1" },
    utilisation: { allows: isShare, allowed: "a number above 0, up to 100" },
    "query-cap": { allows: (value) => value >= 0, allowed: "a number from 0, or nothing", otherwise: null },
    "life-cap": { allows: (value) => value >= 0, allowed: "a number from 0, or nothing", otherwise: null },
    target: { allows: (value) => value >= 0 && value <= 100, allowed: "0 to 100, or nothing", otherwise: null },
  };

  /** The controls of a study: `asked` reads the question, `axis` the cost of the plot, `reset` sets the study's own. */
  function opened(study, root) {
    // ---- sliders over steps, each beside a number that may lie between them

    const rounded = (value) => Number(value.toPrecision(2));
    const sorted = (values) => [...new Set(values)].sort((a, b) => a - b);

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
          Math.abs(Math.log((step + 1) / (value + 1))) < Math.abs(Math.log((steps[best] + 1) / (value + 1)))
            ? at
            : best,
        0,
      );

    const problems = new Map();
    /** Marks a field that holds what is not allowed, and says what is and what counts instead. */
    function judged(name, field, problem) {
      field.setAttribute("aria-invalid", String(problem !== ""));
      const label = document.querySelector(`label[for="set-${name}"]`).textContent.trim();
      if (problem) problems.set(name, `${label}: ${problem}.`);
      else problems.delete(name);
      document.getElementById("controls-problem").textContent = [...problems.values()].join(" ");
    }

    /** A range and a number that say the same; `get` gives the exact value. */
    function paired(name, steps, first, unit, lowest) {
      const range = find(name),
        number = find(`${name}-number`);
      let value = first;
      range.max = String(steps.length - 1);
      const told = () => {
        range.setAttribute("aria-valuetext", `${Numbers.count(value)} ${unit}`);
        judged(name, number, "");
      };
      const set = (wanted) => {
        value = wanted;
        number.value = Numbers.spelled(value);
        range.value = String(nearest(steps, value));
        told();
      };
      range.addEventListener("input", () => {
        value = steps[Number(range.value)];
        number.value = Numbers.spelled(value);
        told();
      });
      number.addEventListener("input", () => {
        const typed = number.valueAsNumber;
        if (!Number.isFinite(typed) || typed < lowest) {
          const allowed = lowest > 0 ? "a number above 0" : "a number from 0";
          judged(name, number, `allowed is ${allowed}; ${Numbers.spelled(value)} counts`);
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

    const kept = {}; // the last of each field's numbers that was allowed: what is typed halfway asks nothing new

    /** The number of a field; null where it may be empty and is. */
    function number(name) {
      const { allows, allowed, otherwise } = NUMBERS[name];
      const field = find(name);
      const isEmpty = field.value === "" && !field.validity.badInput;
      const fits = isEmpty ? otherwise === null : Number.isFinite(field.valueAsNumber) && allows(field.valueAsNumber);
      if (fits) kept[name] = isEmpty ? otherwise : field.valueAsNumber;
      judged(name, field, fits ? "" : `allowed is ${allowed}; ${kept[name] ?? "no limit"} counts`);
      return kept[name] ?? null;
    }

    const top = study.budgets.length
      ? study.budgets.at(-1)
      : Math.max(...study.families.flatMap((one) => one.cells.map((cell) => cell.training)));
    const budget = paired("budget", budgetSteps(), top, "FLOPs", Number.MIN_VALUE);
    const queries = paired("queries", querySteps(), study.queries, "queries", 0);

    // ---- what is asked

    function money() {
      const axis = find("unit").value;
      if (axis === "flops") {
        for (const name of ["price", "batch", "utilisation"]) judged(name, find(name), ""); // hidden, and not asked
        return null;
      }
      return {
        axis,
        device: find("device").value,
        price_per_hour: number("price"),
        batch_size: number("batch"),
        utilisation: number("utilisation") / 100,
      };
    }

    function asked() {
      const target = number("target");
      return {
        family: Number(find("family").value),
        budget: budget.get(),
        queries: queries.get(),
        money: money(),
        convention: find("convention").value,
        inference_budget: number("query-cap"),
        lifetime_budget: number("life-cap"),
        target: target === null ? null : target / 100,
      };
    }

    function unitChanged() {
      const isMoney = find("unit").value !== "flops";
      for (const node of root.querySelectorAll("[data-for=money]")) node.hidden = !isMoney;
      for (const node of root.querySelectorAll("[data-for=usd]")) node.hidden = find("unit").value !== "usd";
      find("convention").disabled = isMoney;
      for (const node of root.querySelectorAll(".unit"))
        node.textContent = isMoney ? Rows.UNITS[find("unit").value] : "FLOPs";
      for (const name of ["query-cap", "life-cap"]) find(name).value = ""; // a limit in FLOPs is none in dollars
    }

    const choose = (family) => (find("family").value = family);

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
    }

    find("unit").addEventListener("change", unitChanged);
    unitChanged();
    return { asked, axis: () => find("axis").value, choose, reset };
  }

  return { opened };
})();
