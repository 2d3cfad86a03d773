"""Compiled layers and losses: the same training, made once for all lengths, and done without where the compiler fails.

The compiler's front end runs here; the kernels that it makes for a GPU are looked at by scripts/check_gpu.py.
"""

import pytest

torch = pytest.importorskip("torch", reason="training needs the [train] extra")
pytest.importorskip("transformers", reason="training needs the [train] extra")

from isothink.backends import compilation  # noqa: E402
from isothink.backends.compilation import Compiled, pays  # noqa: E402

from .trainer_example import CONFIG, losses, opened, steps, trained  # noqa: E402

SLIDING = {
    **CONFIG,
    "model_type": "gemma3_text",
    "sliding_window": 5,
    "sliding_window_pattern": 2,
    "query_pre_attn_scalar": 8,
}
PLAN = steps(4, size=9)


@pytest.fixture(autouse=True)
def _forget_graphs():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def compiled(backend, **changes):
    state = opened(**changes)
    state._compiled = Compiled(state._model, backend)
    return state, [state.step(step) for step in PLAN]


@pytest.mark.parametrize(
    ("config", "recomputes"),
    [
        pytest.param(CONFIG, False, id="qwen3"),
        pytest.param(SLIDING, True, id="gemma3", marks=pytest.mark.long),
    ],
)
def test_compiled_training_is_the_same_and_compiled_once_for_all_lengths(config, recomputes):
    _, plain = trained(PLAN, config=config)
    state, metrics = compiled("aot_eager", config=config, activation_checkpointing=recomputes)
    assert losses(metrics) == pytest.approx(losses(plain), rel=1e-6)
    assert losses(metrics)[0] != losses(metrics)[-1], "the control: weights moved"
    assert state._compiled is not None
    kinds_of_layers = 2 if config is SLIDING else 1
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == kinds_of_layers + 1, "layers, and the loss"
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize("recomputes", [False, True])
def test_a_compiler_that_fails_costs_nothing_but_time(recomputes):
    def broken(graph, inputs):
        raise OSError("Failed to find C compiler")

    _, plain = trained(PLAN, activation_checkpointing=recomputes)
    with pytest.warns(UserWarning, match="torch.compile failed, training goes on without: .*Failed to find C compiler"):
        state, metrics = compiled(broken, activation_checkpointing=recomputes)
    assert state._compiled is None
    assert losses(metrics) == losses(plain)


def test_a_mistake_that_compiling_did_not_make_is_raised():
    state = opened()
    state._compiled = Compiled(state._model, "aot_eager")
    state._model.forward = None
    with pytest.warns(UserWarning, match="goes on without"), pytest.raises(TypeError):
        state.step(PLAN[0])


def test_it_pays_for_large_students_on_a_gpu_that_trains_alone(monkeypatch):
    model = opened()._model
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    monkeypatch.setattr(compilation, "find_spec", lambda name: object())
    assert not pays(model, gpu, 1)
    monkeypatch.setattr(compilation, "LEAST_PARAMETERS", model.num_parameters())
    assert pays(model, gpu, 1)
    assert not pays(model, cpu, 1)
    assert not pays(model, gpu, 2)
    monkeypatch.setattr(compilation, "find_spec", lambda name: None)
    assert not pays(model, gpu, 1)
