// What would change a verdict: evidence/outlook.py in the page. What more items or seeds would do is told by the study.
"use strict";
const Outlook = (() => {
  /** Which arm is the cheaper on the side of the break-even where the number of queries is not. */
  function beyondBreakEven(even, queries) {
    const fewer = queries > even.queries;
    const arm = (even.cheaper_below === "reasoning") === fewer ? "reasoning" : "IFT";
    const number = Numbers.short(even.queries);
    return `${fewer ? "fewer" : "more"} than ${number} queries: at equal accuracy ${arm} is the cheaper`;
  }

  /** Where the recommended configuration lies at an end, what lies beyond was not tried. */
  function ends({ ladder, budgets, students }, own) {
    const student = students[own.student];
    const statements = [];
    if (student === ladder.at(-1)) statements.push(`a student larger than ${student}: the ladder ends there`);
    else if (student === ladder[0]) statements.push(`a student smaller than ${student}: the ladder begins there`);
    if (budgets.length && own.budget >= budgets.at(-1)) {
      statements.push(`a budget above ${Numbers.flops(budgets.at(-1))}: the grid ends there`);
    }
    return statements;
  }

  /** Concrete statements, the most useful first; `own` is the recommended cell. */
  function wouldChangeIt(study, { deciding, own, even, queries }) {
    const more = deciding.map((item) => item.more_data).filter(Boolean);
    const beyond = even && even.queries !== null ? [beyondBreakEven(even, queries)] : [];
    return [...new Set([...more, ...beyond, ...ends(study, own)])];
  }

  return { wouldChangeIt };
})();
