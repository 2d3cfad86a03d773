// A family's configurations with their stored draws and prices: evidence/candidates.py and evidence/money.py in the
// page. Like every script that decides, it keeps the order of operations of its Python twin, so that both give the
// same floating-point numbers; the tests compare them.
"use strict";
const Candidates = (() => {
  const DRAW_UNIT = 1e-4; // draws are stored as whole numbers of it
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

  // ---- prices

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
  const priced = (study, flops, money) =>
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
      const unit = (seconds) => inUnit(seconds, money);
      among.training = training.map((flops) => unit(secondsOf(flops, device, money)));
      among.once = spent.map((flops) => unit(secondsOf(flops, device, money)));
      among.perQuery = cells.map((cell) => unit(secondsToServe(cell.serving, device, money)));
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

  /** numpy's linear quantile of sorted values. */
  function quantile(sorted, share) {
    const place = (sorted.length - 1) * share;
    const before = Math.floor(place);
    const low = sorted[before],
      high = sorted[Math.min(before + 1, sorted.length - 1)];
    const part = place - before;
    return part >= 0.5 ? high - (high - low) * (1 - part) : low + (high - low) * part;
  }

  return { opened, unpacked, candidates, withDraws, lifetimes, priced, quantile };
})();
