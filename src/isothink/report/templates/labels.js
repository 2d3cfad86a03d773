// Where the words of the line of equal accuracy stand in the first screen's plot: beside the line, where they cover
// least. Pure; used by rows.js.
"use strict";
const Labels = (() => {
  const AXIS_ROOM = 74; // pixels of the numbers and the title of the accuracy axis
  const LETTER = 6; // pixels, of letters of 11
  const DISTANCES = [10, -10, 24, -24]; // from the line; a ring on it leaves no room close to it
  const STEPS = 12; // places beside the line that are tried
  const WEIGHTS = { line: 1, mark: 2, far: 3, ring: 20, outside: 1000 };

  /** What is drawn, as boxes in pixels from the lower left, each with the weight of covering it. */
  function boxes({ domain, y, data }, [width, tall]) {
    const across = (cost) => (width * Math.log(cost / domain[0])) / Math.log(domain[1] / domain[0]);
    const up = (accuracy) => (tall * (accuracy - y[0])) / (y[1] - y[0]);
    const box = ([from, to], [low, high], room, weight) => ({
      left: across(from) - room,
      right: across(to) + room,
      low: up(low) - room,
      high: up(high) + room,
      weight,
    });
    const around = (one, room, weight) => box([one.place, one.place], [one.accuracy, one.accuracy], room, weight);
    return [
      ...data.cells.flatMap((one) => [
        box([one.place, one.place], [one.low, one.high], 1, WEIGHTS.line),
        around(one, 8, WEIGHTS.mark),
      ]),
      ...data.even.map((one) => around(one, 12, WEIGHTS.ring)),
      ...data.recommended.map((one) => around(one, 14, WEIGHTS.ring)),
      ...data.limit.map(({ cost }) => box([cost, cost], y, 1, WEIGHTS.line)),
      ...data.members.slice(1).map(({ cost }, before) => {
        const step = data.members[before]; // the frontier's line is flat up to the next member
        return box([step.cost, cost], [step.accuracy, step.accuracy], 1, WEIGHTS.line);
      }),
    ];
  }

  /** The left end and the middle, in pixels, of a text as wide as `long` beside a line at a height. */
  function freest(long, height, [width, tall], covered) {
    let best = null;
    for (const distance of DISTANCES) {
      const middle = height + distance;
      const outside = middle < 8 || middle > tall - 8 ? WEIGHTS.outside : 0;
      const far = Math.abs(distance) > 10 ? WEIGHTS.far : 0;
      for (let step = 0; step <= STEPS; step += 1) {
        const left = 2 + (Math.max(0, width - long - 4) * step) / STEPS;
        const cost = covered
          .filter((one) => one.left < left + long && one.right > left && one.low < middle + 8 && one.high > middle - 8)
          .reduce((sum, one) => sum + one.weight, outside + far);
        if (best === null || cost < best.cost) best = { cost, left, middle };
      }
    }
    return best;
  }

  /** The words of the targets of a plot with their places in its costs and accuracies; `size` is that of its place. */
  function ofTargets(plot, size) {
    const { domain, y, data } = plot;
    const area = [Math.max(1, size[0] - AXIS_ROOM), size[1]];
    const drawn = boxes(plot, area);
    return data.target.map(({ accuracy, text }) => {
      const height = (area[1] * (accuracy - y[0])) / (y[1] - y[0]);
      const { left, middle } = freest(LETTER * text.length, height, area, drawn);
      return {
        cost: domain[0] * (domain[1] / domain[0]) ** (left / area[0]),
        accuracy: y[0] + (middle / area[1]) * (y[1] - y[0]),
        text,
      };
    });
  }

  return { ofTargets };
})();
