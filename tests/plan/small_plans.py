"""Small plans, and the method's definitions once more: one step after the other, slowly."""

from dataclasses import dataclass

import numpy as np
from small_lengths import lengths_of
from study_example import put, study_of, valid_study

from isothink.corpus.order import format_draws, prompt_order
from isothink.domain.arm import Mixed, Sequential
from isothink.plan.planner import ItemLengths, plan

ITEMS = ItemLengths(identity="items", prompt_tokens=np.array([4, 5, 9]))


def study_with(*changes):
    """The example study with (dotted key, value) changes."""
    data = valid_study()
    data["seeds"] = {"default": 1}
    data["budgets"]["training_flops"] = [1e7, 2e7]
    data["training"]["batch"]["size"] = 32
    for key, value in changes:
        put(data, [int(part) if part.isdigit() else part for part in key.split(".")], value)
    return study_of(data)


def plan_with(*changes, lengths=None, items=ITEMS, completed=None):
    return plan(study_with(*changes), lengths or lengths_of([40, 12], spread=2), items, completed)


def cell_of(planned, cell):
    return next(one for one in planned.cells if one.id == cell)


def path_of(planned, cell):
    segments = {segment.id: segment for segment in planned.segments}
    return [segments[identity] for identity in cell.path]


def training_flops(architecture, vocabulary, tokens):
    """FLOPs of training on one sequence, part by part as in the table of the definition."""
    hidden, forward = architecture["hidden_size"], 2 * tokens * vocabulary * architecture["hidden_size"]
    query = architecture["num_attention_heads"] * architecture["head_dim"]
    key = architecture["num_key_value_heads"] * architecture["head_dim"]
    for _ in range(architecture["num_hidden_layers"]):
        forward += 2 * tokens * hidden * (query + 2 * key) + 2 * tokens * query * hidden
        forward += sum(4 * query * keys for keys in range(1, tokens + 1))
        forward += 6 * tokens * hidden * architecture["intermediate_size"]
    return 3 * forward


@dataclass
class Expected:
    """What a cell is by the definitions: (stream, first, last) of every optimizer step, and where the decay begins."""

    feasible: bool
    steps: list
    decay_from: int
    flops: int
    prompts: int
    epochs: float


class Naive:
    """One student under one seed."""

    def __init__(self, study, index, lengths, seed, positions):
        self.study, self.lengths, self.seed = study, lengths, seed
        architecture = study.students[index].architecture
        self.order = prompt_order(lengths, seed=seed, count=positions).tolist()
        self.draws = format_draws(lengths, seed=seed).tolist()
        price = {}
        for tokens in {*lengths.ift.tolist(), *lengths.reasoning.tolist()}:
            price[tokens] = training_flops(architecture, lengths.vocabulary_size, tokens)
        self.price = price
        self.read_before = {}

    def tokens(self, stream, position):
        key = (stream, position)
        if key not in self.read_before:
            pair = self.order[position]
            is_reasoning = stream == "reasoning" or (stream != "ift" and self.draws[pair] < float(stream[6:-1]))
            self.read_before[key] = int((self.lengths.reasoning if is_reasoning else self.lengths.ift)[pair])
        return self.read_before[key]

    def cost(self, stream, first, last):
        return sum(self.price[self.tokens(stream, position)] for position in range(first, last))

    def step_from(self, stream, first):
        """Where the optimizer step that begins at `first` ends."""
        batch, last, held = self.study.training.batch, first, 0
        if batch.unit == "instances":
            return first + batch.size
        while last == first or held + self.tokens(stream, last) <= batch.size:
            held += self.tokens(stream, last)
            last += 1
        return last

    def read(self, stream, start, budget):
        """Steps from `start` on, as long as they do not exceed the budget."""
        steps, first = [], start
        while True:
            last = self.step_from(stream, first)
            price = self.cost(stream, first, last)
            if price > budget:
                return steps, budget
            steps.append((stream, first, last))
            budget -= price
            first = last

    def boundary(self, rho, budget):
        """The IFT prompts of the largest affordable number of prompts, by linear search, rounded to a step."""
        best, count = 0, 0
        plain_part, thought_part = [0], [0]
        cheapest = 0
        while cheapest <= budget:
            plain = round((1 - rho) * count)
            if plain_part[plain] + thought_part[count] - thought_part[plain] <= budget:
                best = count
            plain_cost, thought_cost = (self.cost(name, count, count + 1) for name in ("ift", "reasoning"))
            plain_part.append(plain_part[-1] + plain_cost)
            thought_part.append(thought_part[-1] + thought_cost)
            cheapest += min(plain_cost, thought_cost)
            count += 1
        wanted = round((1 - rho) * best)
        edges = [0]
        while edges[-1] < wanted:
            edges.append(self.step_from("ift", edges[-1]))
        return min(edges, key=lambda edge: (abs(edge - wanted), -edge))

    def cell(self, arm, budget):
        total = budget
        if isinstance(arm, Sequential):
            start = self.boundary(arm.rho, budget)
            steps, first = [], 0
            while first < start:
                last = self.step_from("ift", first)
                steps.append(("ift", first, last))
                first = last
            left = budget - self.cost("ift", 0, start)
            second, left = self.read("reasoning", start, left) if left >= 0 else ([], 0)
            whole = bool(steps) and bool(second)
            steps += second
        else:
            name = f"mixed({arm.rho})" if isinstance(arm, Mixed) else arm.format
            steps, left = self.read(name, 0, budget)
            whole = bool(steps)
        training = self.study.training
        spent, constant = 0, 0
        for stream, first, last in steps:
            spent += self.cost(stream, first, last)
            constant += spent <= total - round(training.decay_share * total)
        prompts = steps[-1][2] if steps else 0
        seen = np.bincount(self.lengths.source[self.order[:prompts]], minlength=len(self.lengths.sources))
        epochs = float(max(seen / np.bincount(self.lengths.source))) if prompts else 0.0
        feasible = whole and constant < len(steps) and constant >= training.warmup_steps
        return Expected(
            feasible=feasible and epochs <= training.max_epochs,
            steps=steps,
            decay_from=constant,
            flops=spent,
            prompts=prompts,
            epochs=epochs,
        )
