// Which configurations no other beats in both accuracy and cost, and how probably: evidence/frontier.py in the page.
"use strict";
const Frontier = (() => {
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
    const costs = { training: among.training, query: among.perQuery, life: Candidates.lifetimes(among, queries) }[axis];
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

  return { frontier };
})();
