// The controls of the first screen: what they offer, and the question that they ask. Used by explorer.js.
"use strict";
const Controls = (() => {
  const find = (name) => document.getElementById(`set-${name}`);

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
