"""Reordered weights: the same scores, whichever way a matrix is shared, biased or shaped."""

import pytest

torch = pytest.importorskip("torch", reason="needs the [train] extra")

from isothink.backends import packed_weights  # noqa: E402
from isothink.backends.packed_weights import pack_weights  # noqa: E402


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(600, 256)
        self.biased = torch.nn.Linear(256, 300)
        self.plain = torch.nn.Linear(300, 256, bias=False)
        self.small = torch.nn.Linear(256, 256 // 2)
        self.grow = torch.nn.Linear(128, 256)
        self.head = torch.nn.Linear(256, 600, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        return self.head(self.grow(self.small(self.plain(self.biased(self.embedding(ids)).tanh()))))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model().eval()


def test_scores_are_the_same_for_few_rows_and_many(model):
    inputs = [torch.randint(600, shape) for shape in ((1, 1), (5, 1), (16, 1), (3, 70), (7,))]
    with torch.inference_mode():
        before = [model(ids) for ids in inputs]
    embedding = model.embedding.weight.clone()
    pack_weights(model, 16)
    if not packed_weights._is_possible():
        pytest.skip("oneDNN's operators are not here")
    assert [layer.weight.is_mkldnn for layer in (model.biased, model.plain, model.head)] == [True] * 3
    assert not model.small.weight.is_mkldnn and torch.equal(model.embedding.weight, embedding)
    pack_weights(model, 16)  # what is packed stays
    with torch.inference_mode():
        for ids, scores in zip(inputs, before, strict=True):
            assert model(ids).shape == scores.shape
            torch.testing.assert_close(model(ids), scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types_stay_as_they_are(model, dtype):
    model = model.to(dtype)
    pack_weights(model, 16)
    assert not any(parameter.is_mkldnn for parameter in model.parameters())


def test_where_the_operators_are_missing_nothing_changes(model, monkeypatch):
    monkeypatch.setattr(packed_weights, "_is_possible", lambda: False)
    pack_weights(model, 16)
    assert not any(parameter.is_mkldnn for parameter in model.parameters())
