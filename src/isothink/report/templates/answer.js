// The answer of the first screen in words and tiles. Everything that comes from data is written as text. Used by
// explorer.js.
"use strict";
const Answer = (() => {
  const OUTCOMES = ["ift", "reasoning", "curriculum", "other", "unresolved"];
  const show = (id) => document.getElementById(id);

  /** What writes the answers of a study: `show` a verdict, and the texts of a break-even. */
  function opened(study) {
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

    function breakEvenTexts({ break_even: even, recommended }) {
      if (!recommended) return ["none", "nothing is recommended, so nothing is compared"];
      if (!even) return ["none", "it needs a configuration of both IFT and reasoning within every budget"];
      if (even.kind === "no_equal_accuracy")
        return ["none", `not both arms reach ${Numbers.percent(even.target_accuracy)}`];
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
          [
            "Expected accuracy",
            Numbers.percent(one.accuracy),
            `${study.level_text} interval ${percents(one.interval)}`,
          ],
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
      if (one) found.push(["Break-even", ...breakEvenTexts(verdict), "wide"]);
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
        /, and (differences below|no difference can) .*$/,
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
      if (lead.textContent !== `${family.name}: ${text}`)
        lead.replaceChildren(element("bdi", family.name), `: ${text}`);
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
      if (!one) return verdict.reasons.join("; ").replace(/^cannot tell /, ""); // the badge says it
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
        Numbers.spelled(question.budget),
        "--queries",
        Numbers.spelled(question.queries),
      ];
      if (question.inference_budget !== null)
        parts.push("--inference-budget", Numbers.spelled(question.inference_budget));
      if (question.lifetime_budget !== null) parts.push("--lifetime-budget", Numbers.spelled(question.lifetime_budget));
      if (question.target !== null) parts.push("--target", Numbers.spelled(question.target));
      if (!question.money && question.convention !== study.convention)
        parts.push("--convention", quoted(question.convention));
      if (question.money) {
        const { axis, device, price_per_hour, batch_size, utilisation } = question.money;
        parts.push("--axis", axis, "--device", quoted(device));
        if (axis === "usd") parts.push("--price", Numbers.spelled(price_per_hour));
        parts.push("--batch-size", batch_size, "--utilisation", utilisation);
      }
      show("answer-command").textContent = parts.join(" ");
    }

    function showAll(verdict, question) {
      sentences(verdict, question);
      tiles(verdict, question);
      command(question);
      families(question, verdict);
    }

    return { show: showAll, breakEvenTexts };
  }

  return { opened };
})();
